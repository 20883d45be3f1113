"""Building one image from a Dockerfile and handing it to containerd, with no container daemon.

buildah builds straight into an OCI folder, without a copy in a store of its own, and containerd
reads that folder as a stream; what one step no longer needs is deleted before the next, since the
largest image has 5 GB. Everything a build starts is in namespaces that end with it: a killed run
leaves nothing but a folder, which the next run deletes. Which images there are, and when one is
needed: `images`.
"""

import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cluster import node, paths, programs
from cluster.locks import lock
from cluster.progress import Progress

REPOSITORY = "localhost/bastaix"
# Set when an image is imported whole: a name alone is there before its layers are.
COMPLETE = "bastaix.dev/complete"
BUILD = paths.CACHE / "build"
BASES = paths.CACHE / "bases"
DOCKERFILES = paths.SOURCES / "dockerfiles"
TOOLS = ("buildah", "mmdebstrap")  # each is the name of a Debian package, too
CERTIFICATES = Path("/etc/ssl/certs")
BOOTSTRAP = (
    "mmdebstrap",
    "--quiet",
    "--variant=minbase",
    "--include=ca-certificates,python3,python3-venv,wget",
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "bookworm",
)
LAST_LINES = 15


class ImageError(RuntimeError):
    """An image could not be made; the message says why and what to do."""


def digest(*parts: bytes) -> str:
    """A short name of the parts and their order."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()[:12]


def reference(name: str, key: str) -> str:
    """The name that containerd and manifests know an image by."""
    return f"{REPOSITORY}/{name}:{key}"


def base_key() -> str:
    recipe = (DOCKERFILES / "base/Dockerfile").read_bytes()
    return digest(recipe, *(word.encode() for word in BOOTSTRAP))


def base(progress: Progress) -> Path:
    """The image that the others start from, an archive that is kept: it takes half a minute to
    make and 170 MB to have."""
    archive = BASES / f"{base_key()}.tar"  # a file: buildah reads folders of simple names only
    with lock("image-base"):
        if not archive.exists():
            with progress.step("making the base image"), workshop("base") as folder:
                shutil.copy(DOCKERFILES / "base/Dockerfile", folder)
                _run("base", *BOOTSTRAP, folder / "rootfs.tar")
                target = f"oci-archive:{folder}/base.tar:base"
                build("base", folder / "Dockerfile", context=folder, target=target)
                shutil.rmtree(BASES, ignore_errors=True)
                BASES.mkdir(parents=True)
                (folder / "base.tar").rename(archive)
    return archive


def make(
    name: str,
    key: str,
    *,
    dockerfile: Path,
    context: Path,
    from_base: bool,
    progress: Progress,
) -> None:
    """Build an image and import it."""
    install_tools()
    start = base(progress) if from_base else None
    with workshop(name) as folder:
        with progress.step(f"building image {name}"):
            target = f"oci:{folder}/oci:{key}"
            build(name, dockerfile, context=context, target=target, base=start)
        with progress.step(f"importing image {name}"):
            import_folder(name, folder / "oci", key)


@contextmanager
def workshop(name: str) -> Iterator[Path]:
    """An empty folder that is gone afterwards; what a killed run left in it goes first."""
    folder = BUILD / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _log(name).unlink(missing_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def build(
    name: str,
    dockerfile: Path,
    *,
    context: Path,
    target: str,
    base: Path | str | None = None,
    epoch: int | None = None,
) -> None:
    """Build to `target`, an image in the words of buildah, and leave nothing else.

    `base` is an archive or the name of an image; `epoch`, in seconds, is the time that the image
    and all files of its layer get, so that it is the same each time.
    """
    storage = BUILD / name / "storage"
    temporary = BUILD / name / "tmp"
    temporary.mkdir()
    # The machine's certificate authorities serve the build; the image keeps its own.
    options = ("--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro") if base else ()
    image = f"oci-archive:{base}" if isinstance(base, Path) else base
    start = ("--build-arg", f"BASE={image}") if image else ()
    times = () if epoch is None else ("--timestamp", str(epoch))
    _run(
        *(name, "buildah", "--root", storage / "root", "--runroot", storage / "run"),
        *("--storage-driver", "overlay"),
        *("build", "--isolation", "chroot", "--layers=false", *options, *start, *times),
        *("--file", dockerfile, "--tag", target, context),
        TMPDIR=str(temporary),
    )
    shutil.rmtree(storage, ignore_errors=True)
    shutil.rmtree(temporary, ignore_errors=True)


def import_folder(name: str, folder: Path, key: str) -> None:
    """Give containerd an OCI folder, and let it keep the unpacked files alone."""
    imported = reference(name, key)
    node.ensure_containerd()
    with lock("image-import"):  # one at a time: pruning would take another's layers
        # A lease keeps what a killed import left for a day; nothing else here takes any.
        for left in node.ctr("leases", "ls", "-q").split():
            node.ctr("leases", "rm", left)
        _stream(name, folder)
        node.ctr("content", "prune", "references")
        node.ctr("images", "label", imported, f"{COMPLETE}=yes")
        if old := outdated(node.ctr("images", "ls"), name, imported):
            node.ctr("images", "rm", *old)


def outdated(listing: str, name: str, kept: str) -> list[str]:
    """What must go so that `kept` is the only image of its name, given containerd's listing.

    Kubernetes' side of containerd gives each image a second record by the digest of its
    configuration; such a record holds the files of an image that has lost its name.
    """
    rows = [line.split() for line in listing.splitlines()[1:]]
    digests = {row[0]: row[2] for row in rows}
    old = {held for held in digests if held.startswith(reference(name, "")) and held != kept}
    by_digest = {held for held in digests if held.startswith("sha256:")}
    named = {digests[held] for held in digests.keys() - old - by_digest}
    return sorted(old | {held for held in by_digest if digests[held] not in named})


def _stream(name: str, folder: Path) -> None:
    command = _importer(name)
    with (
        _log(name).open("ab") as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log) as importer,
    ):
        assert importer.stdin
        try:
            with tarfile.open(fileobj=importer.stdin, mode="w|") as archive:
                archive.add(folder, arcname=".")
        except BrokenPipeError:
            pass  # the importer has said why
        importer.stdin.close()
    if importer.returncode:
        raise _failure(name, command)


def _importer(name: str) -> list[str]:
    address = ("--address", str(paths.CONTAINERD_SOCKET), "--namespace", "k8s.io")
    words = ("images", "import", "--base-name", f"{REPOSITORY}/{name}", "-")
    return [*_MORTAL, str(programs.path("ctr")), *address, *words]


def complete() -> set[str]:
    """References of the images that containerd holds whole."""
    if not (paths.CONTAINERD_ROOT / "io.containerd.metadata.v1.bolt").exists():
        return set()  # so a first build need not wait for containerd
    node.ensure_containerd()
    return set(node.ctr("images", "ls", "-q", f'labels."{COMPLETE}"==yes').split())


def install_tools() -> None:
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if not missing:
        return
    # The keyring is what a system other than Debian needs to check Debian's packages.
    programs.debian(*missing, "debian-archive-keyring")


def _log(name: str) -> Path:
    return BUILD / f"{name}.log"


# Ends with this process, and takes with it whatever it started and mounted.
_MORTAL = ("setpriv", "--pdeathsig", "KILL")
_ENCLOSED = (*_MORTAL, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def _run(name: str, *command: str | Path, **environment: str) -> None:
    words = [*_ENCLOSED, *map(str, command)]
    with _log(name).open("ab") as log:
        done = subprocess.run(
            words,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    if done.returncode:
        raise _failure(name, words[len(_ENCLOSED) :])


def _failure(name: str, command: Sequence[str]) -> ImageError:
    said = _log(name).read_text(errors="replace").strip().splitlines()[-LAST_LINES:]
    return ImageError(
        f"image {name}: {command[0]} failed. Its last lines, all of them in {_log(name)}:\n"
        + "\n".join(said)
    )
