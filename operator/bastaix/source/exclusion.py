"""What `exclude` means.

A pattern is a path from the root of the selected code, matched part by part between the
slashes, with `*`, `?` and `[…]` inside a part and `**` for any number of whole parts:

- `*.md`: files and folders at the root that end in .md;
- `**/*.png`: those that end in .png, at any depth, the root included;
- `docs`, `docs/` and `docs/**`: all that is in the folder docs. A pattern that matches a
  folder always leaves out all that is in it; with a slash at its end, folders alone match.

Upper and lower case differ, a name that begins with a dot is like any other, and there is no
`!`: what is left out stays out.
"""

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_ANY_DEPTH: Final = "**"

State = tuple[int, int]
"""A pattern, and how many of its parts are behind us."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    parts: tuple[re.Pattern[str] | None, ...]
    """None is `**`."""
    folders_only: bool


class Exclusion:
    """Walks down each folder once, so the time does not grow with the depth of names."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = [_pattern(text) for text in patterns]
        start = self._skipping((index, 0) for index in range(len(self._patterns)))
        self._folders: dict[str, frozenset[State] | None] = {"": start}

    def __call__(self, name: str, *, folder: bool = False) -> bool:
        """Whether the file or folder of this path is left out."""
        above, _, last = name.rpartition("/")
        states = self._at(above)
        if states is None:
            return True
        return self._step(states, last, folder=folder) is None

    def _at(self, folder: str) -> frozenset[State] | None:
        """How far the patterns have come in a folder; None: it is left out."""
        known = folder
        while known not in self._folders:
            known = known.rpartition("/")[0]
        states = self._folders[known]
        for part in folder[len(known) :].strip("/").split("/") if known != folder else ():
            known = f"{known}/{part}" if known else part
            states = None if states is None else self._step(states, part, folder=True)
            self._folders[known] = states
        return states

    def _step(
        self, states: frozenset[State], part: str, *, folder: bool
    ) -> frozenset[State] | None:
        reached: set[State] = set()
        for index, done in states:
            pattern = self._patterns[index]
            if done == len(pattern.parts):
                continue
            wanted = pattern.parts[done]
            if wanted is None:
                reached.add((index, done))
            elif wanted.match(part):
                if done + 1 == len(pattern.parts) and (folder or not pattern.folders_only):
                    return None
                reached.add((index, done + 1))
        return self._skipping(reached)

    def _skipping(self, states: Iterable[State]) -> frozenset[State]:
        """`**` may stand for nothing at all."""
        reached = set(states)
        for index, start in tuple(reached):
            done, parts = start, self._patterns[index].parts
            while done < len(parts) and parts[done] is None:
                done += 1
                reached.add((index, done))
        return frozenset(reached)


def _pattern(text: str) -> _Pattern:
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if parts and parts[-1] == _ANY_DEPTH:  # what is in a folder, not a file of its name
        parts.append("*")
    return _Pattern(tuple(_compiled(_folded(parts))), folders_only=text.endswith("/"))


def _folded(parts: Sequence[str]) -> list[str]:
    """`**/**` says no more than `**`."""
    before = [None, *parts]
    return [
        part for part, last in zip(parts, before, strict=False) if not part == last == _ANY_DEPTH
    ]


def _compiled(parts: Iterable[str]) -> Iterable[re.Pattern[str] | None]:
    for part in parts:
        yield None if part == _ANY_DEPTH else re.compile(fnmatch.translate(part))
