"""The artifact's bytes are compared before Ray starts, and Ray reads what was compared."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bastaix.api import names
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.render import code
from bastaix.render.raycluster import raycluster
from bastaix.render.serve_config import serve_config
from tests.unit.bodies import DIGEST, body, with_field

DATA = b"PK\x05\x06" + bytes(18)
HEX = hashlib.sha256(DATA).hexdigest()


def check(folder: Path, held: bytes | None = DATA, **env: str) -> subprocess.CompletedProcess[str]:
    """What the init container does, with the Secret mounted in `secret`."""
    secret, copy = folder / "secret", folder / "copy"
    for each in (secret, copy):
        each.mkdir()
    if held is not None:
        (secret / f"{HEX}.zip").write_bytes(held)
    (container,) = code.init_containers(DIGEST, image="x", pull_policy="Always", security={})
    command = [*container["command"], HEX, str(secret), str(copy)]
    given = {"PATH": os.environ["PATH"], **env}
    return subprocess.run(command, env=given, capture_output=True, text=True, check=False)


def tools(folder: Path, *wanted: str) -> str:
    """A PATH that holds these programs alone."""
    place = folder / "bin"
    place.mkdir()
    for name in wanted:
        found = sys.executable if name == "python3" else shutil.which(name)
        assert found is not None, name
        (place / name).symlink_to(Path(found).resolve())
    return str(place)


def test_an_artifact_that_is_the_one_named_is_copied(tmp_path: Path) -> None:
    ended = check(tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "copy" / f"{HEX}.zip").read_bytes() == DATA


@pytest.mark.parametrize("held", [DATA + b"\0", DATA[:-1], b"", b"another"])
def test_another_one_ends_the_pod_and_says_so(tmp_path: Path, held: bytes) -> None:
    ended = check(tmp_path, held)
    assert ended.returncode == names.MISMATCH_EXIT_CODE
    assert hashlib.sha256(held).hexdigest() in ended.stderr
    assert HEX in ended.stderr
    assert not list((tmp_path / "copy").iterdir()), "nothing is left that Ray could run"


def test_so_does_a_secret_that_lacks_the_file(tmp_path: Path) -> None:
    ended = check(tmp_path, None)
    assert ended.returncode == names.MISMATCH_EXIT_CODE
    assert f"holds no file {HEX}.zip" in ended.stderr


@pytest.mark.parametrize("held", [DATA, b"another"])
def test_python_compares_where_an_image_has_no_sha256sum(tmp_path: Path, held: bytes) -> None:
    ended = check(tmp_path, held, PATH=tools(tmp_path, "sh", "cp", "rm", "python3"))
    assert ended.returncode == (0 if held == DATA else names.MISMATCH_EXIT_CODE)


def test_an_image_that_can_compare_nothing_starts_nothing(tmp_path: Path) -> None:
    ended = check(tmp_path, PATH=tools(tmp_path, "sh", "cp", "rm"))
    assert ended.returncode == 1
    assert ended.stderr.endswith("the image has neither sha256sum nor python3\n")
    assert not list((tmp_path / "copy").iterdir())


def test_kubernetes_finds_no_variable_of_its_own_in_the_command() -> None:
    assert "$(" not in code.CHECK


def pods(**fields: Any) -> Iterator[dict[str, Any]]:
    given = body()
    for field, value in fields.items():
        given = with_field(given, field.replace("__", "."), value)
    md = ModelDeployment.from_body(given)
    digest = None if "image" in given["spec"]["source"] else DIGEST
    cluster = raycluster(md, "1a2b3c4d", digest)
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        yield group["template"]["spec"]


def test_head_and_workers_compare_with_the_digest_of_their_revision() -> None:
    for spec in pods():
        (container,) = spec["initContainers"]
        assert container["args"][0] == DIGEST.removeprefix("sha256:")
        assert container["image"] == spec["containers"][0]["image"]


def test_ray_sees_the_copy_alone_and_cannot_change_it() -> None:
    md = ModelDeployment.from_body(body())
    for spec in pods():
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        mounts = spec["containers"][0]["volumeMounts"]
        (mount,) = [each for each in mounts if each["mountPath"] == code.SOURCE_PATH]
        assert mount["readOnly"] is True
        assert "emptyDir" in volumes[mount["name"]]
        assert not [each for each in mounts if "secret" in volumes[each["name"]]]
    file = f"file://{code.SOURCE_PATH}/{names.artifact_file(DIGEST)}"
    assert serve_config(md, DIGEST)["applications"][0]["runtime_env"]["working_dir"] == file


def test_the_check_is_as_restricted_as_the_pod_and_is_given_nothing() -> None:
    env = [{"name": "HF_TOKEN", "value": "s3cret"}]
    for spec in pods(spec__runtime={"env": env}):
        (container,) = spec["initContainers"]
        security = container["securityContext"]
        assert {"env", "envFrom"}.isdisjoint(container)
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["runAsNonRoot"] is True
        assert security["readOnlyRootFilesystem"] is True
        assert spec["automountServiceAccountToken"] is False
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}


def test_code_in_the_image_has_nothing_to_compare() -> None:
    for spec in pods(spec__source={"image": {}}):
        assert "initContainers" not in spec
        assert not [volume for volume in spec["volumes"] if volume["name"].startswith("bastaix-c")]
