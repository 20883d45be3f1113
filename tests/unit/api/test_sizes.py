"""What is free-form in a spec has a size, a depth and a number, measured before it is used."""

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bastaix.api import reasons, sizes
from bastaix.api.v1alpha1 import ModelDeployment
from tests.unit.bodies import body, with_field

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
    max_leaves=50,
)


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


def depth(value: Any) -> int:
    inside = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth, inside), default=0) if isinstance(value, dict | list) else 0


def number(value: Any) -> int:
    inside = value.values() if isinstance(value, dict) else value
    return 1 + sum(map(number, inside)) if isinstance(value, dict | list) else 1


def excess(field: str, value: Any) -> str:
    return said(with_field(body(), field, value))


def said(given: dict[str, Any]) -> str:
    found = ModelDeployment.from_body(given).objection
    assert found is not None
    assert found.reason == reasons.SPEC_TOO_LARGE
    return found.message


@given(JSON, st.integers(0, 8))
def test_measures_the_depth_that_a_value_has(value: Any, levels: int) -> None:
    assert sizes.is_deeper(json.dumps(value).encode(), levels) == (depth(value) > levels)


@given(JSON)
def test_counts_no_fewer_values_than_there_are(value: Any) -> None:
    assert sizes.values(json.dumps(value).encode()) >= number(value)


@pytest.mark.parametrize("wide", ["\U0001f600", "\u0100", "\u65e5"])
@pytest.mark.parametrize("is_escaped", [False, True])
@pytest.mark.parametrize("size", [100_000, 600_000])
def test_weighs_a_string_of_wide_characters_by_what_it_takes(
    wide: str, is_escaped: bool, size: int
) -> None:
    value = {"a": "x" * size + wide + '"\\', "b": ""}
    data = json.dumps(value, ensure_ascii=is_escaped).encode()
    assert sizes.weight(data) >= sys.getsizeof(value["a"])
    assert sizes.weight(data) < 4.1 * len(data)


@given(JSON, st.booleans())
def test_weighs_no_less_than_the_strings_take(value: Any, is_escaped: bool) -> None:
    data = json.dumps(value, ensure_ascii=is_escaped).encode(errors="surrogatepass")
    assert sizes.weight(data) >= strings(value)


def strings(value: Any) -> int:
    """Bytes of the characters of all strings, keys too."""
    if isinstance(value, dict):
        return sum(strings(key) + strings(inside) for key, inside in value.items())
    if isinstance(value, list):
        return sum(map(strings, value))
    if not isinstance(value, str):
        return 0
    widest = max(map(ord, value), default=0)
    return len(value) * (1 if widest < 2**8 else 2 if widest < 2**16 else 4)


@pytest.mark.parametrize("text", ["x" * 50_000, "\u00fc" * 50_000, "<" * 50_000, "\\u1234" * 9_000])
def test_weighs_other_strings_by_their_bytes_though_one_beside_them_is_wide(text: str) -> None:
    value = {"a": text, "b": "\U0001f600"}
    data = json.dumps(value, ensure_ascii=False).encode()
    assert sizes.weight(data) < len(data) + 1_000


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("spec.app.args", {"a": "x" * 70_000}, "spec.app.args have 70,"),
        ("spec.app.args", {"a": [0] * 10_001}, "spec.app.args hold 10,0"),
        ("spec.app.args", {"a": nested(32)}, "spec.app.args are nested too deeply"),
        ("spec.app.args", {"a": nested(900)}, "spec.app.args are nested too deeply"),
        ("spec.model.engineArgs", {"a": "ü" * 35_000}, "spec.model.engineArgs have 70,"),
        ("spec.app.check", {"path": "/", "body": {"a": "x" * 70_000}}, "spec.app.check.body have"),
        ("spec.app.check", {"path": "/", "body": {"a": nested(900)}}, "spec.app.check.body are"),
        ("spec.runtime.affinity", {"podAffinity": {"a": "x" * 70_000}}, "spec.runtime.affinity"),
    ],
)
def test_says_which_field_is_too_large_by_how_much_and_the_limit(
    field: str, value: Any, said: str
) -> None:
    found = excess(field, value)
    assert said in found
    assert "the limit is" in found
    assert len(found) < 300


def test_the_fields_count_together() -> None:
    halves = with_field(body(), "spec.app.args", {"a": "x" * 40_000})
    assert ModelDeployment.from_body(halves).objection is None
    halves = with_field(halves, "spec.model.engineArgs", {"a": "x" * 40_000})
    assert "spec.app.args + spec.model.engineArgs have 80," in said(halves)


@pytest.mark.parametrize(
    "value", [{"a": "x" * 60_000}, {"a": [0] * 9_000}, {"a": nested(31)}, {"a": "," * 60_000}]
)
def test_takes_what_is_within_the_limits(value: Any) -> None:
    changed = with_field(body(), "spec.app.args", value)
    assert ModelDeployment.from_body(changed).objection is None


def test_a_lone_surrogate_is_no_mistake_of_ours() -> None:
    changed = with_field(body(), "spec.app.args", {"a": "\ud800"})
    assert ModelDeployment.from_body(changed).objection is None
