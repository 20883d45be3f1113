"""How large a piece of JSON is, measured on its text before anything is made of it. Pure.

An object of the API server has 1.5 MB at most (etcd's limit), but `[{},{},…]` takes 25 times
its text as Python objects, and what is nested a thousand times cannot be read at all. So the
number of values and the depth are bounded as well as the bytes.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
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
_WIDEST: Final = 4
"""Bytes that each character of a string takes if one of them is no Latin-1: an emoji, say."""
_LARGE_TEXT: Final = 512 * 1024
"""Bytes of a text of which the strings are not gone through one by one."""
_NOT_LATIN: Final = re.compile(rb"[\xc4-\xff]|\\u(?!00)")
_STRINGS: Final = re.compile(
    rb'"(?:[^"\\\xc4-\xff]++|\\(?:[^u]|u00))*+'
    rb'(?:"|\\?\Z|(?P<wide>)(?:[^"\\]++|\\.)*+(?:"|\\?\Z))',
    re.DOTALL,
)
"""Each string, even one that is cut off, and whether a character in it is no Latin-1, as UTF-8 or
as an escape."""

_BLOCK: Final = 64 * 1024
"""Bytes that are divided at a time."""

PACKED: Final = "packed"
"""Key of a body in brief under which the whole is, compressed and in base64.

Empty: it is too large. None: nothing of it has been read, as it is not ours, or is large."""
WEIGHT: Final = "weight"
"""Key of a body in brief under which is how much it would take, where it is large."""

STRING: Final = rb'"(?:[^"\\]++|\\.)*+"'
PLAIN: Final = rb'[^"\[\]{}]++|' + STRING
"""Regular expressions for a string, and for what is neither a map nor a list."""


@dataclass(frozen=True)
class Limit:
    """How large one object may be as JSON."""

    size: int
    """Bytes of its text."""
    values: int

    def allows(self, data: bytes) -> bool:
        """Whether a JSON text is small enough to be read as a whole."""
        if len(data) > self.size:
            return False
        if _marks(data) > self.values and values(data) > self.values:
            return False
        return not is_deeper(data, DEEPEST)


LARGE: Final = Limit(MOST_BYTES, MOST_VALUES)
"""What holds a spec, or a rendering of one: args of 64 KiB, at times twice, and older ones more."""


def values(data: bytes) -> int:
    """How many values a JSON text holds at most; what looks like one inside a string is none."""
    return _marks(_without_strings(data))


def weight(data: bytes) -> int:
    """About how many bytes a JSON text takes as Python objects."""
    return len(data) + (_WIDEST - 1) * _wide_bytes(data) + _VALUE_BYTES * _marks(data)


def _wide_bytes(data: bytes) -> int:
    """How many bytes of a JSON text are in strings of wide characters; at most, if it is large."""
    if _NOT_LATIN.search(data) is None:
        return 0
    if len(data) > _LARGE_TEXT:
        return len(data)
    strings = _STRINGS.finditer(data)
    return sum(match.end() - match.start() for match in strings if match["wide"] is not None)


def _without_strings(data: bytes) -> bytes:
    """What is between them. A regular expression takes three times as long."""
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    found, is_inside = bytearray(), False
    for at in range(0, len(data), _BLOCK):
        parts = data[at : at + _BLOCK].split(b'"')
        found += b"".join(parts[is_inside::2])
        is_inside ^= len(parts) % 2 == 0
    return bytes(found)


def _marks(data: bytes) -> int:
    return data.count(b",") + data.count(b"{") + data.count(b"[") + 1


def is_deeper(data: bytes, levels: int) -> bool:
    """Whether lists and maps are nested more than so many times in a JSON text."""
    if data.count(b"{") + data.count(b"[") <= levels:
        return False
    return shallow(levels).fullmatch(data) is None


@cache
def nested(levels: int) -> re.Pattern[bytes]:
    """Matches a map or a list in which others are nested, so many levels with itself at most.

    It makes nothing of what it passes over, and it never goes back.
    """
    return re.compile(_nested(levels), re.DOTALL)


@cache
def shallow(levels: int) -> re.Pattern[bytes]:
    """Matches any number of values side by side, in which so many levels are nested at most."""
    return re.compile(rb"(?:" + PLAIN + rb"|" + _nested(levels) + rb")*+", re.DOTALL)


def _nested(levels: int) -> bytes:
    pattern = PLAIN
    for _ in range(levels):
        pattern = rb"[\[{](?:" + PLAIN + rb"|" + pattern + rb")*+[\]}]"
    return pattern


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
