"""Reads one entry of a zip file, and no more of it than was promised.

What an entry is stands in an archive twice, before its content and in the directory; a reader
that believes one of them and a checker that believes the other is how harm is done, so here
both must say the same.
"""

import zlib
from typing import BinaryIO, Final

from bastaix.source.soundness import unsafe
from bastaix.source.wording import shown
from bastaix.source.zipdirectory import Directory, Record, damaged, exactly
from bastaix.source.zipformat import (
    DEFLATED,
    ENCRYPTED,
    IN_ZIP_64,
    LOCAL,
    LOCAL_SIGNATURE,
    SIZES_FOLLOW,
    STORED,
    UTF8,
)

MAX_RATIO: Final = 200
"""Of unpacked to packed; text and code stay far below, and small files may do as they like."""
_SMALL: Final = 64 * 1024
_CHUNK: Final = 64 * 1024


def read_content(file: BinaryIO, directory: Directory, record: Record) -> bytes:
    """What is in one entry, which must be all that its declaration says and no more."""
    name = shown(record.name)
    if record.flags & ENCRYPTED:
        raise unsafe(f"{name} is encrypted")
    if record.method not in (STORED, DEFLATED):
        raise unsafe(f"{name} is compressed by method {record.method}; deflate alone is known")
    start = _content_start(file, record)
    if start + record.packed > directory.ends[record.offset]:
        raise unsafe(f"{name} overlaps another entry")
    if record.method == STORED:
        if record.packed != record.size:
            raise unsafe(f"{name} is of two sizes")
        data = exactly(file, record.size)
    else:
        _check_ratio(record)
        data = _inflated(file, record)
    if len(data) != record.size or zlib.crc32(data) != record.crc:
        raise damaged(f"{name} is not what its checksum says")
    return data


def _content_start(file: BinaryIO, record: Record) -> int:
    """Behind the entry's own header, which must say the same as the directory."""
    file.seek(record.offset)
    header = LOCAL.unpack(exactly(file, LOCAL.size))
    signature, _, flags, method, _, _, crc, packed, size, name_length, extra_length = header
    same = (
        signature == LOCAL_SIGNATURE
        and method == record.method
        and not (flags ^ record.flags) & (ENCRYPTED | UTF8)
        and exactly(file, name_length) == record.name.encode()
    )
    for own, listed in ((crc, record.crc), (packed, record.packed), (size, record.size)):
        unsaid = (flags & SIZES_FOLLOW and own == 0) or own == IN_ZIP_64
        same = same and (own == listed or bool(unsaid))
    if not same:
        raise unsafe(f"{shown(record.name)} is something else in its own header than in the list")
    return file.seek(extra_length, 1)


def _check_ratio(record: Record) -> None:
    if record.size > max(_SMALL, MAX_RATIO * record.packed):
        raise unsafe(f"{shown(record.name)} unpacks to more than {MAX_RATIO} times its packed size")
    if record.packed > 2 * record.size + 1024:  # blocks without content cost time for nothing
        raise unsafe(f"{shown(record.name)} is larger packed than unpacked")


def _inflated(file: BinaryIO, record: Record) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    data = bytearray()
    left = record.packed
    try:
        while left and not inflater.eof:
            chunk = exactly(file, min(left, _CHUNK))
            left -= len(chunk)
            data += inflater.decompress(chunk, record.size + 1 - len(data))
            if len(data) > record.size:
                raise unsafe(f"{shown(record.name)} unpacks to more than it declares")
    except zlib.error:
        raise damaged(f"{shown(record.name)} cannot be decompressed") from None
    if not inflater.eof or left or inflater.unused_data:
        raise damaged(f"{shown(record.name)} ends elsewhere than it says")
    return bytes(data)
