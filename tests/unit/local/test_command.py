"""The commands as far as they come without a Ray: what ends them, in which words, and how."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from bastaix.cli import main
from tests.unit.bodies import MD, with_field


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An interpreter that says it has Ray: far enough for all that comes before the import."""
    found = tmp_path / "bin" / "python"
    found.parent.mkdir()
    found.write_text("#!/bin/sh\necho 'found [\"2.60.0\", [3, 12]]'\n")
    found.chmod(0o755)
    return found


def body(**fields: Any) -> dict[str, Any]:
    given = with_field(MD, "metadata", {"name": "smollm2", "namespace": "demo"})
    for field, value in fields.items():
        given = with_field(given, f"spec.{field.replace('__', '.')}", value)
    return given


def invoked(tmp_path: Path, *bodies: dict[str, Any], options: tuple[str, ...] = ()) -> Result:
    file = tmp_path / "model.yaml"
    file.write_text("---\n".join(map(yaml.safe_dump, bodies)))
    return CliRunner().invoke(main, ["reprex", str(file), *options])


def test_without_a_ray_it_is_said_how_to_get_one(tmp_path: Path) -> None:
    result = invoked(tmp_path, body(), options=("--offline", str(tmp_path)))
    assert result.exit_code == 2
    assert f"{sys.executable} has no Ray: pip install 'bastaix[serve]'" in result.output
    assert "--python PATH" in result.output


def test_a_python_without_ray_is_named(tmp_path: Path) -> None:
    options = ("--offline", str(tmp_path), "--python", sys.executable)
    result = invoked(tmp_path, body(), options=options)
    assert result.exit_code == 2
    assert f"{sys.executable} has no Ray Serve" in result.output


def test_what_is_no_program_is_no_python(tmp_path: Path) -> None:
    result = invoked(tmp_path, body(), options=("--python", "/nowhere/python"))
    assert result.exit_code == 2
    assert "--python /nowhere/python is not a program" in result.output


def test_a_claim_must_be_somewhere(tmp_path: Path, python: Path) -> None:
    given = body(model__source="pvc://models/smollm2")
    result = invoked(tmp_path, given, options=("--python", str(python)))
    assert result.exit_code == 2
    assert "--volume models=DIR" in result.output


@pytest.mark.parametrize("volume", ["models", "models=", "=/tmp", "models=/nowhere/at/all"])
def test_a_volume_that_is_none_is_refused(tmp_path: Path, volume: str) -> None:
    result = invoked(tmp_path, body(), options=("--volume", volume))
    assert result.exit_code == 2
    assert "--volume" in result.output


def test_of_several_one_must_be_named(tmp_path: Path) -> None:
    other = with_field(body(), "metadata", {"name": "other"})
    result = invoked(tmp_path, body(), other)
    assert result.exit_code == 2
    assert "say which with --name: smollm2, other" in result.output
    result = invoked(tmp_path, body(), other, options=("--name", "third"))
    assert "there is no ModelDeployment third in" in result.output


def test_what_the_api_server_refuses_is_not_fetched(tmp_path: Path) -> None:
    result = invoked(tmp_path, body(scaling__minReplicas=0))
    assert result.exit_code == 1
    assert result.output.splitlines()[-1].startswith("InvalidSpec: spec.scaling.minReplicas")


def test_a_missing_module_has_the_source_controllers_reason_and_pythons_command(
    tmp_path: Path, python: Path
) -> None:
    tree = tmp_path / "tree"
    (tree / "apps").mkdir(parents=True)
    (tree / "apps" / "main.py").write_text("def build(args): ...\n")
    options = ("--offline", str(tree), "--python", str(python))
    result = invoked(tmp_path, body(source__git__path="apps"), options=options)
    assert result.exit_code == 1
    *_, command, last = result.output.splitlines()
    assert last.startswith("ImportPathNotFound: no module app")
    assert command.endswith(f'cd {tree}/apps && {python} -c "import app; app.build"')
