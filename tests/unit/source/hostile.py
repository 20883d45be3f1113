"""Archives that have harmed who opened their like: one for each advisory, and their relatives.

All are made here; each says what it does, the reason that it is refused for, and a word that
the refusal must have. `serve/app.py` is in most of them, so that they are refused for what is
wrong with them and not for being empty.
"""

import io
import struct
import tarfile
import zlib
from dataclasses import dataclass
from functools import cache

from bastaix.api import reasons
from bastaix.api.reasons import Reason
from bastaix.source.artifact import Selection
from tests.unit.source.zips import (
    DEFLATED,
    DEVICE,
    ENCRYPTED,
    FIFO,
    FOLDER,
    SYMLINK,
    UTF8,
    Item,
    Zip,
    deflated,
    item,
)

COMMIT = "3f9c2a1d" * 5
ALL_OF_IT = Selection(commit=COMMIT)
OTHER = "0" * 40


@dataclass(frozen=True)
class Case:
    does: str
    archive: bytes
    reason: Reason
    says: str
    selection: Selection = ALL_OF_IT

    def __str__(self) -> str:
        return self.does.replace(" ", "-")


def unsafe(does: str, says: str, *items: Item, **more: object) -> Case:
    archive = Zip(items=[item("r/serve/app.py", b"app = 1\n"), *items])
    for name, value in more.items():
        setattr(archive, name, value)
    return Case(does, bytes(archive), reasons.SOURCE_UNSAFE, says)


@cache
def zeros(length: int) -> bytes:
    """Packed; made in parts, as it would not be good to have it all."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    part = bytes(1024 * 1024)
    packed = b"".join(packer.compress(part) for _ in range(length // len(part)))
    return packed + packer.flush()


def names() -> list[Case]:
    """Zip slip: CVE-2018-1002207, CVE-2024-0406, CVE-2025-3445 (mholt/archiver)."""
    return [
        unsafe("climbs out of the folder", "'..'", item("r/../../etc/cron.d/x", b"*")),  # all three
        unsafe("climbs out at the end of a name", "'..'", item("r/serve/..", b"*")),
        unsafe("climbs out of a folder not selected", "'..'", item("r/docs/../../x", b"*")),
        unsafe("has an absolute name", "beginning", item("/etc/passwd", b"*")),
        unsafe("has the name of a drive", "drive", item("C:/Windows/x", b"*")),
        unsafe("climbs out on Windows", "backslash", item("r\\..\\..\\x", b"*")),
        unsafe("cuts its name with a NUL", "control", item("r/serve/app.py\0.png", b"*")),
        unsafe("writes to the terminal", "control", item("r/serve/\x1b[2J.py", b"*")),
        unsafe("has a line break in a name", "control", item("r/serve/a\nReady: true", b"*")),
        unsafe("has an empty part in a name", "empty", item("r//serve/app.py", b"*")),
        unsafe("has a name of a dot", "empty", item("r/./serve/app.py", b"*")),
        unsafe("has no name at all", "empty", item("", b"*")),
        unsafe("has a name that is no UTF-8", "UTF-8", Item(name=b"r/caf\xe9.py")),
        unsafe("has a name longer than any path", "bytes", item("r/" + "a/" * 4096 + "x")),
        unsafe("has a name longer than any file's", "bytes", item("r/" + "x" * 241)),
        unsafe("has more folders than anyone opens", "deep", item("r/" + "a/" * 40 + "x")),
    ]


def links() -> list[Case]:
    """CVE-2025-8959 (go-getter), CVE-2022-24904 and CVE-2022-31036 (Argo CD), CVE-2024-47877
    (codeclysm/extract), CVE-2026-29064 (Zarf)."""
    link = item("r/serve/key", b"/etc/shadow", SYMLINK)
    below = item("r/serve/key/x.py", b"*")
    return [
        unsafe("links to a file of the machine", "symbolic", link),  # CVE-2022-24904
        unsafe(  # CVE-2022-31036
            "links to values beside it", "symbolic", item("r/serve/v.yaml", b"../v.yaml", SYMLINK)
        ),
        unsafe("links, then writes through the link", "symbolic", link, below),  # CVE-2024-47877
        unsafe(  # CVE-2026-29064
            "links a folder", "symbolic", item("r/serve/etc/", b"/etc", SYMLINK)
        ),
        Case(  # CVE-2025-8959: the subfolder that is asked for is the link
            "has a link where the selected folder should be",
            bytes(Zip(items=[item("r/app.py"), item("r/serve", b"/etc", SYMLINK)])),
            reasons.PATH_NOT_FOUND,
            "not a folder",
            Selection(commit=COMMIT, path="serve"),
        ),
        unsafe("holds a device", "neither", item("r/serve/sda", b"", DEVICE)),
        unsafe("holds a pipe to wait for", "neither", item("r/serve/pipe", b"", FIFO)),
        unsafe("calls a file a folder", "neither", item("r/serve/d", b"x", FOLDER)),
        unsafe("has content in a folder", "neither", item("r/serve/d/", b"x", FOLDER)),
    ]


def bombs() -> list[Case]:
    """CVE-2023-0475 (go-getter), CVE-2022-36114 (Cargo), CVE-2025-32386 (Helm), CVE-2023-40584
    (Argo CD), CVE-2025-61728 (Go's archive/zip)."""
    megabyte, gigabyte = 1024 * 1024, 1024 * 1024 * 1024
    bomb = Item(name=b"r/serve/z.bin", method=DEFLATED, packed=zeros(gigabyte))
    honest = Item(**{**vars(bomb), "size": gigabyte})
    liar = Item(**{**vars(bomb), "size": 900_000})
    tight = item("r/serve/z.bin", bytes(900_000), method=DEFLATED)
    block = b"\0\0\0\xff\xff"  # of deflate: stored, without content, not the last
    idle = Item(name=b"r/serve/z", method=DEFLATED, packed=block * megabyte, size=0)
    many = [item(f"r/{n}") for n in range(100_001)]
    return [
        Case(  # CVE-2023-0475, CVE-2022-36114
            "unpacks to a gigabyte",
            bytes(Zip(items=[honest])),
            reasons.SOURCE_TOO_LARGE,
            "1,073,741,824",
        ),
        unsafe("unpacks to a gigabyte and says less", "declares", liar),  # CVE-2025-32386
        unsafe("unpacks to a thousand times its size", "200 times", tight),
        unsafe("takes time and gives nothing", "larger packed", idle),
        unsafe(  # one content for many entries
            "has one content for two names",
            "header",
            Item(**{**vars(item("r/serve/b.py", b"app = 1\n")), "at": 0, "listed": True}),
        ),
        unsafe("has contents that overlap", "overlaps", *_overlapping()),
        Case(  # CVE-2025-61728: names that take long to index
            "has too many entries",
            bytes(Zip(items=many, zip64=True)),
            reasons.SOURCE_TOO_LARGE,
            "100,001 entries",
        ),
        Case(
            "has too many files",
            bytes(Zip(items=many[:2_001])),
            reasons.SOURCE_TOO_LARGE,
            "2,001 files",
        ),
        Case(  # CVE-2023-40584
            "is a tar.gz",
            _tar(),
            reasons.SOURCE_NOT_ARCHIVE,
            "gzip",
        ),
    ]


def _overlapping() -> list[Item]:
    """The second is inside of what the first says to be its content."""
    inner = bytes(Zip(items=[item("r/serve/in.py", b"x")]))
    inner = inner[: inner.index(b"PK\1\2")]
    outer = item("r/serve/out.py", inner)
    first = len(bytes(Zip(items=[item("r/serve/app.py", b"app = 1\n")]))) - 22 - 46 - 14
    listed = item("r/serve/in.py", b"x")
    listed.at = first + 30 + len(outer.name)
    return [outer, listed]


def ambiguous() -> list[Case]:
    """CVE-2024-24789 (Go's archive/zip) and whatever else two readers read in two ways."""
    app = item("r/serve/app.py", b"app = 1\n")
    inner = bytes(Zip(items=[item("r/evil.py", b"*")]))
    unicode_name = struct.pack("<2HBL", 0x7075, 5 + 9, 1, 0) + b"r/evil.py"
    return [
        Case(  # CVE-2024-24789: the end's comment is longer or shorter than it says
            "has something behind its end",
            bytes(Zip(items=[app], after=b"behind")),
            reasons.SOURCE_NOT_ARCHIVE,
            "end",
        ),
        Case(
            "has another archive behind its end",
            bytes(Zip(items=[app])) + inner,
            reasons.SOURCE_UNSAFE,
            "before",
        ),
        unsafe("has another archive in its comment", "more than one end", comment=inner),
        unsafe("has something before it that is not listed", "before", before=b"PK\3\4" + b"*" * 9),
        unsafe("hides an entry behind its directory's end", "more entries", app, count=1),
        unsafe("counts its entries in two ways", "contradicts", zip64=True, zip64_count=2),
        unsafe("has one name twice", "twice", item("r/serve/app.py", b"app = 2\n")),
        unsafe("has a file that is a folder too", "file and a folder", item("r/serve/app.py/x")),
        unsafe("has names that differ in case", "case", item("r/serve/App.py")),
        unsafe("has folders that differ in case", "case", item("r/Serve/x.py")),
        unsafe("has names that differ in accents", "accents", item("r/é"), item("r/e\u0301")),
        unsafe("has two names for one entry", "two names", Item(name=b"r/b", extra=unicode_name)),
        unsafe("is named otherwise inside", "header", Item(name=b"r/b", local_name=b"r/../b")),
        unsafe("is of another size inside", "header", Item(name=b"r/b", data=b"x", local_size=2)),
        unsafe(
            "is compressed otherwise inside", "header", Item(name=b"r/b", data=b"x", local_method=8)
        ),
        unsafe("is encrypted", "encrypted", Item(name=b"r/b", flags=UTF8 | ENCRYPTED)),
        unsafe("is compressed as nobody knows", "method 99", Item(name=b"r/b", method=99)),
        unsafe("is stored in two sizes", "two sizes", Item(name=b"r/b", data=b"xx", size=1)),
        unsafe("lists what is not in it", "outside", Item(name=b"r/b", at=1_000_000)),
    ]


def broken() -> list[Case]:
    app = item("r/serve/app.py", b"app = 1\n" * 100, method=DEFLATED)
    whole = bytes(Zip(items=[app]))

    def not_archive(does: str, says: str, archive: bytes) -> Case:
        return Case(does, archive, reasons.SOURCE_NOT_ARCHIVE, says)

    wrong = Item(**{**vars(app), "crc": 1})
    cut = Item(**{**vars(app), "packed": deflated(app.data)[:-3]})
    longer = Item(**{**vars(app), "packed": deflated(app.data) + b"more"})
    return [
        not_archive("is empty", "nothing at all", b""),
        not_archive("is a sign-in page", "HTML", b"<!DOCTYPE html>\n<title>Sign in</title>"),
        not_archive("is an error in JSON", "JSON", b'{"message": "Not Found"}'),
        not_archive("is a tar file", "tar file", _tar("")),
        not_archive("is noise", "no zip", bytes(range(1, 256))),
        not_archive("is cut off", "cut off", whole[:-30]),
        not_archive("has a wrong checksum", "checksum", bytes(Zip(items=[wrong]))),
        not_archive("has content that breaks off", "ends elsewhere", bytes(Zip(items=[cut]))),
        not_archive("has content behind the content", "ends elsewhere", bytes(Zip(items=[longer]))),
        Case(
            "is of another commit",
            bytes(Zip(items=[app], comment=OTHER.encode())),
            reasons.DIGEST_MISMATCH,
            OTHER,
        ),
    ]


def _tar(compression: str = "gz") -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=f"w:{compression}") as archive:  # type: ignore[call-overload]
        info = tarfile.TarInfo("r/app.py")
        archive.addfile(info)
    return data.getvalue()


CASES = [*names(), *links(), *bombs(), *ambiguous(), *broken()]
