"""Reads the selected code out of a working tree, as the archive of a commit would have it.

For whoever checks before a push: Git's own folder and what Python leaves behind are not code.
Links are not followed.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from bastaix.api import reasons
from bastaix.source import selection as selecting
from bastaix.source.artifact import Selection
from bastaix.source.failure import SourceFailure
from bastaix.source.files import MAX_ENTRIES, File, Files, Kind
from bastaix.source.selection import choose, parts_of
from bastaix.source.soundness import check_names, check_selected
from bastaix.source.standins import check_pointers
from bastaix.source.wording import shown

_LEFT_OUT: Final = frozenset({".git", "__pycache__"})
_LEFT_OUT_ENDING: Final = ".pyc"


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    kind: Kind
    size: int
    executable: bool


def read_folder(top: Path, selection: Selection) -> Files:
    """The selected files; `path` is from the top, as in a repository."""
    try:
        return _files(top, selection)
    except PermissionError as error:
        name = shown(os.path.relpath(os.fsdecode(error.filename), top))
        raise SourceFailure(
            reasons.SOURCE_FORBIDDEN, f"{name} of the folder may not be read by who checks it"
        ) from error


def _files(top: Path, selection: Selection) -> Files:
    if not top.is_dir():
        raise SourceFailure(reasons.PATH_NOT_FOUND, "the folder to check is not there")
    found = list(islice(_walk(top, "", parts_of(selection.path)), MAX_ENTRIES + 1))
    if len(found) > MAX_ENTRIES:
        raise SourceFailure(
            reasons.SOURCE_TOO_LARGE, f"the folder has more than {MAX_ENTRIES:,} entries"
        )
    check_names(entry.name for entry in found)
    chosen = choose([(entry.name, entry) for entry in found], selection)
    if not chosen.files:
        raise selecting.nothing_left(selection)
    selecting.check_size(chosen.files)
    check_selected([*chosen.files, *chosen.folders])
    files = {name: _read(top / entry.name, entry) for name, entry in chosen.files}
    check_pointers(files)
    return files


def _walk(folder: Path, before: str, wanted: list[str]) -> Iterator[_Found]:
    """All below `wanted`, and on the way to it what is beside it, for who mistyped it."""
    with os.scandir(folder) as entries:
        children = sorted(entries, key=lambda entry: entry.name)
    for entry in children:
        if entry.name in _LEFT_OUT or entry.name.endswith(_LEFT_OUT_ENDING):
            continue
        name = before + entry.name
        info = entry.stat(follow_symlinks=False)
        kind = _kind(info.st_mode)
        yield _Found(name, kind, info.st_size, bool(info.st_mode & stat.S_IXUSR))
        if kind == "folder" and wanted[:1] in ([], [entry.name]):
            yield from _walk(folder / entry.name, f"{name}/", wanted[1:])


def _kind(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "symlink" if stat.S_ISLNK(mode) else "special"


def _read(path: Path, entry: _Found) -> File:
    """No more than was counted, though somebody may be writing."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        return File(file.read(entry.size), entry.executable)
