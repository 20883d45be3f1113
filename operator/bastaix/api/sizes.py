"""How large a piece of JSON is, measured on its text before anything is made of it. Pure.

An object of the API server has 1.5 MB at most (etcd's limit), but `[{},{},…]` takes 25 times
its text as Python objects, and what is nested a thousand times cannot be read at all. So the
number of values and the depth are bounded as well as the bytes.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MOST_FREE_BYTES: Final = 64 * 1024
MOST_FREE_VALUES: Final = 10_000
DEEPEST_FREE: Final = 32
"""Of all that is free-form in one spec together."""

MOST_BYTES: Final = 1024 * 1024
MOST_VALUES: Final = 50_000
DEEPEST: Final = 100
"""Of one object of the API server as JSON; a RayService has 5 KB, 300 values and 12 levels."""
LIMIT: Final = (
    f"is too large to be read: the limit is {MOST_BYTES:,} bytes of JSON,"
    f" {MOST_VALUES:,} values and {DEEPEST} levels"
)
_VALUE_BYTES: Final = 100
"""What one value takes as a Python object, on average."""

PACKED: Final = "packed"
"""Key of a body in brief under which the whole is, compressed and in base64.

Empty: it is too large. None: it is not ours, and nothing of it is read."""

_TEXT: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"')
_BRACES: Final = bytes.maketrans(b"[]", b"{}")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"{}[]"))


@dataclass(frozen=True)
class Limit:
    """How large one object may be as JSON."""

    size: int
    """Bytes of its text."""
    values: int

    def allows(self, data: bytes) -> bool:
        """Whether a JSON text is small enough to be read as a whole."""
        if len(data) > self.size or is_deeper(data, DEEPEST):
            return False
        return _marks(data) <= self.values or values(data) <= self.values


LARGE: Final = Limit(MOST_BYTES, MOST_VALUES)
"""What holds a spec, or a rendering of one: args of 64 KiB, at times twice, and older ones more."""


def values(data: bytes) -> int:
    """How many values a JSON text holds at most; what looks like one inside a string is none."""
    return _marks(_TEXT.sub(b"", data))


def weight(data: bytes) -> int:
    """About how many bytes a JSON text takes as Python objects."""
    return len(data) + _VALUE_BYTES * _marks(data)


def _marks(data: bytes) -> int:
    return data.count(b",") + data.count(b"{") + data.count(b"[") + 1


def is_deeper(data: bytes, levels: int) -> bool:
    """Whether lists and maps are nested more than so many times in a JSON text."""
    if data.count(b"{") + data.count(b"[") <= levels:
        return False
    braces = _TEXT.sub(b"", data).translate(_BRACES, _NO_BRACKETS)
    for _ in range(levels):
        braces = braces.replace(b"{}", b"")  # the innermost level
    return bool(braces)


def is_stub(body: Mapping[str, Any]) -> bool:
    """Whether it stands for an object that is too large: of it there is what is small."""
    return bool(body.get(PACKED) == "")


def has_lost_status(body: Mapping[str, Any]) -> bool:
    """Whether it stands for an object whose status is not known, as that is too large, too."""
    return is_stub(body) and "status" in body and body["status"] is None


def excess(free: Mapping[str, Any]) -> str | None:
    """What is too large in the free-form fields of a spec, by their names; None: nothing.

    The message says by how much, what the limit is, and where the data could go instead.
    """
    given = {name: value for name, value in free.items() if value}
    try:
        text = json.dumps(given, separators=(",", ":"), ensure_ascii=False)
    except RecursionError:
        return _too_much(given, "are nested too deeply", f"{DEEPEST_FREE} levels")
    data = text.encode(errors="surrogatepass")
    if len(data) > MOST_FREE_BYTES:
        found = f"have {len(data):,} bytes of JSON together"
        return _too_much(given, found, f"{MOST_FREE_BYTES:,} bytes")
    number = values(data)
    if number > MOST_FREE_VALUES:
        return _too_much(given, f"hold {number:,} values together", f"{MOST_FREE_VALUES:,}")
    if is_deeper(data, DEEPEST_FREE + 1):
        return _too_much(given, "are nested too deeply", f"{DEEPEST_FREE} levels")
    return None


def _too_much(given: Mapping[str, Any], found: str, limit: str) -> str:
    return f"{' + '.join(given)} {found}; the limit is {limit}"
