"""Making a release: of a commit, from what that commit holds, the same bytes each time.

All times are the commit's own. What no commit can hold is the base of the image: a release that is
published names it by digest, and the bill of materials says which it was.
"""

import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from cluster import builder, programs
from cluster.locks import lock
from cluster.progress import Progress
from release import archive, describe, image

BY_DIGEST = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")
# OCI image specification 1.1, "Pre-Defined Annotation Keys"; buildah writes those of the base.
REVISION = "org.opencontainers.image.revision"
BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
WORKSHOP = "release"


class ReleaseError(RuntimeError):
    """No release can be made; the message says why and what to do."""


@dataclass(frozen=True)
class Commit:
    digest: str
    epoch: int  # seconds


def build(checkout: Path, directory: Path, base: str | None, progress: Progress) -> list[Path]:
    """Make a release of the commit that is checked out, into an empty folder.

    What is changed and not committed is not in it. Raises ReleaseError, ImageError or ProgramError.
    """
    if base:
        require_digest(base)
    commit = _head(checkout)
    clear(directory)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        _export(checkout, commit, tree)
        version = _version(tree)
        with progress.step("building the wheel and the chart"):
            _build_wheel(tree, directory, commit.epoch)
            _package_chart(tree, directory, commit.epoch)
        with progress.step("building the image"):
            packed = directory / f"bastaix-operator-{version}.oci.tar"
            builder.install_tools()
            start = base or builder.base(progress)
            _build_image(tree, packed, version, start, commit.epoch)
    held = image.from_archive(packed)
    describe.write_bill(directory, "bastaix-operator", version, held, _known(held, commit))
    archive.write_sums(directory)
    return sorted(directory.iterdir())


def clear(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for path in (*directory.glob("bastaix-*"), directory / archive.SUMS):
        path.unlink(missing_ok=True)
    if others := sorted(path.name for path in directory.iterdir()):
        raise ReleaseError(f"{directory} holds {', '.join(others)}, which no release made")


def _head(checkout: Path) -> Commit:
    said = programs.run("git", "log", "-1", "--format=%H %ct", folder=checkout).split()
    return Commit(said[0], int(said[1]))


def require_digest(base: str) -> None:
    """Raise ReleaseError unless an image is named by its digest."""
    if not BY_DIGEST.fullmatch(base):
        raise ReleaseError(
            f"base {base}: it has no digest, so nobody could build the same again; "
            "name it as NAME@sha256:…, with 64 hexadecimal digits"
        )


def _known(held: image.Image, commit: Commit) -> dict[str, str]:
    """What the bill of materials says of the image besides what is in it."""
    if not held.annotations.get(BASE_DIGEST):
        raise ReleaseError("the image does not say which base it was built from")
    base = {key: held.annotations[key] for key in (BASE_NAME, BASE_DIGEST)}
    return {REVISION: commit.digest, **base}


def _export(checkout: Path, commit: Commit, target: Path) -> None:
    command = ("git", "archive", "--format=tar", commit.digest)
    with subprocess.Popen(command, cwd=checkout, stdout=subprocess.PIPE) as git:
        assert git.stdout
        with tarfile.open(fileobj=git.stdout, mode="r|") as tree:
            tree.extractall(target, filter="data")
    if git.returncode:
        raise ReleaseError(f"git archive failed ({git.returncode})")


def _version(tree: Path) -> str:
    """The version, which package and chart have in common."""
    version: str = tomllib.loads((tree / "pyproject.toml").read_text())["project"]["version"]
    chart = (tree / "charts/bastaix/Chart.yaml").read_text()
    for field in ("version", "appVersion"):
        if f"\n{field}: {version}\n" not in chart:
            raise ReleaseError(f"Chart.yaml: {field} is not {version}, which pyproject.toml has")
    return version


def _build_wheel(tree: Path, directory: Path, epoch: int) -> None:
    hatchling = (sys.executable, "-m", "hatchling", "build", "--target", "wheel")
    programs.run(
        *hatchling, "--directory", directory.resolve(), folder=tree, SOURCE_DATE_EPOCH=str(epoch)
    )


def _package_chart(tree: Path, directory: Path, epoch: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        helm = programs.path("helm")
        programs.run(helm, "package", tree / "charts/bastaix", "--destination", folder)
        (packed,) = Path(folder).iterdir()
        archive.repack(directory / packed.name, packed, epoch)


def _build_image(tree: Path, target: Path, version: str, base: Path | str, epoch: int) -> None:
    with lock(f"image-{WORKSHOP}"), builder.workshop(WORKSHOP) as folder:
        builder.build(
            WORKSHOP,
            tree / "operator/Dockerfile",
            context=tree,
            target=f"oci:{folder}/oci:{version}",
            base=base,
            epoch=epoch,
        )
        archive.write_folder(target, folder / "oci", epoch)
