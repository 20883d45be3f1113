"""YAML of somebody else costs what its text costs."""

import time

import pytest
import yaml

from bastaix.api.yaml_reader import read_yaml
from bastaix.render.serve_config import scaled_deployment
from bastaix.schema.documents import MOST_CHARACTERS, Unusable, read, refuse_templates

LAUGHS = "a0: &a0 [x]\n" + "".join(
    f"a{level}: &a{level} [{','.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 9)
)


@pytest.mark.parametrize("text", [LAUGHS, "a: &a [*a]", "[" * 5000 + "]" * 5000])
def test_refuses_what_grows_or_is_nested_without_end(text: str) -> None:
    with pytest.raises((yaml.YAMLError, ValueError)):
        read_yaml(text)
    assert scaled_deployment(text) is None


@pytest.mark.parametrize("begin", ["", "<<: "])
def test_a_file_that_grows_by_its_aliases_is_of_no_use(begin: str) -> None:
    levels = (
        f"a{level}: &a{level} {{<<: [{','.join([f'*a{level - 1}'] * 10)}]}}\n"
        for level in range(1, 9)
    )
    with pytest.raises(Unusable, match=r"x\.yaml"):
        read("a0: &a0 {x: 1}\n" + "".join(levels) if begin else LAUGHS, "x.yaml")


def test_a_file_that_is_too_large_is_not_read() -> None:
    with pytest.raises(Unusable, match="the limit is"):
        read(" " * (MOST_CHARACTERS + 1), "x.yaml")


@pytest.mark.parametrize("begin", ["${", "{{", "<a", "$("])
def test_looking_for_placeholders_takes_no_more_than_a_moment(begin: str) -> None:
    began = time.process_time()
    refuse_templates({"spec": {"model": {"id": begin * 100_000}}})
    assert time.process_time() - began < 2
