"""Whatever characters there are, YAML and JSON read the same of it."""

import json

import yaml
from hypothesis import given
from hypothesis import strategies as st

from bastaix.kube.as_yaml import as_yaml

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
ODD = (
    '\\ud83d\\udca5 " \\ \n \t \0 \x7f \x85 \x9f'
    + "\u2028\u2029\ufeff\ufffe\uffff\U0001f4a5\U0010ffff"
)


@given(st.dictionaries(TEXTS, TEXTS))
def test_yaml_reads_what_was_written(manifest: dict[str, str]) -> None:
    assert yaml.safe_load(as_yaml(manifest)) == manifest
    assert json.loads(as_yaml(manifest)) == manifest


def test_characters_beyond_the_first_plane_stand_for_themselves() -> None:
    text = as_yaml({"x": ODD})
    assert "\U0001f4a5" in text
    assert "\\ud83d\\udca5" not in text.replace("\\\\", "")
    assert yaml.safe_load(text) == {"x": ODD}
