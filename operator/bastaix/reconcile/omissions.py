"""A status without some of its fields. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

Path = tuple[str, ...]
"""Names of fields below `status`; through a list it means the field of all its items."""


def without(status: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """The status without the fields at these paths; the given one stays as it is."""
    left = dict(status)
    for name, *rest in paths:
        if not rest:
            left.pop(name, None)
        elif name in left:
            left[name] = _without(left[name], tuple(rest))
    return left


def _without(value: Any, path: Path) -> Any:
    if isinstance(value, list):
        return [_without(item, path) for item in value]
    return without(value, [path]) if isinstance(value, dict) else value
