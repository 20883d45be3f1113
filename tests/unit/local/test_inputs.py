"""What `bastaix reprex` and `run` are given: a file, a bundle of somebody else, or a name."""

import contextlib
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from bastaix.local import inputs
from bastaix.local.environment import read
from bastaix.observe.masking import MASK
from bastaix.schema.documents import Unusable
from tests.unit.bodies import body, with_field

OBJECT = "bundle/objects/ModelDeployment/smollm2.yaml"


def bundle(folder: Path, **files: str) -> Path:
    path = folder / "bastaix-smollm2.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def of(path: Path) -> dict[str, Any]:
    with inputs.opened(str(path)) as text:
        found: dict[str, Any] = yaml.safe_load(text.read())
        assert text.name == str(path)
    return found


def test_a_file_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    path.write_text("kind: ModelDeployment # mine\n")
    with inputs.opened(str(path)) as text:
        assert text.read() == "kind: ModelDeployment # mine\n"


def test_standard_input_is_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("kind: X"))
    assert inputs.opened("-").read() == "kind: X"


def test_of_a_bundle_the_modeldeployment_is_taken_without_its_status(tmp_path: Path) -> None:
    given = {**body(), "status": {"url": "http://x"}}
    found = of(bundle(tmp_path, **{OBJECT: yaml.safe_dump(given), "bundle/README.txt": "hello"}))
    assert found["spec"] == body()["spec"]
    assert found["metadata"] == {"name": "smollm2", "namespace": "demo"}
    assert "status" not in found


def test_what_was_taken_out_of_a_bundle_is_given_by_its_user(tmp_path: Path) -> None:
    env = [{"name": "HF_TOKEN", "value": MASK}, {"name": "HF_HOME", "value": "/data"}]
    text = yaml.safe_dump(with_field(body(), "spec.runtime", {"env": env}))
    found = of(bundle(tmp_path, **{OBJECT: text}))["spec"]["runtime"]["env"]
    without = read({}, found, [], {})
    assert without.variables == {"HF_HOME": "/data"}
    assert without.notes == (
        f"HF_TOKEN is not set: in the cluster it comes from the Secret {inputs.TAKEN_OUT};"
        " here, export HF_TOKEN=…",
    )
    assert read({}, found, [], {"HF_TOKEN": "mine"}).borrowed == {"HF_TOKEN": "mine"}


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"bundle/README.txt": "hello"}, "holds 0 ModelDeployments"),
        ({OBJECT: "{}", OBJECT.replace("smollm2", "two"): "{}"}, "holds 2 ModelDeployments"),
        ({OBJECT: "a: [1"}, "cannot be read"),
        ({OBJECT: "at: 2020-13-45"}, "cannot be read"),
        ({OBJECT: "[1]"}, "is no ModelDeployment"),
        ({OBJECT: "x" * (inputs.MOST_BYTES + 1)}, "too large"),
    ],
    ids=["none", "two", "no YAML", "no date", "a list", "too large"],
)
def test_a_zip_that_is_no_bundle_says_why(tmp_path: Path, files: dict[str, str], says: str) -> None:
    with pytest.raises(Unusable, match=says):
        inputs.opened(str(bundle(tmp_path, **files)))


@pytest.mark.parametrize("spec", ["hello", {"runtime": "x"}, {"runtime": {"env": [1]}}, None])
def test_a_spec_of_another_form_is_no_traceback(tmp_path: Path, spec: Any) -> None:
    text = yaml.safe_dump({**body(), "spec": spec})
    path = str(bundle(tmp_path, **{OBJECT: text}))
    with contextlib.suppress(Unusable):
        assert yaml.safe_load(inputs.opened(path).read())["kind"] == "ModelDeployment"


@pytest.mark.parametrize("at", [60, -40, -10], ids=["data", "directory", "its end"])
def test_a_damaged_bundle_is_no_traceback(tmp_path: Path, at: int) -> None:
    path = bundle(tmp_path, **{OBJECT: yaml.safe_dump(body()) * 50})
    data = bytearray(path.read_bytes())
    data[at : at + 8 if at > 0 else at + 4] = b"\xff" * (8 if at > 0 else 4)
    path.write_bytes(data)
    with pytest.raises((Unusable, UnicodeDecodeError)):
        inputs.opened(str(path)).read()


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("nobody/has/this.yaml", "there is no file nobody/has/this.yaml"),
        ("gone.zip", "there is no file gone.zip"),
        ("a/b/c", "neither a file nor NAMESPACE/NAME"),
        ("/smollm2", "neither a file nor NAMESPACE/NAME"),
        ("demo/", "neither a file nor NAMESPACE/NAME"),
    ],
)
def test_what_is_no_input_says_so(where: str, says: str) -> None:
    with pytest.raises(Unusable, match=says):
        inputs.opened(where)


def test_of_a_bundle_without_the_arguments_it_is_said_how_to_get_them(tmp_path: Path) -> None:
    given = body()
    given["spec"]["app"]["args"] = {"llm_configs": [{"name": MASK}]}
    with pytest.raises(Unusable, match="--with-args"):
        of(bundle(tmp_path, **{OBJECT: yaml.safe_dump(given)}))
