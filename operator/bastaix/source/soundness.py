"""Names and kinds of entries that no code needs and that have harmed who unpacked them.

What is refused anywhere in an archive makes its reading ambiguous; what only its use would
make dangerous is refused among the selected alone, so `exclude` can leave it out.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from bastaix.api import reasons
from bastaix.source.failure import SourceFailure
from bastaix.source.files import MAX_DEPTH, MAX_NAME_BYTES, MAX_PATH_BYTES, Entry
from bastaix.source.wording import shown

# each with what it is called; in the order in which a name is told to have it
_BAD: Final = (
    (re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"), "a control character"),
    (re.compile(r"\\"), "a backslash"),
    (re.compile(r"^/"), "a slash at its beginning"),
    (re.compile(r"^[A-Za-z]:"), "a drive letter"),
    (re.compile(r"(^|/)\.\.(/|$)"), "'..' in it"),
    (re.compile(r"(^|/)\.?(/|$)"), "an empty part or '.' in it"),
)
_ANY_BAD: Final = re.compile("|".join(f"(?:{pattern.pattern})" for pattern, _ in _BAD))


def check_names(names: Iterable[str]) -> None:
    """Refuse an archive for any of its names."""
    for name in names:
        if _ANY_BAD.search(name):
            what = next(what for pattern, what in _BAD if pattern.search(name))
            raise unsafe_anywhere(f"the archive has an entry {shown(name)}: a name with {what}")


def check_selected(chosen: Sequence[tuple[str, Entry]]) -> None:
    """Refuse what is selected for its kinds, its lengths and its names' likeness."""
    for name, entry in chosen:
        if entry.kind == "symlink":
            raise unsafe(f"{shown(name)} is a symbolic link")
        if entry.kind == "special":
            raise unsafe(f"{shown(name)} is neither a file nor a folder")
        _check_length(name)
    _check_likeness(chosen)


def _check_length(name: str) -> None:
    parts = name.split("/")
    if len(parts) > MAX_DEPTH:
        raise unsafe(f"{shown(name)} is {len(parts)} folders deep; {MAX_DEPTH} are allowed")
    longest = max(len(part.encode()) for part in parts)
    if longest > MAX_NAME_BYTES:
        raise unsafe(f"{shown(name)} has a part of {longest} bytes; {MAX_NAME_BYTES} are allowed")
    if len(name.encode()) > MAX_PATH_BYTES:
        raise unsafe(f"{shown(name)} is longer than {MAX_PATH_BYTES} bytes")


def _check_likeness(chosen: Sequence[tuple[str, Entry]]) -> None:
    """No two names that any file system, or any reader of archives, may take for one."""
    seen: dict[str, tuple[str, bool]] = {}
    for name, entry in chosen:
        parts = name.split("/")
        for end in range(1, len(parts) + 1):
            spelling = "/".join(parts[:end])
            is_file = end == len(parts) and entry.kind != "folder"
            likeness = _likeness(spelling)
            other, other_is_file = seen.get(likeness, (spelling, is_file))
            if other != spelling:
                raise unsafe(f"{shown(other)} and {shown(spelling)} differ in case or accents only")
            if other_is_file != is_file:
                raise unsafe(f"{shown(spelling)} is a file and a folder")
            if is_file and likeness in seen:
                raise unsafe(f"{shown(spelling)} is there twice")
            seen[likeness] = (spelling, is_file)


def _likeness(name: str) -> str:
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def unsafe_anywhere(message: str) -> SourceFailure:
    """Of what is refused also outside of what is selected."""
    return unsafe(f"{message}; wherever it is in the archive, so `exclude` does not help")


def unsafe(message: str) -> SourceFailure:
    return SourceFailure(reasons.SOURCE_UNSAFE, message)
