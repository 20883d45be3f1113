"""`bastaix reprex` and `bastaix run` with a real Ray: each step's failure, and a good app.

What fails before there is a Ray costs the import of Ray alone; one app is run by each command, and
one fails in its constructor.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.serve.running import APPS, until

SECONDS = 300.0
SECRET = "Xanthippe-4711"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A working tree of the echo app, to be spoilt."""
    folder = tmp_path / "tree"
    shutil.copytree(APPS / "echo", folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def written(folder: Path, **spec: Any) -> Path:
    body = {
        "apiVersion": "serving.bastaix.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "tiny", "namespace": "demo"},
        "spec": {
            "source": {"git": {"repository": "https://github.com/a/b", "commit": "3f9c2a1d" * 5}},
            "app": {"importPath": "app:build"},
            "model": {"id": "org/tiny-1.0"},
            **spec,
        },
    }
    file = folder / "model.yaml"
    file.write_text(yaml.safe_dump(body))
    return file


def command(name: str, python: str, file: Path, tree: Path, *more: str) -> list[str]:
    options = ["--offline", str(tree), "--python", python, *more]
    return [sys.executable, "-m", "bastaix", name, str(file), *options]


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "HOME": str(folder), "TMPDIR": str(folder), **more}


def reprex(
    python: str, tree: Path, file: Path, **variables: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command("reprex", python, file, tree),
        env=environment(tree.parent, **variables),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def shown(output: str) -> str:
    """The command that is to show the failure without Bastaix."""
    lines = output.splitlines()
    return lines[lines.index("  the same without Bastaix:") + 1].strip()


def steps(output: str) -> list[str]:
    known = ("fetch", "unpack", "import", "build", "deploy", "first answer")
    lines = [line.strip() for line in output.splitlines()]
    return [step for line in lines for step in known if line.startswith(f"{step} ")]


SPOILT = [
    ("import app.extra\n", "ImportFailed", "'app.extra'"),
    ("import no_such_package\n", "DependencyMissing", "'no_such_package'"),
    ("from fastapi import NoSuchThing\n", "DependencyMisfit", "'NoSuchThing'"),
    ("from answers import NoSuchThing\n", "ImportFailed", "'NoSuchThing'"),
    ("{}['nobody has this key']\n", "ImportFailed", "app.py line 1: KeyError"),
]


@pytest.mark.parametrize(("line", "reason", "evidence"), SPOILT)
def test_what_cannot_be_imported_has_its_reason_and_pythons_own_command(
    ray_python: str, tree: Path, line: str, reason: str, evidence: str
) -> None:
    app = tree / "app.py"
    app.write_text(line + app.read_text())
    ended = reprex(ray_python, tree, written(tree.parent))
    assert ended.returncode == 1, ended.stdout + ended.stderr
    last = ended.stdout.splitlines()[-1]
    assert last.startswith(f"{reason}: ")
    assert evidence in last
    assert steps(ended.stdout) == ["fetch", "unpack", "import"]
    again = subprocess.run(
        shown(ended.stdout), shell=True, capture_output=True, text=True, check=False
    )
    assert again.returncode == 1
    assert evidence.rpartition(": ")[2] in again.stderr


def test_a_name_that_only_seemed_to_be_there_is_missed(ray_python: str, tree: Path) -> None:
    (tree / "app.py").write_text("globals()['other'] = print\n")
    ended = reprex(ray_python, tree, written(tree.parent))
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[-1] == (
        "AttributeMissing: AttributeError: module 'app' has no attribute 'build'"
    )
    assert shown(ended.stdout).endswith('-c "import app; app.build"')


def test_wrong_arguments_fail_the_build(ray_python: str, tree: Path) -> None:
    file = written(tree.parent, app={"importPath": "app:build", "args": {"echoo": {}}})
    ended = reprex(ray_python, tree, file)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    last = ended.stdout.splitlines()[-1]
    assert last.startswith("ArgumentsRejected: ")
    assert "did you mean 'echo'?" in last
    assert steps(ended.stdout) == ["fetch", "unpack", "import", "build"]
    assert "app.build(json.load(open('../args.json')))" in shown(ended.stdout)


def test_what_is_no_application_is_shown_by_ray_serve_alone(ray_python: str, tree: Path) -> None:
    (tree / "app.py").write_text("def build(arguments: dict) -> None: ...\n")
    ended = reprex(ray_python, tree, written(tree.parent))
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[-1].startswith("NotAnApplication: ")
    assert "serve run config.yaml" in shown(ended.stdout)


def test_a_constructor_that_raises_fails_the_deploy_without_a_secret_in_what_is_said(
    ray_python: str, tree: Path
) -> None:
    app = tree / "app.py"
    crash = "import os; raise RuntimeError('no hope with ' + os.environ['KEY'])"
    app.write_text(app.read_text().replace('settings.crash_in("constructor")', crash))
    reference = {"secretKeyRef": {"name": "keys", "key": "key"}}
    file = written(tree.parent, runtime={"env": [{"name": "KEY", "valueFrom": reference}]})
    ended = reprex(ray_python, tree, file, KEY=SECRET)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[-1].endswith("RuntimeError: no hope with ***")
    assert ended.stdout.splitlines()[-1].startswith("ConstructorFailed: ")
    assert SECRET not in ended.stdout + ended.stderr
    assert steps(ended.stdout)[-1] == "deploy"
    assert "serve run config.yaml" in shown(ended.stdout)
    kept = next(tree.parent.glob("bastaix-*"))
    assert (kept / "ray-logs" / "serve").is_dir()
    files = [path for path in kept.iterdir() if path.is_file()]
    assert files
    assert not [path for path in files if SECRET in path.read_text(errors="replace")]
    assert leftovers() == []


def bundled(folder: Path, file: Path) -> Path:
    """As `kubectl bastaix bundle` writes it."""
    path = folder / "tiny.zip"
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.write(file, "bastaix-tiny/objects/ModelDeployment/tiny.yaml")
    return path


def test_a_replica_that_no_worker_of_the_cluster_has_room_for_fails_here_too(
    ray_python: str, tree: Path
) -> None:
    app = tree / "app.py"
    text = app.read_text()
    assert "num_cpus" in text
    app.write_text(re.sub(r"(\"num_cpus\": )\w+", r"\g<1>3", text))
    file = written(
        tree.parent,
        runtime={"worker": {"rayCPUs": 2}},
        scaling={"minReplicas": 1, "maxReplicas": 2},
    )
    ended = reprex(ray_python, tree, file)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[-1].startswith("RayResourcesUnavailable: ")


def test_a_good_app_out_of_a_bundle_passes_and_leaves_nothing(ray_python: str, tree: Path) -> None:
    bundle = bundled(tree.parent, written(tree.parent))
    ended = reprex(ray_python, tree, bundle)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert steps(ended.stdout) == ["fetch", "unpack", "import", "build", "deploy", "first answer"]
    assert ended.stdout.splitlines()[-1].startswith("OK: ")
    assert list(tree.parent.glob("bastaix-*")) == []
    assert leftovers() == []


def test_run_serves_openais_api_until_it_is_told_to_stop(ray_python: str, tree: Path) -> None:
    with serving(ray_python, tree) as (process, output):
        until(
            lambda: "Serving at " in output.read_text() or process.poll() is not None,
            seconds=SECONDS,
            what="serving",
        )
        text = output.read_text()
        assert "Serving at " in text, text
        url = text.partition("Serving at ")[2].split()[0]
        body = {"model": "org/tiny-1.0", "messages": [{"role": "user", "content": "Hello there"}]}
        request = urllib.request.Request(
            f"{url}/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert answer["choices"][0]["message"]["content"] == "Hello there"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert list(tree.parent.glob("bastaix-*")) == []
    assert leftovers() == []


@contextmanager
def serving(python: str, tree: Path) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    output = tree.parent / "output"
    with output.open("w") as into:
        process = subprocess.Popen(
            command("run", python, written(tree.parent), tree, "--port", "18023"),
            env={**environment(tree.parent), "PYTHONUNBUFFERED": "1"},
            stdout=into,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process, output
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


def leftovers() -> list[str]:
    """Processes of a Ray that was started by the commands."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if "/tmp/bastaix-ray-" in line:
            found.append(line)
    return found
