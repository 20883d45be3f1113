"""Names that somebody else chose, as they may stand in a message of one line."""

from collections.abc import Iterable
from itertools import islice
from typing import Final

_LONGEST: Final = 120


def shown(name: str) -> str:
    """Quoted, with everything escaped that is not printable, and cut in the middle."""
    if len(name) > _LONGEST:
        half = _LONGEST // 2
        name = f"{name[:half]}…{name[-half:]}"
    return repr(name)


def listed(names: Iterable[str], most: int) -> str:
    """The first of them, and how many more there are."""
    rest = iter(names)
    first = [shown(name) for name in islice(rest, most)]
    more = sum(1 for _ in rest)
    return ", ".join(first) + (f" and {more:,} more" if more else "")
