"""The structure of a zip file, read in the one way that leaves nothing to interpret.

The standard library's reader is made to get at what a damaged archive still holds: it takes
files with something before or behind them, cuts names at a NUL, and keeps a kilobyte for each
entry. Here an archive has one end, one directory right before it and one name for each entry,
and whatever two readers could understand differently is refused.

This module lists what there is; `zipcontent` reads what of it is asked for.
"""

import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO, Final, NamedTuple

from bastaix.api import reasons
from bastaix.source.failure import SourceFailure
from bastaix.source.files import MAX_ENTRIES, Kind
from bastaix.source.soundness import unsafe, unsafe_anywhere
from bastaix.source.wording import shown
from bastaix.source.zipformat import (
    CENTRAL,
    CENTRAL_SIGNATURE,
    END,
    END_64,
    END_64_SIGNATURE,
    END_SIGNATURE,
    IN_ZIP_64,
    LOCATOR_64,
    LOCATOR_64_SIGNATURE,
)

_LONGEST_COMMENT: Final = 0xFFFF
_MAX_RAW_NAME: Final = 4_096
_ZIP_64: Final = 0x0001
_UNICODE_NAME: Final = 0x7075


class Record(NamedTuple):
    """An entry as the directory of the archive has it."""

    name: str
    kind: Kind
    executable: bool
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int


@dataclass(frozen=True)
class Directory:
    records: tuple[Record, ...]
    comment: bytes
    ends: dict[int, int]
    """Where the room of an entry ends at the latest, by where it begins."""


class _End(NamedTuple):
    entries: int
    size: int
    offset: int
    comment: bytes
    at: int
    """Where the directory must end."""


def read_directory(file: BinaryIO) -> Directory:
    """The list of all entries; none of them is looked at."""
    end = _end(file)
    if end.offset + end.size != end.at:
        raise unsafe("the archive's directory is not where its end says: data is before or in it")
    if end.entries > MAX_ENTRIES:
        raise SourceFailure(
            reasons.SOURCE_TOO_LARGE,
            f"the archive has {end.entries:,} entries; {MAX_ENTRIES:,} are allowed",
        )
    records = tuple(_records(file, end))
    offsets = sorted({record.offset for record in records})
    if records and (offsets[0] != 0 or offsets[-1] >= end.offset):
        raise unsafe("the archive has data before its first entry, or an entry outside of it")
    return Directory(records, end.comment, dict(pairwise([*offsets, end.offset])))


def _end(file: BinaryIO) -> _End:
    size = file.seek(0, 2)
    start = max(0, size - END.size - _LONGEST_COMMENT)
    file.seek(start)
    tail = file.read()
    fitting = [at for at in _positions(tail) if _fits(tail, at)]
    if not fitting:
        raise damaged("it is cut off, or something follows its end")
    if len(fitting) > 1 or fitting[0] != tail.rfind(END_SIGNATURE):
        raise unsafe("the archive has more than one end")
    at = fitting[0]
    _, disk, first, here, count, length, offset, _ = END.unpack_from(tail, at)
    comment, place = tail[at + END.size :], start + at
    if (disk, first) != (0, 0) or here != count:
        raise unsafe("the archive is one part of several")
    return _end_64(file, _End(count, length, offset, comment, place))


def _positions(tail: bytes) -> Iterator[int]:
    at = tail.find(END_SIGNATURE)
    while at >= 0:
        yield at
        at = tail.find(END_SIGNATURE, at + 1)


def _fits(tail: bytes, at: int) -> bool:
    after = at + END.size
    length = int.from_bytes(tail[after - 2 : after], "little")
    return after + length == len(tail)


def _end_64(file: BinaryIO, end: _End) -> _End:
    """The larger numbers of the archive's end, where there are such; they may not contradict."""
    place = end.at - LOCATOR_64.size - END_64.size
    if place < 0:
        return end
    file.seek(place)
    large, locator = exactly(file, END_64.size), exactly(file, LOCATOR_64.size)
    signature, first, at, disks = LOCATOR_64.unpack(locator)
    if signature != LOCATOR_64_SIGNATURE:
        return end
    signature, length, _, _, disk, first_64, here, count, size, offset = END_64.unpack(large)
    if (signature, length, at, disks) != (END_64_SIGNATURE, END_64.size - 12, place, 1):
        raise unsafe("the archive's end contradicts itself")
    if first or disk or first_64 or here != count:
        raise unsafe("the archive is one part of several")
    for small, full, most in (
        (end.entries, count, 0xFFFF),
        (end.size, size, IN_ZIP_64),
        (end.offset, offset, IN_ZIP_64),
    ):
        if small not in (full, most):
            raise unsafe("the archive's end contradicts itself")
    return _End(count, size, offset, end.comment, place)


def _records(file: BinaryIO, end: _End) -> Iterator[Record]:
    file.seek(end.offset)
    left = end.size
    for _ in range(end.entries):
        header = CENTRAL.unpack(exactly(file, CENTRAL.size))
        signature, _, _, flags, method, _, _, crc, packed, size, *lengths = header
        name_length, extra_length, comment_length, disk, _, attributes, offset = lengths
        if signature != CENTRAL_SIGNATURE or disk:
            raise damaged("its directory holds something else")
        left -= CENTRAL.size + name_length + extra_length + comment_length
        if left < 0:
            raise damaged("its directory is longer than it says")
        raw_name = exactly(file, name_length)
        extra = _extra(exactly(file, extra_length))
        file.seek(comment_length, 1)
        size, packed, offset = _large(extra.get(_ZIP_64, b""), size, packed, offset)
        name = _decoded(raw_name, extra)
        mode = attributes >> 16
        yield Record(
            name=name.removesuffix("/"),
            kind=_kind(name, mode, size),
            executable=bool(mode & stat.S_IXUSR),
            flags=flags,
            method=method,
            crc=crc,
            packed=packed,
            size=size,
            offset=offset,
        )
    if left:
        raise unsafe("the archive's directory holds more entries than its end says")


def _decoded(raw_name: bytes, extra: dict[int, bytes]) -> str:
    if len(raw_name) > _MAX_RAW_NAME:
        raise unsafe_anywhere(f"the archive has a name of {len(raw_name):,} bytes")
    if extra.get(_UNICODE_NAME, b"\0" * 5 + raw_name)[5:] != raw_name:
        name = shown(raw_name.decode(errors="replace"))
        raise unsafe_anywhere(f"the archive has two names for {name}")
    try:
        return raw_name.decode()
    except UnicodeDecodeError:
        name = shown(raw_name.decode(errors="replace"))
        raise unsafe_anywhere(f"the archive has a name that is not UTF-8: {name}") from None


def _kind(name: str, mode: int, size: int) -> Kind:
    """A mode counts whatever system the archive says that it is from."""
    said = stat.S_IFMT(mode)
    if said == stat.S_IFLNK:
        return "symlink"
    folder = name.endswith("/")
    if folder and (said not in (0, stat.S_IFDIR, stat.S_IFREG) or size):
        return "special"
    if not folder and said not in (0, stat.S_IFREG):
        return "special"
    return "folder" if folder else "file"


def _extra(data: bytes) -> dict[int, bytes]:
    """Fields by their number; whatever else is at the end is padding."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(data):
        kind, length = struct.unpack_from("<2H", data, at)
        found.setdefault(kind, data[at + 4 : at + 4 + length])
        at += 4 + length
    return found


def _large(field: bytes, *numbers: int) -> tuple[int, ...]:
    """Numbers that had no room in their place are in a field, in this order."""
    found = []
    for number in numbers:
        if number == IN_ZIP_64 and len(field) >= 8:
            number, field = int.from_bytes(field[:8], "little"), field[8:]
        found.append(number)
    return tuple(found)


def exactly(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) != length:
        raise damaged("it is cut off")
    return data


def damaged(how: str) -> SourceFailure:
    return SourceFailure(reasons.SOURCE_NOT_ARCHIVE, f"the archive is damaged: {how}")
