"""Zip files with whatever in them: each field of the format can be given a lie."""

import struct
import zlib
from dataclasses import dataclass, field

FILE, EXECUTABLE, SYMLINK, FOLDER, DEVICE, FIFO = (
    0o100644,
    0o100755,
    0o120777,
    0o040755,
    0o020666,
    0o010644,
)
ENCRYPTED = 1
UTF8 = 1 << 11
SIZES_FOLLOW = 1 << 3
DEFLATED = 8


@dataclass(kw_only=True)
class Item:
    """One entry. What is None is as it should be."""

    name: bytes
    data: bytes = b""
    mode: int = FILE
    method: int = 0
    flags: int = UTF8
    crc: int | None = None
    packed: bytes | None = None
    size: int | None = None
    packed_size: int | None = None
    local_name: bytes | None = None
    local_method: int | None = None
    local_size: int | None = None
    extra: bytes = b""
    at: int | None = None
    """Where the directory says that it is."""
    listed: bool = True
    """Whether the directory has it."""


def item(name: str, data: bytes = b"", mode: int = FILE, method: int = 0) -> Item:
    return Item(name=name.encode(), data=data, mode=mode, method=method)


@dataclass(kw_only=True)
class Zip:
    items: list[Item] = field(default_factory=list)
    comment: bytes = b""
    before: bytes = b""
    between: bytes = b""
    after: bytes = b""
    count: int | None = None
    zip64: bool = False
    zip64_count: int | None = None

    def __bytes__(self) -> bytes:
        packed, directory = bytearray(self.before), bytearray()
        for each in self.items:
            at = len(packed)
            packed += _local(each)
            if each.listed:
                directory += _central(each, each.at if each.at is not None else at)
        packed += self.between
        listed = sum(each.listed for each in self.items)
        count = listed if self.count is None else self.count
        end_64 = self._end_64(listed, len(directory), len(packed)) if self.zip64 else b""
        end = struct.pack(
            "<4s4H2LH",
            b"PK\5\6",
            *(0, 0, *(min(count, 0xFFFF),) * 2, len(directory), len(packed), len(self.comment)),
        )
        return bytes(packed + directory + end_64 + end + self.comment + self.after)

    def _end_64(self, count: int, size: int, offset: int) -> bytes:
        count = count if self.zip64_count is None else self.zip64_count
        end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset)
        return end + struct.pack("<4sLQL", b"PK\6\7", 0, offset + size, 1)


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def _packed(each: Item) -> bytes:
    if each.packed is not None:
        return each.packed
    return deflated(each.data) if each.method == DEFLATED else each.data


def _sizes(each: Item) -> tuple[int, int, int]:
    crc = zlib.crc32(each.data) if each.crc is None else each.crc
    packed = len(_packed(each)) if each.packed_size is None else each.packed_size
    return crc, packed, len(each.data) if each.size is None else each.size


def _local(each: Item) -> bytes:
    name = each.name if each.local_name is None else each.local_name
    method = each.method if each.local_method is None else each.local_method
    crc, packed, size = _sizes(each)
    if each.local_size is not None:
        size = each.local_size
    if each.flags & SIZES_FOLLOW:
        sizes, behind = (0, 0, 0), struct.pack("<4s3L", b"PK\7\10", crc, packed, size)
    else:
        sizes, behind = (crc, packed, size), b""
    header = struct.pack(
        "<4s5H3L2H", b"PK\3\4", 20, each.flags, method, 0, 33, *sizes, len(name), 0
    )
    return header + name + _packed(each) + behind


def _central(each: Item, at: int) -> bytes:
    lengths = (len(each.name), len(each.extra), 0, 0, 0)
    header = struct.pack(
        "<4s6H3L5H2L",
        *(b"PK\1\2", 3 << 8 | 20, 20, each.flags, each.method, 0, 33),
        *_sizes(each),
        *lengths,
        each.mode << 16,
        at,
    )
    return header + each.name + each.extra
