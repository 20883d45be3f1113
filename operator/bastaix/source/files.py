"""What an archive or a working tree holds, and how much of it may become an artifact."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from bastaix.source.artifact import Tree

Kind = Literal["file", "folder", "symlink", "special"]

MAX_ENTRIES: Final = 100_000
"""Of the whole archive, selected or not."""
MAX_FILES: Final = 2_000
MAX_DEPTH: Final = 32
MAX_NAME_BYTES: Final = 240
"""Of each part of a name; file systems end at 255."""
MAX_PATH_BYTES: Final = 1_024
"""Below Linux' 4,096 with room for the folder that Ray unpacks into."""


class Entry(Protocol):
    """One entry before its content is read; a folder's name has no `/` at its end."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def size(self) -> int:
        """As declared."""

    @property
    def executable(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class File:
    data: bytes
    executable: bool = False


Files = Mapping[str, File]
"""By their path from the root of the selected code, with `/` between folders."""


def contents(files: Files) -> Tree:
    return {name: file.data for name, file in files.items()}
