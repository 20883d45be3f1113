"""One short line out of what Ray says, which is kilobytes of coloured traceback."""

import re
from typing import Final

from bastaix.observe.masking import masked

MAX_LENGTH: Final = 300
ANSI: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def plain(text: str) -> list[str]:
    """Its lines without colours."""
    return ANSI.sub("", text).splitlines()


def cleaned(text: str) -> list[str]:
    """Its lines without colours and indentation."""
    return [line.strip() for line in plain(text)]


def last_line(text: str) -> str:
    """The last line that says something: in a traceback, the exception."""
    return shortened(next((line for line in reversed(cleaned(text)) if line), ""))


def shortened(line: str) -> str:
    line = masked("".join(char for char in line if char.isprintable()))
    return line if len(line) <= MAX_LENGTH else f"{line[: MAX_LENGTH - 1]}…"
