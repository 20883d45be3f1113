"""The artifact's form: a zip that is the same, byte for byte, for the same content.

It is written here and not by a library, because what a library writes changes with its
version: compression, flags, extra fields. Nothing is compressed, names are in the order of
their bytes, times are the earliest that a zip can say, and a mode is 0644 or 0755.

Everything is in one folder: Ray takes off the one folder at the top of what it unpacks, and
without ours it would take one of the code's own.
"""

import hashlib
import zlib
from collections.abc import Mapping
from typing import Final

from bastaix.api import names, reasons
from bastaix.source.artifact import MAX_ARTIFACT_BYTES
from bastaix.source.failure import SourceFailure
from bastaix.source.files import Files
from bastaix.source.zipformat import (
    CENTRAL,
    CENTRAL_SIGNATURE,
    END,
    END_SIGNATURE,
    LOCAL,
    LOCAL_SIGNATURE,
    STORED,
    UTF8,
)

_MADE_BY: Final = 3 << 8 | 20  # Unix, whose modes are in the attributes; version 2.0
_NEEDED: Final = 20
_TIME, _DATE = 0, 1 << 5 | 1  # 1980-01-01 00:00
_MODE, _EXECUTABLE_MODE = 0o100644, 0o100755


def pack(files: Files) -> bytes:
    packed = bytearray()
    directory = bytearray()
    for name, file in sorted((_name(name), file) for name, file in files.items()):
        common = (_NEEDED, UTF8, STORED, _TIME, _DATE)
        size = (zlib.crc32(file.data), len(file.data), len(file.data))
        mode = _EXECUTABLE_MODE if file.executable else _MODE
        lengths = (len(name), 0, 0, 0, 0)
        directory += CENTRAL.pack(
            CENTRAL_SIGNATURE, _MADE_BY, *common, *size, *lengths, mode << 16, len(packed)
        )
        directory += name
        packed += LOCAL.pack(LOCAL_SIGNATURE, *common, *size, len(name), 0) + name + file.data
    end = END.pack(END_SIGNATURE, 0, 0, len(files), len(files), len(directory), len(packed), 0)
    data = bytes(packed + directory + end)
    if len(data) > MAX_ARTIFACT_BYTES:
        raise SourceFailure(
            reasons.SOURCE_TOO_LARGE,
            f"the code is {len(data):,} bytes packed; {MAX_ARTIFACT_BYTES:,} are allowed",
        )
    return data


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def packed_bytes(sizes: Mapping[str, int]) -> int:
    """How long `pack` would make files of these sizes."""
    each = LOCAL.size + CENTRAL.size
    return END.size + sum(each + 2 * len(_name(name)) + size for name, size in sizes.items())


def _name(name: str) -> bytes:
    return (names.ARTIFACT_FOLDER + name).encode()
