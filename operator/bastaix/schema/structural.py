"""The structural half of a CRD's schema: types, bounds, required and unknown fields, defaults.

It knows the keywords that our CRD uses, and a test that it uses no other. A null counts as
absent, as to the API server, which drops it before it looks.
"""

import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
from difflib import get_close_matches
from typing import Any

from bastaix.schema.violation import Schema, Violation, below

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
_NAMES = {dict: "object", list: "array", str: "string", int: "integer", float: "number"}


def violations(schema: Schema, value: Any, field: str = "") -> Iterator[Violation]:
    wrong = _wrong_type(schema, value)
    if wrong:
        yield Violation(field, wrong)
        return
    yield from (Violation(field, message) for message in _out_of_bounds(schema, value))
    if isinstance(value, dict):
        yield from _of_object(schema, value, field)
    elif isinstance(value, list):
        yield from _of_list(schema, value, field)


def defaulted(schema: Schema, value: Any) -> Any:
    """A copy without nulls that say "absent", and with the defaults of what is absent."""
    if isinstance(value, list) and "items" in schema:
        return [defaulted(schema["items"], each) for each in value]
    if not isinstance(value, dict):
        return deepcopy(value)
    known = schema.get("properties", {})
    others = schema.get("additionalProperties", {})
    given = {key: each for key, each in value.items() if each is not None or key not in known}
    for key, child in known.items():
        if "default" in child:
            given.setdefault(key, deepcopy(child["default"]))
    return {key: defaulted(known.get(key, others), each) for key, each in given.items()}


def type_name(value: Any) -> str:
    if value is None:
        return "null"
    return "boolean" if isinstance(value, bool) else _NAMES.get(type(value), "something else")


def unknown_field(field: str, known: Iterable[str]) -> Violation:
    close = get_close_matches(field.rpartition(".")[2], sorted(known), n=1)
    return Violation(field, f"unknown field{f'; did you mean {close[0]}?' if close else ''}")


def _wrong_type(schema: Schema, value: Any) -> str | None:
    types: tuple[type, ...]
    if schema.get("x-kubernetes-int-or-string"):
        wanted, types = "integer or string", (int, str)
    elif "type" in schema:
        wanted, types = schema["type"], _TYPES[schema["type"]]
    else:
        return None
    # bool is an int in Python, and not in JSON
    if isinstance(value, types) and (not isinstance(value, bool) or bool in types):
        return None
    quotes = ": put it in quotes" if wanted == "string" and isinstance(value, int | float) else ""
    return f"must be of type {wanted}, not {type_name(value)}{quotes}"


def _out_of_bounds(schema: Schema, value: Any) -> Iterator[str]:
    """In the API server's words."""
    if "enum" in schema and value not in schema["enum"]:
        choices = ", ".join(f'"{each}"' for each in schema["enum"])
        yield f'Unsupported value: "{value}": supported values: {choices}'
    if not isinstance(value, int | float | str | list | dict):
        return
    if isinstance(value, int | float):
        if value < schema.get("minimum", value):
            yield f"should be greater than or equal to {schema['minimum']}"
        if value > schema.get("maximum", value):
            yield f"should be less than or equal to {schema['maximum']}"
        return
    if isinstance(value, str):
        least, most, of = "minLength", "maxLength", "be at {} {} chars long"
    else:
        kind = "Items" if isinstance(value, list) else "Properties"
        least, most, of = f"min{kind}", f"max{kind}", "have at {} {} items"
    if len(value) < schema.get(least, 0):
        yield f"should {of.format('least', schema[least])}"
    if len(value) > schema.get(most, len(value)):
        yield f"must {of.format('most', schema[most])}"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"must match {schema['pattern']}"


def _of_object(schema: Schema, value: dict[str, Any], field: str) -> Iterator[Violation]:
    known = schema.get("properties", {})
    others = schema.get("additionalProperties")
    is_open = schema.get("x-kubernetes-preserve-unknown-fields") or field == "metadata"
    for key in schema.get("required", ()):
        if value.get(key) is None:
            yield Violation(below(field, key), "Required value")
    for key, each in value.items():
        child = known.get(key, others)
        if child is not None and each is not None:
            yield from violations(child, each, below(field, key))
        elif child is None and not is_open:
            yield unknown_field(below(field, key), known)


def _of_list(schema: Schema, value: list[Any], field: str) -> Iterator[Violation]:
    seen: list[Any] = []
    for number, each in enumerate(value):
        place = f"{field}[{number}]"
        yield from violations(schema.get("items", {}), each, place)
        keys = schema.get("x-kubernetes-list-map-keys")
        if keys and isinstance(each, dict):
            identity = {key: each.get(key) for key in keys}
            if identity in seen:
                named = ", ".join(f"{key} {text!r}" for key, text in identity.items())
                yield Violation(place, f"Duplicate value: there is another of {named}")
            seen.append(identity)
