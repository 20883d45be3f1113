"""What may be sent to a terminal.

Events, annotations, names in a YAML file and messages of an app are written by others. A control
character in one of them moves the cursor, renames the window, fills the clipboard (OSC 52) or turns
the reading direction.
"""

import json
from typing import Final

_KEPT: Final = frozenset("\n\t")


def printable(text: str) -> str:
    """The text with JSON's escape for every character that is not shown but acts.

    So it stays readable, and JSON stays JSON. Lines stay lines; other blanks than a space, such as
    U+00A0, become one.
    """
    if text.isprintable():
        return text
    return "".join(char if char in _KEPT else _shown(char) for char in text)


def in_one_line(text: str) -> str:
    """The same of what is part of a line: a line break in a name must not make another one."""
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(char: str) -> str:
    if char.isprintable():
        return char
    if char.isspace() and ord(char) >= 0xA0:
        return " "
    return "\\u007f" if char == "\x7f" else json.dumps(char)[1:-1]
