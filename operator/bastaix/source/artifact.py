"""What passes between the steps: which part is wanted, what it is checked against, what results."""

from collections.abc import Mapping
from dataclasses import dataclass

Tree = Mapping[str, bytes]
"""Files of the selected code by their path from its root, with `/` between folders."""

MAX_ARTIFACT_BYTES = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What of an archive becomes the artifact."""

    path: str | None = None
    exclude: tuple[str, ...] = ()
    commit: str | None = None
    """From Git: the archive's own word of its commit, where it has one, must be this."""
    wrapped: bool = False
    """Whether who made it is known to put one folder around everything; else `path` tells."""


@dataclass(frozen=True, kw_only=True)
class Checks:
    """What the code is checked against before it is kept."""

    import_path: str
    image: str | None = None
    ray_version: str | None = None
    dataset: str | None = None
    """The file that the gate's evaluation takes its prompts from."""
    own_evaluator: bool = False
    """The data set is read by an image of the user's, in a form that only that knows."""


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A normalised zip: exactly one wrapper folder, sorted, stored, fixed times and modes."""

    data: bytes
    digest: str
    """`sha256:` and 64 hex digits, of `data`."""
    files: int
    notes: tuple[str, ...] = ()
    """What is worth saying though nothing is wrong, a line each."""
