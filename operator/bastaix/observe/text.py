"""One short line out of what Ray says, which is kilobytes of coloured traceback."""

import re
from functools import lru_cache
from typing import Final

from bastaix.observe.masking import masked

MAX_LENGTH: Final = 300
LONGEST_TEXT: Final = 64 * 1024
LONGEST_LINE: Final = 4 * 1024
ANSI: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def plain(text: str) -> list[str]:
    """Its lines without colours."""
    return ANSI.sub("", text).splitlines()


@lru_cache(maxsize=64)
def cleaned(text: str) -> tuple[str, ...]:
    """Its lines without colours, indentation and secrets; who wrote it may have written much.

    Of a long text it is the end, of a long line the beginning. Each look asks for the same
    texts several times, so the last ones are remembered.
    """
    kept = masked(ANSI.sub("", text[-LONGEST_TEXT:]))
    return tuple(line.strip()[:LONGEST_LINE] for line in kept.splitlines())


def last_line(text: str) -> str:
    """The last line that says something: in a traceback, the exception."""
    return shortened(next((line for line in reversed(cleaned(text)) if line), ""))


def shortened(text: str) -> str:
    """One line of it, whatever it was."""
    # a gap stays a gap: two words that are glued are another word
    cut = text[:LONGEST_LINE]
    spaced = "".join(char if char.isprintable() or char == "\n" else " " for char in cut)
    line = " ".join(masked(spaced).split("\n"))
    return line if len(line) <= MAX_LENGTH else f"{line[: MAX_LENGTH - 1]}…"
