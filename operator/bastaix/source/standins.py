"""Files and folders that only stand for something which the archive does not have."""

import re
from collections.abc import Collection, Iterator
from typing import Final

from bastaix.api import reasons
from bastaix.source.failure import SourceFailure
from bastaix.source.files import Files
from bastaix.source.wording import listed

_LFS_BEGINNING: Final = b"version https://git-lfs.github.com/spec/"
_LFS_LONGEST: Final = 1024
_NAMED: Final = 5
_SUBMODULE_PATH: Final = re.compile(
    r"^[ \t]{0,40}+path[ \t]{0,40}+=[ \t]{0,40}+"
    r"\"?([^\"#;\n]{0,4096}?)/?\"?[ \t\r]{0,40}+(?:[#;].*)?$",
    re.MULTILINE | re.IGNORECASE,
)


def check_submodules(empty: Collection[str], modules: bytes | None) -> None:
    """Git has no empty folders: what looks like one is a submodule.

    `empty` holds paths from the top of the repository, `modules` what .gitmodules says there:
    some hosts leave it out, and then every empty folder is one.
    """
    known = None
    if modules is not None:
        known = set(_SUBMODULE_PATH.findall(modules.decode(errors="replace")))
    found = sorted(name for name in empty if known is None or name in known)
    if found:
        raise SourceFailure(
            reasons.SOURCE_INCOMPLETE,
            f"{listed(found, _NAMED)}: Git submodules, which no host puts into its archives",
        )


def check_pointers(files: Files) -> None:
    found = sorted(_pointers(files))
    if found:
        raise SourceFailure(
            reasons.SOURCE_INCOMPLETE,
            f"{listed(found, _NAMED)}: Git LFS pointers, not the files that they stand for",
        )


def _pointers(files: Files) -> Iterator[str]:
    for name, file in files.items():
        if len(file.data) < _LFS_LONGEST and file.data.startswith(_LFS_BEGINNING):
            yield name
