"""Types, bounds, required and unknown fields, and defaults."""

from typing import Any

import pytest

from bastaix.schema.structural import defaulted, violations

REFUSED = [
    ({"type": "string"}, 1, "must be of type string, not integer: put it in quotes"),
    ({"type": "string"}, True, "must be of type string, not boolean: put it in quotes"),
    ({"type": "integer"}, True, "must be of type integer, not boolean"),
    ({"type": "integer"}, 1.5, "must be of type integer, not number"),
    ({"type": "boolean"}, 1, "must be of type boolean, not integer"),
    ({"type": "object"}, [], "must be of type object, not array"),
    ({"x-kubernetes-int-or-string": True}, 1.5, "must be of type integer or string, not number"),
    ({"type": "string", "enum": ["a", "b"]}, "c", 'supported values: "a", "b"'),
    ({"type": "string", "minLength": 1}, "", "should be at least 1 chars long"),
    ({"type": "string", "maxLength": 1}, "ab", "must be at most 1 chars long"),
    ({"type": "string", "pattern": "^a+$"}, "ab", "must match ^a+$"),
    ({"type": "integer", "minimum": 1}, 0, "should be greater than or equal to 1"),
    ({"type": "number", "maximum": 1}, 1.5, "should be less than or equal to 1"),
    ({"type": "array", "maxItems": 1}, [1, 2], "must have at most 1 items"),
    ({"type": "object", "minProperties": 1}, {}, "should have at least 1 items"),
]


@pytest.mark.parametrize(("schema", "value", "says"), REFUSED)
def test_refuses(schema: dict[str, Any], value: Any, says: str) -> None:
    (violation,) = violations(schema, value, "f")
    assert violation.field == "f"
    assert says in violation.message


ACCEPTED = [
    ({"type": "number"}, 1),
    ({"x-kubernetes-int-or-string": True, "maxLength": 1}, 12),
    ({"type": "string", "minLength": 1, "maxLength": 1}, "é"),
    ({"type": "object", "additionalProperties": {"type": "string"}}, {"a": "b"}),
    ({"type": "object", "x-kubernetes-preserve-unknown-fields": True}, {"a": {"b": None}}),
    ({"items": {}}, [None, 1]),
]


@pytest.mark.parametrize(("schema", "value"), ACCEPTED)
def test_accepts(schema: dict[str, Any], value: Any) -> None:
    assert list(violations(schema, value, "f")) == []


def test_names_the_place_in_a_list_and_what_stands_there_twice() -> None:
    schema = {
        "type": "array",
        "x-kubernetes-list-map-keys": ["name"],
        "items": {"type": "object", "required": ["name"], "properties": {"name": {}}},
    }
    found = violations(schema, [{"name": "a"}, {}, {"name": "a"}, None], "f")
    assert [str(each) for each in found] == [
        "f[1].name: Required value",
        "f[2]: Duplicate value: there is another of name 'a'",
        "f[3]: must be of type object, not null",
    ]


def test_defaults_are_nested_and_replace_a_null() -> None:
    inner = {"type": "object", "default": {}, "properties": {"n": {"default": 1}, "m": {}}}
    schema = {"properties": {"a": inner, "b": {}, "c": {"items": inner}}}
    assert defaulted(schema, {"b": None, "c": [{"n": 2, "m": None}], "x": None}) == {
        "a": {"n": 1},
        "c": [{"n": 2}],
        "x": None,
    }
