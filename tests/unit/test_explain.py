"""`bastaix explain`: what a reason means, on a terminal."""

import pytest
from click.testing import CliRunner

from bastaix.api.reasons import ALL
from bastaix.cli import main
from bastaix.explain import page


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["explain", *args])
    return result.exit_code, result.output


def test_a_reason_is_explained_whatever_its_capitals() -> None:
    code, said = run("moduleNOTFOUND".replace("module", "model"))
    assert code == 0
    assert said.startswith("ModelNotFound (error)\n")
    for part in ("What to do: ", "From: ", "Goes on: when the spec changes"):
        assert part in said


def test_without_a_name_all_are_listed() -> None:
    code, said = run()
    assert code == 0
    assert all(reason.name in said for reason in ALL)


def test_a_misspelt_name_is_told_with_the_right_one() -> None:
    code, said = run("ModelNotFund")
    assert code == 2
    assert "did you mean ModelNotFound" in said


@pytest.mark.parametrize("reason", ALL, ids=str)
def test_the_page_has_every_reason(reason: object) -> None:
    assert f"\n### {reason}\n" in page()
