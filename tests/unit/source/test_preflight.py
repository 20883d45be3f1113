"""What is found wrong with code, or worth a note, before anything is spent on running it."""

import pytest

from bastaix.api import reasons
from bastaix.render.raycluster import RAY_VERSION
from bastaix.source.artifact import Checks
from bastaix.source.preflight import Examination, examine

GOOD = {"app.py": b"def build(args): ..."}
OTHER_IMAGE = "registry.corp/acme/serving:7"


def examined(
    files: dict[str, bytes], image: str | None = None, ray_version: str | None = None
) -> Examination:
    checks = Checks(import_path="app:build", image=image, ray_version=ray_version)
    return examine({**GOOD, **files}, checks)


def failure(examination: Examination) -> tuple[str, str] | None:
    found = examination.failure
    return None if found is None else (found.reason.name, found.message)


def test_says_nothing_of_good_code() -> None:
    assert examined({}) == Examination(None, ())


def test_an_import_that_surely_fails_is_a_failure() -> None:
    assert failure(examined({"app.py": b"buidl = 1"})) == (
        "ImportPathNotFound",
        "app.py has no name build; did you mean buidl?",
    )


def test_one_that_may_fail_is_a_note() -> None:
    examination = examined({"app.py": b"globals().update(build=1)"})
    assert examination.failure is None
    assert examination.notes == (
        "app:build could not be checked: app.py may bind build as it runs: line 1 calls globals()",
    )


@pytest.mark.parametrize(
    "code",
    [b"-" * 200_000 + b"1", b"f" + b"()" * 200_000, b"if 1: ...\n" + b"elif 1: ...\n" * 20_000],
    ids=["operators", "calls", "branches"],
)
def test_code_nested_beyond_measure_is_a_note(code: bytes) -> None:
    examination = examined({"app.py": code})
    assert examination.failure is None
    assert "too deeply nested" in examination.notes[0]


def test_the_path_that_was_selected_stands_before_a_better_one() -> None:
    examination = examine({"llm/app.py": b""}, Checks(import_path="app:build"), "serve/")
    assert examination.failure is not None
    assert "set path: serve/llm" in examination.failure.message


def test_a_file_name_cannot_write_lines_of_its_own() -> None:
    examination = examine({"\n\x1b[31m/app.py": b""}, Checks(import_path="app:build"))
    assert examination.failure is not None
    assert examination.failure.message.isprintable()


def test_a_long_name_does_not_make_a_long_message() -> None:
    examination = examine({"x" * 5000 + "/app.py": b""}, Checks(import_path="app:build"))
    assert examination.failure is not None
    assert len(examination.failure.message) <= 700


CONFLICTS = [
    ("vllm==0.30.0", "vllm 0.29.0"),
    ("vllm[audio]>=0.30", "vllm 0.29.0"),
    ("torch<2.13", "torch 2.13.0"),
    ("torch==2.12.0+cu130", "torch 2.13.0"),
    ("Ray[serve]~=2.50.0", "ray 2.60.0"),
    ("ray==2.9.0 ; python_version >= '3.12'", "ray 2.60.0"),
    ("ray==2.9.0 ; sys_platform == 'linux' and platform_machine == 'x86_64'", "ray 2.60.0"),
    ("ray==2.9.0 --hash=sha256:00  # why not", "ray 2.60.0"),
    ("ray \\\n  == 2.9.0", "ray 2.60.0"),
]


@pytest.mark.parametrize(("line", "held"), CONFLICTS)
def test_names_a_requirement_that_the_image_does_not_meet(line: str, held: str) -> None:
    found = failure(examined({"requirements.txt": f"# of the app\n{line}\n".encode()}))
    assert found is not None
    assert found[0] == reasons.DEPENDENCY_CONFLICT.name
    assert found[1].startswith(f"requirements.txt:2 asks for {line.split()[0].split(';')[0]}")
    assert found[1].endswith(f"and rayproject/ray-llm:2.60.0-py312-cu130 holds {held}")


MET = [
    "vllm==0.29.0",
    "torch==2.13.0+cu130",
    "torch==2.13.*",
    "ray",
    "ray[serve,llm]>=2.53,<3",
    "ray==2.9.0 ; python_version < '3.12'",
    "ray==2.9.0 ; sys_platform == 'darwin'",
    "ray==2.9.0 ; python_full_version >= '3.12.1'",
    "ray @ https://example.com/ray.whl",
    "https://example.com/ray-2.9.0.whl",
    "ray == two",
    "-e .",
    "--index-url https://example.com",
    "#ray==2.9.0",
    "numpy==1.0",
    "ray==" + "9" * 5000,
]


@pytest.mark.parametrize("line", MET)
def test_says_nothing_of_what_is_met_or_not_known(line: str) -> None:
    assert examined({"requirements.txt": line.encode()}) == Examination(None, ())


def test_follows_includes_within_the_code() -> None:
    files = {
        "requirements.txt": b"-r deps/base.txt\n-r ../outside.txt\n-r missing.txt\n",
        "deps/base.txt": b"-r ../requirements.txt\n--requirement=gpu.txt\n",
        "deps/gpu.txt": b"\ntorch==2.0\n",
    }
    found = failure(examined(files))
    assert found is not None
    assert found[1].startswith("deps/gpu.txt:2 asks for torch==2.0, and ")


def test_reads_what_a_windows_shell_wrote() -> None:
    found = failure(examined({"requirements.txt": "ray==1.0\r\n".encode("utf-16")}))
    assert found is not None
    assert found[1].startswith("requirements.txt:1 asks for ray==1.0")


def test_names_three_conflicts_and_counts_the_rest() -> None:
    found = failure(examined({"requirements.txt": b"ray==1\nray==2\nray==3\nray==4\nray==5\n"}))
    assert found is not None
    assert "requirements.txt:3" in found[1]
    assert found[1].endswith("; and 2 more")


PROJECT = b"""
[project]
name = "app"
requires-python = "%s"
dependencies = [
  "numpy",
  "%s",
]
"""


def test_reads_the_dependencies_of_a_project() -> None:
    found = failure(examined({"pyproject.toml": PROJECT % (b">=3.9", b"vllm>=1")}))
    assert found is not None
    assert found[1].startswith("pyproject.toml:7 asks for vllm>=1, and ")


@pytest.mark.parametrize("python", [b">=3.13", b"==3.11.*", b"<3.12", b">3.12,<3.12.1"])
def test_names_a_python_that_the_image_does_not_hold(python: bytes) -> None:
    found = failure(examined({"pyproject.toml": PROJECT % (python, b"ray")}))
    assert found is not None
    assert found[1] == (
        f"pyproject.toml:4 asks for Python {python.decode()},"
        " and rayproject/ray-llm:2.60.0-py312-cu130 holds Python 3.12"
    )


@pytest.mark.parametrize("python", [b">=3.9", b">=3.12.4", b"==3.12.*", b"three"])
def test_a_python_that_the_image_may_hold_is_not_judged(python: bytes) -> None:
    assert examined({"pyproject.toml": PROJECT % (python, b"ray")}) == Examination(None, ())


@pytest.mark.parametrize("text", [b"[", b"project = 1", b"[project]\ndependencies = 1", b"\xff"])
def test_an_unreadable_project_asks_for_nothing(text: bytes) -> None:
    assert examined({"pyproject.toml": text}) == Examination(None, ())


def test_of_another_image_only_the_declared_ray_is_known() -> None:
    files = {
        "requirements.txt": b"vllm==1\ntorch==1\nray==2.55.0\n",
        "pyproject.toml": PROJECT % (b">=3.13", b"vllm==1"),
    }
    assert examined(files, OTHER_IMAGE, "2.55.0").failure is None
    found = failure(examined(files, OTHER_IMAGE, "2.56.0"))
    assert found is not None
    asks = f"requirements.txt:3 asks for ray==2.55.0, and {OTHER_IMAGE} holds ray"
    assert found[1] == f"{asks} 2.56.0 by runtime.rayVersion"
    found = failure(examined(files, OTHER_IMAGE))
    assert found is not None
    assert found[1] == f"{asks} {RAY_VERSION} by the default of runtime.rayVersion"


IMAGES = [
    ("rayproject/ray:2.55.1-py311-gpu", "ray==2.60.0", "ray 2.55.1"),
    ("mirror.corp/hub/rayproject/ray:2.55.1", "ray==2.60.0", "ray 2.55.1"),
    ("rayproject/ray-llm:2.60.0-py312-cu130@sha256:" + "a" * 64, "vllm==1", "vllm 0.29.0"),
    ("rayproject/ray:2.55.1", "ray==1;python_version>='3.9'", None),
    ("rayproject/ray:2.60.0-py312", "vllm==1", None),
    ("rayproject/ray-llm:2.61.0-py312", "vllm==1", None),
    ("rayproject/ray:nightly", "ray==2.60.0", None),
]


@pytest.mark.parametrize(("image", "line", "held"), IMAGES)
def test_rays_own_images_say_in_their_tags_what_they_hold(
    image: str, line: str, held: str | None
) -> None:
    found = failure(examined({"requirements.txt": line.encode()}, image))
    assert (found is None) == (held is None)
    assert found is None or found[1].endswith(f"{image} holds {held}")


def test_a_declared_ray_that_is_not_the_images_is_a_note() -> None:
    assert examined({}, "rayproject/ray:2.55.1-py311").notes == (
        "rayproject/ray:2.55.1-py311 holds Ray 2.55.1 by its tag, but runtime.rayVersion is"
        " 2.60.0: set it to 2.55.1",
    )


def test_a_compiled_module_hides_one_too() -> None:
    (note,) = examined({"torch.so": b"", "torch/extra.py": b""}).notes
    assert note.startswith("torch at the root takes the place")


def test_a_module_that_hides_one_that_is_needed_is_a_note() -> None:
    files = {"json.py": b"", "ray/__init__.py": b"", "vllm/notes.md": b"", "lib/torch.py": b""}
    assert examined(files).notes == (
        "json, ray at the root takes the place of the module of that name that Ray or Python"
        " needs; rename it",
    )
