"""Serve's configuration is the same text as ever: another one would be a drift of what lives."""

import re
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bastaix.render import yaml_text

_BARE_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]+")
TEXTS = st.text(st.characters(exclude_categories=())) | st.from_regex(_BARE_WORD, fullmatch=True)
KEYS = TEXTS | st.text("ab \n", min_size=118, max_size=130)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inside: st.lists(inside) | st.dictionaries(KEYS, inside),
    max_leaves=20,
)


class Pure(yaml.SafeDumper):
    """PyYAML's own writer, which made the texts that live."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = None if _BARE_WORD.fullmatch(value) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


Pure.add_representer(str, text)


def of_pyyaml(value: Any) -> str:
    return str(yaml.dump(value, Dumper=Pure, sort_keys=True, width=2**31))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(KEYS, VALUES))
@example({"": {"": [{"": [[], {}, [[1, {"a": 2}]]]}]}})
@example({"k" * 122: 1, "k" * 123: {"a": [1]}, "k" * 124: [1, [2]], "a\nb": [{"a": 1, "b": 2}]})
@example({"a": ["yes", "No", "ON", "null", "oN", "y", "x" * 3000, "word " * 3000, "~", "=", "<<"]})
@example({"a": [1e300, 1e16, 1e-7, 0.1, -0.0, float("inf"), float("-inf"), float("nan"), 10**30]})
@example({"a": "\0\a\b\t\n\v\f\r\x1b\x7f\x85\xa0\u2028\u2029\ud800\ufeff\uffff\U0001f600/'\"\\"})
def test_writes_what_pyyaml_writes(value: dict[str, Any]) -> None:
    assert yaml_text.dump(value) == of_pyyaml(value)


@pytest.mark.parametrize("code", [0, 0x80, 0x2000, 0xD7C0, 0xFFC0])
def test_writes_each_character_as_pyyaml_does(code: int) -> None:
    value = {"a": [f"{chr(each)} {chr(each)}x" for each in range(code, code + 0x80)]}
    assert yaml_text.dump(value) == of_pyyaml(value)
