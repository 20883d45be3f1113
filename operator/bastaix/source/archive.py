"""Reads the selected code out of an archive that nobody has vouched for.

All entries are listed, only the selected ones are unpacked: of 100 MB with 500 KB selected,
500 KB are decompressed. Called in a process of its own alone (`source.sandbox`).
"""

import re
from collections.abc import Sequence
from typing import BinaryIO, Final

from bastaix.api import reasons
from bastaix.source import selection as selecting
from bastaix.source.artifact import Selection
from bastaix.source.failure import SourceFailure
from bastaix.source.files import File, Files
from bastaix.source.selection import Chosen, choose, parts_of
from bastaix.source.soundness import check_names, check_selected
from bastaix.source.standins import check_pointers, check_submodules
from bastaix.source.zipcontent import read_content
from bastaix.source.zipdirectory import Directory, Record, read_directory
from bastaix.source.zipformat import END_SIGNATURE, LOCAL_SIGNATURE

_COMMIT: Final = re.compile(rb"[0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?")
_MODULES: Final = ".gitmodules"
_MODULES_BYTES: Final = 64 * 1024

# what else comes in an archive's place, by how it begins
_OTHERS: Final = (
    (rb"\x1f\x8b", "a gzip file (.tar.gz); a zip is needed"),
    (rb"BZh|\xfd7zXZ\0|\x28\xb5\x2f\xfd|7z\xbc\xaf|Rar!", "an archive of another kind than zip"),
    (rb"(?s).{257}ustar", "a tar file; a zip is needed"),
    (rb"(?i)\s*<(!doctype|html|head|body|!--)", "an HTML page; a zip is needed"),
    (rb"\s*[<{\[]", "a text in XML or JSON; a zip is needed"),
    (rb"version https://git-lfs", "a Git LFS pointer; a zip is needed"),
)


def read_tree(file: BinaryIO, selection: Selection) -> Files:
    """The selected files; SourceFailure says what keeps them from being read."""
    _check_kind(file)
    directory = read_directory(file)
    _check_commit(directory.comment, selection.commit)
    check_names(record.name for record in directory.records)
    entries = _entries(directory.records, selection)
    chosen = choose(entries, selection)
    if selection.commit:
        _check_submodules(file, directory, entries, chosen, selection)
    if not chosen.files:
        raise selecting.nothing_left(selection)
    selecting.check_size(chosen.files)
    check_selected([*chosen.files, *chosen.folders])
    files = {
        name: File(read_content(file, directory, record), record.executable)
        for name, record in chosen.files
    }
    check_pointers(files)
    return files


def _check_kind(file: BinaryIO) -> None:
    file.seek(0)
    beginning = file.read(512)
    if beginning.startswith((LOCAL_SIGNATURE, END_SIGNATURE)):
        return
    what = "nothing at all" if not beginning else "no zip archive"
    for pattern, name in _OTHERS:
        if re.match(pattern, beginning):
            what = name
            break
    raise SourceFailure(reasons.SOURCE_NOT_ARCHIVE, f"what came is {what}")


def _check_commit(comment: bytes, commit: str | None) -> None:
    """Git writes the commit into the comment of a zip. It is a check, no proof."""
    if commit is None or not _COMMIT.fullmatch(comment):
        return
    said = comment.decode().lower()
    if said != commit.lower():
        raise SourceFailure(
            reasons.DIGEST_MISMATCH, f"the archive says that it is commit {said}, not {commit}"
        )


def _entries(records: Sequence[Record], selection: Selection) -> list[tuple[str, Record]]:
    """By their names from the top of the repository.

    One folder at the top may be a wrapper or the code itself: where the host does not tell,
    what `path` names does.
    """
    whole = [(record.name, record) for record in records]
    bare = _without_wrapper(records)
    if selection.wrapped:
        return bare
    inside = "/".join((*parts_of(selection.path), ""))
    if any(name.startswith(inside) for name, _ in bare):
        return bare
    return whole if any(name.startswith(inside) for name, _ in whole) else bare


def _without_wrapper(records: Sequence[Record]) -> list[tuple[str, Record]]:
    """Most hosts put one folder around it."""
    tops = {record.name.partition("/")[0] for record in records}
    if len(tops) != 1 or any(r.kind != "folder" and "/" not in r.name for r in records):
        return [(record.name, record) for record in records]
    before = len(tops.pop()) + 1
    return [(record.name[before:], record) for record in records if len(record.name) > before]


def _check_submodules(
    file: BinaryIO,
    directory: Directory,
    entries: Sequence[tuple[str, Record]],
    chosen: Chosen[Record],
    selection: Selection,
) -> None:
    if not chosen.empty:
        return
    modules = None
    for name, record in entries:
        if name == _MODULES and record.kind == "file" and record.size <= _MODULES_BYTES:
            modules = read_content(file, directory, record)
    root = parts_of(selection.path)
    empty = ["/".join((*root, name)).rstrip("/") for name in chosen.empty]
    check_submodules(empty, modules)
