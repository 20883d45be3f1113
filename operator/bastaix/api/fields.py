"""Typed reading of a JSON object, with the path of the field in every complaint.

Null and absent are the same here: the API server drops a null where it has a default, and
a client that sends one means "not set".
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from bastaix.api import reasons
from bastaix.api.errors import Stalled
from bastaix.api.patterns import Pattern

T = TypeVar("T", str, int, bool)

Json = Mapping[str, Any]


class Fields:
    """One JSON object at a known path."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, Mapping):
            raise Stalled(reasons.INVALID_SPEC, f"{path} must be a map")
        self._value: Json = value
        self.path = path

    def has(self, key: str) -> bool:
        return self._value.get(key) is not None

    def map(self, key: str) -> "Fields":
        """The object under a key; an empty one when it is absent."""
        return Fields(self._value[key] if self.has(key) else {}, f"{self.path}.{key}")

    def get(self, key: str, type: type[T]) -> T | None:
        value = self._value.get(key)
        if value is None:
            return None
        # bool is an int in Python, and not in JSON
        if not isinstance(value, type) or (isinstance(value, bool) and type is not bool):
            raise Stalled(
                reasons.INVALID_SPEC,
                f"{self.path}.{key} must be of type {type.__name__}, not {value!r}",
            )
        return value

    def need(self, key: str, type: type[T]) -> T:
        value = self.get(key, type)
        if value is None:
            raise Stalled(reasons.INVALID_SPEC, f"{self.path}.{key} is missing")
        return value

    def fit(self, key: str, pattern: Pattern) -> str | None:
        """A text that fits a pattern; what does not is not repeated, as it may be anything."""
        misfit = self.misfit(key, pattern)
        if misfit is not None:
            raise Stalled(reasons.INVALID_SPEC, misfit)
        return self.get(key, str)

    def misfit(self, key: str, pattern: Pattern) -> str | None:
        """What is wrong with a text that does not fit; None: nothing, or it is absent."""
        text = self.get(key, str)
        if text is None or pattern.fits(text):
            return None
        return f"{self.path}.{key} must be {pattern.says}"

    def need_fit(self, key: str, pattern: Pattern) -> str:
        self.need(key, str)
        text = self.fit(key, pattern)
        assert text is not None, "it is needed"
        return text

    def number(self, key: str) -> float | None:
        """Whole or not: JSON has one kind of number."""
        value = self._value.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Stalled(reasons.INVALID_SPEC, f"{self.path}.{key} must be a number")
        return float(value)

    def quantity(self, key: str) -> str | None:
        """A Kubernetes quantity may be written as a number; it is kept as text."""
        value = self._value.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise Stalled(reasons.INVALID_SPEC, f"{self.path}.{key} must be a quantity")
        return str(value)

    def free(self, key: str) -> Json:
        """An object whose inside is not ours: nulls in it are values and stay."""
        self.map(key)
        return self._value[key] if self.has(key) else {}

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; an empty one when it is absent."""
        value = self._value.get(key)
        if value is None:
            return ()
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            raise Stalled(reasons.INVALID_SPEC, f"{self.path}.{key} must be a list of texts")
        return tuple(value)

    def list(self, key: str) -> tuple[Json, ...]:
        """A list of Kubernetes' own objects, without nulls in them."""
        value = self._value.get(key)
        if value is None:
            return ()
        if not isinstance(value, list | tuple) or not all(isinstance(v, Mapping) for v in value):
            raise Stalled(reasons.INVALID_SPEC, f"{self.path}.{key} must be a list of maps")
        return tuple(without_nulls(each) for each in value)


def without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [without_nulls(each) for each in value]
    return value
