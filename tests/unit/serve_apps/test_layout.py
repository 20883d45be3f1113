"""Each app's folder is complete on its own: what it needs is in it, by bare name."""

import ast
import sys
from pathlib import Path

import pytest

import serve_apps

ROOT = Path(serve_apps.__file__).parent
APPS = sorted(path.parent for path in ROOT.glob("*/app.py"))
# What the image gives an app.
GIVEN = {"fastapi", "pydantic", "ray", "starlette", "yaml"}


def imported(module: Path) -> set[str]:
    """The top-level names a module imports; a relative import counts as `.`."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." if node.level else (node.module or "").split(".")[0])
    return names


def test_there_are_apps() -> None:
    assert [app.name for app in APPS] == ["echo", "topics", "vllm_openai"]


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.name)
def test_an_app_imports_its_own_modules_and_what_the_image_gives(app: Path) -> None:
    own = {module.stem for module in app.glob("*.py")}
    for module in app.glob("*.py"):
        assert imported(module) <= own | GIVEN | sys.stdlib_module_names, module


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.name)
def test_an_apps_module_hides_nobody_elses(app: Path) -> None:
    own = {module.stem for module in app.glob("*.py")} - {"__init__"}
    assert not own & (sys.stdlib_module_names | {"openai", "vllm", "torch", "metrics", *GIVEN})


def test_the_check_of_arguments_is_the_same_in_every_app() -> None:
    assert len({(app / "arguments.py").read_bytes() for app in APPS}) == 1


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.name)
def test_the_readme_says_how_to_run_the_app(app: Path) -> None:
    assert "serve run" in (app / "README.md").read_text()
