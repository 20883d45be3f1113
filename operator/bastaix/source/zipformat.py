"""The format of a zip file, as both who reads and who writes one must know it."""

import struct
from typing import Final

LOCAL: Final = struct.Struct("<4s5H3L2H")
"""Before each entry's content: signature; version, flags, method, time, date; checksum, packed
and unpacked size; lengths of name and extra fields, which follow."""
CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
"""Of each entry in the directory: the same with who made it before, and with the length of a
comment, the disk, two kinds of attributes and the place of the entry behind."""
END: Final = struct.Struct("<4s4H2LH")
"""Behind the directory: disks, counts of entries, its size and place, the length of a comment."""
LOCATOR_64: Final = struct.Struct("<4sLQL")
END_64: Final = struct.Struct("<4sQ2H2L4Q")

LOCAL_SIGNATURE: Final = b"PK\3\4"
CENTRAL_SIGNATURE: Final = b"PK\1\2"
END_SIGNATURE: Final = b"PK\5\6"
LOCATOR_64_SIGNATURE: Final = b"PK\6\7"
END_64_SIGNATURE: Final = b"PK\6\6"

STORED: Final = 0
DEFLATED: Final = 8
UTF8: Final = 1 << 11
ENCRYPTED: Final = 1 | 1 << 6 | 1 << 13
SIZES_FOLLOW: Final = 1 << 3
IN_ZIP_64: Final = 0xFFFFFFFF
"""A number that has no room in its place."""
