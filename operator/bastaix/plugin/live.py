"""A status that goes on: painted over on a terminal, told by its changes anywhere else.

Ended by its user. A cluster that does not answer for a while ends it not: that is said, and
it is asked again.
"""

import asyncio
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from bastaix.api.conditions import timestamp
from bastaix.plugin.screen import changes, cut, screen
from bastaix.plugin.seen import Seen
from bastaix.plugin.session import Session, Unreachable
from bastaix.text.terminal import in_one_line

EVERY_SECONDS: Final = 2.0

_CLEAR: Final = "\x1b[2J"
_HOME: Final = "\x1b[H"
_END_OF_LINE: Final = "\x1b[K"
_REST: Final = "\x1b[J"

Write = Callable[[str], None]


async def follow(
    session: Session,
    name: str,
    write: Write,
    *,
    is_terminal: bool,
    every: float = EVERY_SECONDS,
) -> None:
    """Never returns; Trouble: there is nothing more to follow."""
    show = _painter(write) if is_terminal else _teller(write)
    seen: Seen | None = None
    while True:
        trouble = ""
        try:
            seen = await session.look(name, revisions=False, events=True)
        except Unreachable as error:
            if seen is None:
                raise
            trouble = str(error)
        show(seen, trouble)
        await asyncio.sleep(every)


def painted(lines: list[str], height: int) -> str:
    """Over what stands there, without a moment of emptiness, and never more than fits."""
    shown = lines[: max(height - 1, 1)]
    return _HOME + "".join(f"{in_one_line(line)}{_END_OF_LINE}\n" for line in shown) + _REST


def _painter(write: Write) -> Callable[[Seen, str], None]:
    write(_CLEAR)

    def show(seen: Seen, trouble: str) -> None:
        size, now = shutil.get_terminal_size(), datetime.now(UTC)
        top = f"{timestamp(now)}  Ctrl-C ends" + (f"  {trouble}" if trouble else "")
        lines = [cut(top, size.columns), *screen(seen, now, size.columns)]
        write(painted(lines, size.lines))

    return show


def _teller(write: Write) -> Callable[[Seen, str], None]:
    last: tuple[Seen | None, str] = (None, "")

    def show(seen: Seen, trouble: str) -> None:
        nonlocal last
        before, known = last
        said = changes(before, seen)
        if trouble != known:
            said.append(trouble or "the cluster answers again")
        moment = timestamp(datetime.now(UTC))
        for line in said:
            write(f"{moment} {in_one_line(line)}\n")
        last = seen, trouble

    return show
