"""Bills of materials: of an image's archive, and of the images that containerd holds unpacked."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from cluster import images, node
from cluster.progress import Progress
from release import image, sbom


def write_bill(
    directory: Path, name: str, version: str, held: image.Image, properties: Mapping[str, str]
) -> list[Path]:
    """Write NAME-VERSION.cdx.json and NAME-VERSION.licences.txt."""
    bill = directory / f"{name}-{version}.cdx.json"
    bill.write_text(sbom.bill(held, name, version, properties))
    licences = directory / f"{name}-{version}.licences.txt"
    licences.write_text(sbom.licences(held))
    return [bill, licences]


def write_bills(directory: Path, names: Sequence[str], progress: Progress) -> list[Path]:
    """The same for images that the cluster runs; what is missing of them is made first."""
    directory.mkdir(parents=True, exist_ok=True)
    for outdated in directory.glob("bastaix-*"):
        outdated.unlink()
    written = []
    for name, reference in images.ensure(*names, progress=progress).items():
        with progress.step(f"reading image {name}"):
            key = reference.rpartition(":")[2]
            written += write_bill(directory, f"bastaix-{name}", key, unpacked(reference), {})
    return written


def unpacked(reference: str) -> image.Image:
    """An image of containerd, which keeps its files and not its layers."""
    rows = [row.split() for row in node.ctr("images", "ls", f"name=={reference}").splitlines()]
    manifest = _content(rows[1][2])
    configuration = _content(image.configuration_digest(manifest))
    with _mounted(reference) as root:
        return image.from_folder(root, manifest, configuration)


def _content(digest: str) -> bytes:
    return node.ctr("content", "get", digest).encode()


@contextmanager
def _mounted(reference: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        node.ctr("images", "mount", reference, folder)
        try:
            yield Path(folder)
        finally:
            node.ctr("images", "unmount", "--rm", folder)
