"""YAML that every reader reads alike.

KubeRay reads `serveConfigV2` with Go's YAML, Ray with Python's, and the two disagree on plain
words such as `1e3` or `y`. So every string that is not a bare word is quoted.

It is written here and not by PyYAML, whose writer makes an object of each value: 10,000 values
took half a second of the one event loop, at every look. The text is PyYAML's to the byte (6.0.3;
a test compares), as any other text of a RayService that lives would be a drift.
"""

import re
from collections.abc import Iterator, Mapping
from math import isinf, isnan
from typing import Any, Final

_BARE_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]+")
_NO_TEXT: Final = frozenset(
    form
    for word in ("yes", "no", "on", "off", "true", "false", "null")
    for form in (word, word.capitalize(), word.upper())
)
"""Bare words that YAML 1.1 reads as something else."""
_ESCAPED: Final = re.compile(r"[^ !#-\[\]-~]")
_ESCAPES: Final = {
    '"': '\\"',
    "\\": "\\\\",
    **{chr(code): f"\\{letter}" for code, letter in zip(range(7, 14), "abtnvfr", strict=True)},
    "\0": "\\0",
    "\x1b": "\\e",
    "\x85": "\\N",
    "\xa0": "\\_",
    "\u2028": "\\L",
    "\u2029": "\\P",
}
_BREAKS: Final = re.compile("[\n\x85\u2028\u2029]")
_LONGEST_KEY: Final = 122
"""Of the keys that stand on one line with their value."""


def dump(value: Any) -> str:
    """Keys sorted, lines unbroken: the same value is always the same text."""
    return "".join(_block(value, "\n") if _is_block(value) else _scalar(value)) + "\n"


def _block(value: Any, newline: str) -> Iterator[str]:
    """A map or list with something in it; `newline` begins each of its lines but the first."""
    is_map = isinstance(value, Mapping)
    begin = ""
    for entry in sorted(value.items()) if is_map else value:
        yield begin
        begin = newline
        if not is_map:
            yield "- "
            yield from _inside(entry, newline)
            continue
        key, item = entry
        if not _is_simple(key):
            yield f"? {_scalar(key)}{newline}: "
            yield from _inside(item, newline)
        elif _is_block(item):
            inner = newline + "  " if isinstance(item, Mapping) else newline
            yield f"{_scalar(key)}:{inner}"
            yield from _block(item, inner)
        else:
            yield f"{_scalar(key)}: {_scalar(item)}"


def _inside(item: Any, newline: str) -> Iterator[str]:
    """What follows a dash, on the same line."""
    if _is_block(item):
        yield from _block(item, newline + "  ")
    else:
        yield _scalar(item)


def _is_block(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple) and len(value) > 0


def _is_simple(key: str) -> bool:
    return 0 < len(key) <= _LONGEST_KEY and _BREAKS.search(key) is None


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        if _BARE_WORD.fullmatch(value):
            return f"'{value}'" if value in _NO_TEXT else value
        return f'"{_ESCAPED.sub(_escape, value)}"'
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, int):
        return str(value)
    return "{}" if isinstance(value, Mapping) else "[]"


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if char in _ESCAPES:
        return _ESCAPES[char]
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def _float(value: float) -> str:
    if isnan(value):
        return ".nan"
    if isinf(value):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value)
    return text if "." in text else text.replace("e", ".0e")
