"""Which entries become the artifact: those in `path`, without those that `exclude` names."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from bastaix.api import reasons
from bastaix.source.artifact import MAX_ARTIFACT_BYTES, Selection
from bastaix.source.exclusion import Exclusion
from bastaix.source.failure import SourceFailure
from bastaix.source.files import MAX_FILES, Entry
from bastaix.source.packing import packed_bytes
from bastaix.source.wording import listed, shown

E = TypeVar("E", bound=Entry)

_NAMED: Final = 8
_LARGEST: Final = 5
_SUGGESTED: Final = 3


@dataclass(frozen=True, kw_only=True)
class Chosen(Generic[E]):
    """By their path from the selected root."""

    files: Sequence[tuple[str, E]]
    """All that is no folder."""
    folders: Sequence[tuple[str, E]]
    empty: Sequence[str]
    """Folders in which the archive has nothing at all, excluded or not."""


def parts_of(path: str | None) -> list[str]:
    return [part for part in (path or "").split("/") if part not in ("", ".")]


def choose(entries: Sequence[tuple[str, E]], selection: Selection) -> Chosen[E]:
    """Entries by their path from the top. SourceFailure: no such folder."""
    root = "/".join(parts_of(selection.path))
    before = f"{root}/" if root else ""
    inside = [(name[len(before) :], entry) for name, entry in entries if name.startswith(before)]
    here = [entry for name, entry in entries if name == root and entry.kind == "folder"]
    if not inside and not here:
        raise _not_there(root, entries)
    excluded = Exclusion(selection.exclude)
    left = [(name, entry) for name, entry in inside if not excluded(name, folder=_is_folder(entry))]
    parents = {name.rpartition("/")[0] for name, _ in inside}
    folders = [(name, entry) for name, entry in left if _is_folder(entry)]
    return Chosen(
        files=[(name, entry) for name, entry in left if not _is_folder(entry)],
        folders=folders,
        empty=[name for name, _ in folders if name not in parents] if inside else [""],
    )


def nothing_left(selection: Selection) -> SourceFailure:
    where = shown("/".join(parts_of(selection.path))) if parts_of(selection.path) else "the source"
    why = "exclude leaves no file of it" if selection.exclude else "no file is in it"
    return SourceFailure(reasons.PATH_NOT_FOUND, f"nothing is left of {where}: {why}")


def check_size(chosen: Sequence[tuple[str, Entry]]) -> None:
    """By what is declared: reading ends where a declaration turns out to be a lie."""
    if len(chosen) > MAX_FILES:
        folders = Counter(name.partition("/")[0] for name, _ in chosen if "/" in name)
        most = (f"{name}/**" for name, _ in folders.most_common(_SUGGESTED))
        raise _too_large(
            f"the selected code has {len(chosen):,} files; {MAX_FILES:,} are allowed", most
        )
    sizes = {name: entry.size for name, entry in chosen}
    total = packed_bytes(sizes)
    if total > MAX_ARTIFACT_BYTES:
        largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:_LARGEST]
        told = ", ".join(f"{shown(name)} ({sizes[name]:,})" for name in largest)
        raise _too_large(
            f"the selected code is {total:,} bytes packed; {MAX_ARTIFACT_BYTES:,} are allowed;"
            f" the largest files: {told}",
            _suggestions(sizes, total - MAX_ARTIFACT_BYTES),
        )


def _suggestions(sizes: Mapping[str, int], surplus: int) -> Iterable[str]:
    """Patterns that would free the most, until enough is freed."""
    freed: Counter[str] = Counter()
    for name, size in sizes.items():
        freed[_pattern(name)] += size
    for pattern, size in freed.most_common(_SUGGESTED):
        yield pattern
        surplus -= size
        if surplus <= 0:
            return


def _pattern(name: str) -> str:
    """All of a kind; but code is not left out for its kind."""
    last = name.rpartition("/")[2]
    kind = last.rpartition(".")[2]
    return name if "." not in last.lstrip(".") or kind == "py" else f"**/*.{kind}"


def _too_large(message: str, patterns: Iterable[str]) -> SourceFailure:
    suggested = listed(patterns, _SUGGESTED)
    told = f"; exclude for example {suggested}" if suggested else ""
    return SourceFailure(reasons.SOURCE_TOO_LARGE, message + told)


def _not_there(root: str, entries: Sequence[tuple[str, E]]) -> SourceFailure:
    if not entries:
        return SourceFailure(reasons.PATH_NOT_FOUND, "the archive is empty")
    if any(name == root for name, _ in entries):
        return SourceFailure(reasons.PATH_NOT_FOUND, f"path {shown(root)} is not a folder")
    above = root
    found: list[str] = []
    while not found:
        above = above.rpartition("/")[0]
        found = _children(above, entries)
    where = shown(above) if above else "at its top"
    if above:
        where = f"in {where}"
    return SourceFailure(
        reasons.PATH_NOT_FOUND,
        f"the source has no folder {shown(root)}; {where} are {listed(found, _NAMED)}",
    )


def _children(folder: str, entries: Sequence[tuple[str, E]]) -> list[str]:
    """What is directly in a folder, folders first, each with a slash."""
    before = f"{folder}/" if folder else ""
    found = set()
    for name, entry in entries:
        if name.startswith(before) and name != before:
            child, slash, _ = name[len(before) :].partition("/")
            found.add(f"{child}/" if slash or _is_folder(entry) else child)
    return sorted(found, key=lambda child: (not child.endswith("/"), child))


def _is_folder(entry: Entry) -> bool:
    return entry.kind == "folder"
