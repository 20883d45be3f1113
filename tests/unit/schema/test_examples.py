"""The ModelDeployments that the demo applies keep the CRD's rules once they are filled in."""

import string
from pathlib import Path

import pytest

import demo
from bastaix.schema.crd import examine
from bastaix.schema.documents import read
from bastaix.schema.rules import Rules

EXAMPLES = sorted(Path(demo.__file__).parent.glob("*.yaml"))
FILLED = {"NAMESPACE": "demo", "COMMIT": "3f9c2a1d" * 5, "IMAGE": "localhost/bastaix/ray:1"}


def test_there_are_examples() -> None:
    assert [example.name for example in EXAMPLES] == ["smollm2.yaml", "topics.yaml"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_is_accepted(example: Path) -> None:
    pytest.importorskip("cel_expr_python.cel", reason="the extra `check` is not installed")
    text = string.Template(example.read_text()).substitute(FILLED)
    (body,) = read(text, example.name)
    assert [str(violation) for violation in examine(body, Rules())] == []
