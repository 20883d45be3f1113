"""A page of a listing as it comes in pieces, cut into its objects: none is held with another. Pure.

Go writes `<` as six bytes, so an object of 1.4 MB in etcd has 8 MB as JSON, and a page of ten has
80 MB. Each object is cut out as its end comes, and what is beyond a bound of it is dropped.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from bastaix.api.sizes import PLAIN, shallow

LONGEST_OBJECT: Final = 4 * 1024 * 1024
"""Bytes that are kept of one object; its metadata comes first."""
LONGEST_FRAME: Final = 64 * 1024
"""Bytes of all that is around the objects."""

_QUOTE: Final = ord('"')
_OPENING: Final = b"{["
_OUTSIDE: Final = re.compile(rb"(?:" + PLAIN + rb")*+", re.DOTALL)
_INSIDE: Final = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
"""What is left of a string, without what could be the first half of an escape."""
_IN_OBJECT: Final = shallow(6)
"""As _OUTSIDE, and of an object what is closed in the same piece. With more levels, what is nested
deeply would be gone through too many times."""
_RUN: Final = re.compile(rb"[{\[]++|[}\]]++")
_ITEMS: Final = re.compile(rb'"items"\s*+:\s*+\Z')
_LIST_DEPTH: Final = 2


class Cutter:
    """Takes the pieces, and gives the objects of `items`, whether that comes first or last."""

    def __init__(self) -> None:
        self._depth = 0
        self._is_in_string = False
        self._half = b""
        """A backslash at the end of a piece."""
        self._frame = bytearray()
        self._object = bytearray()
        self._is_in_items = False

    def objects(self, piece: bytes) -> Iterator[bytes]:
        """The objects whose end is in the next piece, the first LONGEST_OBJECT bytes of each.

        ValueError: it is no listing.
        """
        data, at, start = self._half + piece, 0, 0
        while (at := self._bracket(data, at)) < len(data):
            if data[at] in _OPENING:
                if self._is_in_object():
                    end = _end(_RUN, data, at)
                    self._depth, at = self._depth + end - at, end
                    continue
                if self._is_in_items and self._depth == _LIST_DEPTH:
                    start = at
                elif self._depth == 1 and data[at : at + 1] == b"[":
                    self._take(data[start : at + 1])
                    start = at + 1
                    self._is_in_items = _ITEMS.search(self._frame[:-1]) is not None
                self._depth, at = self._depth + 1, at + 1
                continue
            if self._is_in_object():
                closed = min(_end(_RUN, data, at) - at, self._depth - _LIST_DEPTH)
                self._depth, at = self._depth - closed, at + closed
                if self._depth == _LIST_DEPTH:
                    self._take(data[start:at], is_of_object=True)
                    found, self._object = self._object, bytearray()
                    yield bytes(found)
                    start = at
                continue
            if self._is_in_items and self._depth == _LIST_DEPTH:
                self._is_in_items, start = False, at
            self._depth, at = self._depth - 1, at + 1
        if self._is_in_object():
            self._take(data[start : len(data) - len(self._half)], is_of_object=True)
        elif not self._is_in_items:
            self._take(data[start : len(data) - len(self._half)])

    def frame(self) -> dict[str, Any]:
        """What is around the objects, with no items, at the end. ValueError: it is no listing."""
        found = json.loads(self._frame)
        if not isinstance(found, dict):
            raise ValueError("a listing is a map")
        return found

    def _is_in_object(self) -> bool:
        return self._is_in_items and self._depth > _LIST_DEPTH

    def _bracket(self, data: bytes, at: int) -> int:
        """Where the next bracket is, from there on; the end of the piece, if there is none."""
        self._half = b""
        while at < len(data):
            if self._is_in_string:
                at = _end(_INSIDE, data, at)
                if at < len(data) and data[at] == _QUOTE:
                    self._is_in_string, at = False, at + 1
                    continue
                self._half = data[at:]
                return len(data)
            at = _end(_IN_OBJECT if self._is_in_object() else _OUTSIDE, data, at)
            if at < len(data) and data[at] != _QUOTE:
                return at
            self._is_in_string, at = at < len(data), at + 1
        return len(data)

    def _take(self, data: bytes, *, is_of_object: bool = False) -> None:
        if is_of_object:
            self._object += data[: LONGEST_OBJECT - len(self._object)]
            return
        self._frame += data
        if len(self._frame) > LONGEST_FRAME:
            raise ValueError("a listing has more around its objects than any has")


def _end(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    match = pattern.match(data, at)
    return at if match is None else match.end()
