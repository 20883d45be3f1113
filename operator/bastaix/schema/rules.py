"""The rules of a CRD, which are written in CEL and evaluated by CEL's own implementation.

Kubernetes adds functions to the language; those that our CRD uses are here in Python, on texts:
a `quantity` is its amount as a text. The only module that knows the CEL library, which comes
with the extra `check` and is not needed by anything else.
"""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from bastaix.api.quantities import amount
from bastaix.schema.violation import Schema, Violation, below

_UNSOUND_URL = re.compile(r"[\x00-\x1f\x7f]|%(?![0-9A-Fa-f]{2})")


class NoRules(Exception):
    """The library that evaluates rules is not installed."""


class Rules:
    def __init__(self) -> None:
        self._environment = _environment()
        self._compiled: dict[str, Any] = {}

    def violations(
        self, schema: Schema, value: Any, wrong: Sequence[str], field: str = ""
    ) -> Iterator[Violation]:
        """`wrong`: fields in which something is amiss already, so that rules on them misfire."""
        if not any(_is_in(each, field) for each in wrong):
            for rule in schema.get("x-kubernetes-validations", ()):
                if not self.keeps(rule["rule"], value):
                    place = (field + rule.get("fieldPath", "")).removeprefix(".")
                    yield Violation(place, rule["message"])
        for child, each, place in _children(schema, value, field):
            yield from self.violations(child, each, wrong, place)

    def keeps(self, rule: str, value: Any) -> bool:
        """What cannot be evaluated is not kept."""
        if rule not in self._compiled:
            self._compiled[rule] = self._environment.compile(rule)
        try:
            return self._compiled[rule].eval(data={"self": value, "oldSelf": None}).value() is True
        except RuntimeError:
            return False


def is_url(text: str) -> bool:
    """As Go's url.ParseRequestURI, of what has a scheme."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.scheme) and " " not in parts.netloc and not _UNSOUND_URL.search(text)


def _children(schema: Schema, value: Any, field: str) -> Iterator[tuple[Schema, Any, str]]:
    if isinstance(value, dict):
        known = schema.get("properties", {})
        for key, each in value.items():
            child = known.get(key, schema.get("additionalProperties"))
            if child is not None:
                yield child, each, below(field, key)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield schema.get("items", {}), each, f"{field}[{number}]"


def _is_in(inner: str, outer: str) -> bool:
    return not outer or inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def _environment() -> Any:
    try:
        cel: Any = import_module("cel_expr_python.cel")
        strings: Any = import_module("cel_expr_python.ext.ext_strings")
    except ImportError:
        raise NoRules from None
    text, yes = cel.Type.STRING, cel.Type.BOOL

    def function(name: str, result: Any, impl: Any, *parameters: Any, member: bool = False) -> Any:
        overload = cel.Overload(
            f"kubernetes_{name}",
            return_type=result,
            parameters=list(parameters),
            is_member=member,
            impl=impl,
        )
        return cel.FunctionDecl(name, [overload])

    def above(one: str, other: str) -> bool:
        return Decimal(one) > Decimal(other)

    kubernetes = [
        function("isURL", yes, is_url, text),
        function("isQuantity", yes, lambda given: amount(given) is not None, text),
        function("quantity", text, lambda given: str(amount(given)), text),
        function("isGreaterThan", yes, above, text, text, member=True),
        # of what is checked there is no older object
        function("hasValue", yes, lambda old: old is not None, cel.Type.DYN, member=True),
    ]
    extensions = [strings.ExtStrings(), cel.CelExtension("kubernetes", kubernetes)]
    return cel.NewEnv(
        variables={"self": cel.Type.DYN, "oldSelf": cel.Type.DYN}, extensions=extensions
    )
