"""Older versions of Bastaix, out of the repository's own history: their chart and their image."""

import io
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster import images
from cluster.progress import Progress
from demo import steps

PARTS = ("operator", "crds", "charts", "pyproject.toml", "README.md", "requirements")
VERSIONS = ("06cae8f",)
"""Commits whose models must go on untouched: the first version that ran anywhere but here, and the
one before each change of status, rights, schema or rendering."""


@dataclass(frozen=True)
class Older:
    root: Path
    image: str

    def install(self) -> None:
        steps.install_operator(self.image, root=self.root)


def older(commit: str, folder: Path, progress: Progress) -> Older:
    """A version as it was at a commit; its image is built where it is missing."""
    extract(commit, folder, PARTS)
    image = images.operator(f"operator-{commit}", folder)
    return Older(folder, images.ensure_images(image, progress=progress)[image.name])


def extract(commit: str, folder: Path, parts: Sequence[str]) -> None:
    """Lay these files and folders, as they were at a commit, into a folder."""
    git = ("git", "-C", str(steps.ROOT))
    done = subprocess.run([*git, "archive", "--format=tar", commit, *parts], capture_output=True)
    if done.returncode:
        raise RuntimeError(
            f"commit {commit} is not in this checkout, which must be a whole clone"
            f" (of a shallow one: git fetch --unshallow): {done.stderr.decode().strip()}"
        )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
