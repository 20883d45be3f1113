"""The documents of a YAML file, as kubectl would send them: JSON, and nothing said twice."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from bastaix.api.yaml_reader import MOST_CHARACTERS
from bastaix.schema.violation import below

Body = dict[str, Any]

MOST_VALUES = 1_000_000
# each part has an end: `${` or `{{` many times over must not be slow
_TEMPLATE = re.compile(
    r"\$\{[^{}]{0,200}\}|\$\([A-Za-z_]\w{0,200}\)|\{\{.{0,200}?\}\}|<[A-Za-z][\w -]{0,100}>"
)
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_RENDER = "fill it in first, for example: envsubst < FILE | bastaix check -"


class Unusable(Exception):
    """What was given cannot be checked at all; the message says why."""


class _Loader(yaml.SafeLoader):
    """Dates stay texts, and a key that stands twice is a mistake."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        if len(node.value) > MOST_VALUES:
            raise ValueError("merges upon merges")

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:str" and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
            seen.add(key.value if isinstance(key.value, str) else None)
        return super().construct_mapping(node, deep)


def read(text: str, name: str) -> list[Body]:
    """Every object in the file, the items of a List among them."""
    if len(text) > MOST_CHARACTERS:
        raise Unusable(f"{name} has {len(text):,} characters; the limit is {MOST_CHARACTERS:,}")
    try:
        documents = [_as_json(each) for each in _load(text)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{name} line {mark.line + 1}" if mark else name
        is_template = "{{" in text or "${" in text
        advice = f"; it looks like a template: {_RENDER}" if is_template else ""
        raise Unusable(f"{where} is not YAML: {error.problem}{advice}") from None
    except (yaml.YAMLError, TypeError, ValueError, RecursionError):
        raise Unusable(f"{name} holds what JSON cannot say") from None
    return [body for document in documents for body in _objects(document, name)]


def _as_json(document: Any) -> Any:
    """Ten lists of ten aliases each, eight levels deep, are 430 bytes and gigabytes of JSON."""
    if _values(document, {}) > MOST_VALUES:
        raise ValueError("aliases upon aliases")
    return json.loads(json.dumps(document, allow_nan=False))


def _values(value: Any, known: dict[int, int]) -> int:
    """How many values it holds where each alias is what it stands for."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = MOST_VALUES + 1  # while it is counted: one that holds itself has no end
        inside = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_values(item, known) for item in inside)
    return known[id(value)]


def _load(text: str) -> Iterator[Any]:
    return yaml.load_all(text, _Loader)


def _objects(document: Any, name: str) -> Iterator[Body]:
    if document is None:
        return
    if not isinstance(document, dict):
        raise Unusable(f"{name} has a document that is no object: it begins with no `kind:`")
    if document.get("kind") == "List":
        items = document.get("items") or ()
        if not isinstance(items, list):
            raise Unusable(f"{name} has a List whose items are no list")
        for item in items:
            yield from _objects(item, name)
    else:
        yield document


def refuse_templates(body: Body) -> None:
    """A file that still has to be filled in says so, instead of failing on what it has there."""
    spec = body.get("spec")
    spec = spec if isinstance(spec, dict) else {}
    app = spec.get("app")
    parts = {
        "metadata": body.get("metadata"),
        **{f"spec.{key}": value for key, value in spec.items() if key != "app"},
        "spec.app.importPath": app.get("importPath") if isinstance(app, dict) else None,
    }
    for place, part in parts.items():
        for field, text in _texts(part, place):
            found = _TEMPLATE.search(text)
            if found and not field.startswith(("spec.runtime.env", "spec.model.engineArgs")):
                raise Unusable(f"{field} has the placeholder {found[0]}: {_RENDER}")


def _texts(value: Any, field: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _texts(each, below(field, key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _texts(each, f"{field}[{number}]")
