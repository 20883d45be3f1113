"""What an image holds, read from the image: an OCI archive, or its unpacked files.

Of the files only those are held that say which packages there are; an image may have 8 GB.
"""

import hashlib
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

TELLING = re.compile(
    r"var/lib/dpkg/status(\.d/[^/]+)?"
    r"|usr/share/doc/[^/]+/copyright"
    r"|usr/lib/os-release"
    r"|usr/local/include/python[0-9.]+/patchlevel\.h"
    r"|(.+/)?[^/]+\.dist-info/METADATA"
)
# OCI image specification 1.1, "Whiteouts": these remove what lower layers hold.
WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"

Files = dict[str, bytes]


class ImageUnreadable(RuntimeError):
    """Not an image that can be described; the message says what is wrong with it."""


@dataclass(frozen=True)
class Image:
    """`files`: path without a leading slash -> bytes, of those that tell something.
    `digest`: of the manifest, `sha256:…`. `created`: as its configuration has it."""

    digest: str
    created: datetime
    annotations: Mapping[str, str]
    files: Files


def from_archive(path: Path) -> Image:
    """Read an OCI archive (a tar of an OCI layout) with one image in it.

    Raises ImageUnreadable where a blob is missing or is not what its digest says.
    """
    with tarfile.open(path) as archive:
        return _Layout(archive).image()


def configuration_digest(manifest: bytes) -> str:
    digest: str = json.loads(manifest)["config"]["digest"]
    return digest


def from_folder(root: Path, manifest: bytes, configuration: bytes) -> Image:
    """Read unpacked files, given the manifest and the configuration that belong to them."""
    held = json.loads(manifest)
    return Image(
        digest=_sha256(manifest),
        created=_created(json.loads(configuration)),
        annotations=held.get("annotations", {}),
        files=dict(_telling(root)),
    )


def _telling(root: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if TELLING.fullmatch(name) and path.is_file() and not path.is_symlink():
            yield name, path.read_bytes()


class _Layout:
    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._members = {member.name.removeprefix("./"): member for member in archive}

    def image(self) -> Image:
        manifests = json.loads(self._open("index.json").read())["manifests"]
        if len(manifests) != 1:
            raise ImageUnreadable(f"the archive holds {len(manifests)} images and not one")
        digest = manifests[0]["digest"]
        manifest = self._document(digest)
        if "layers" not in manifest:
            raise ImageUnreadable("the archive holds an index of several platforms: name one")
        files: Files = {}
        for layer in manifest["layers"]:
            files = self._over(files, layer["digest"])
        return Image(
            digest=digest,
            created=_created(self._document(manifest["config"]["digest"])),
            annotations=manifest.get("annotations", {}),
            files=files,
        )

    def _open(self, name: str) -> IO[bytes]:
        member = self._members.get(name)
        file = self._archive.extractfile(member) if member else None
        if file is None:
            raise ImageUnreadable(f"{name} is not in the archive")
        return file

    def _blob(self, digest: str) -> IO[bytes]:
        blob = self._open("blobs/" + digest.replace(":", "/"))
        content = hashlib.sha256()
        while chunk := blob.read(1 << 20):
            content.update(chunk)
        if f"sha256:{content.hexdigest()}" != digest:
            raise ImageUnreadable(f"blob {digest} is not what its digest says")
        blob.seek(0)
        return blob

    def _document(self, digest: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self._blob(digest).read())
        return document

    def _over(self, lower: Files, digest: str) -> Files:
        """The files after one more layer."""
        try:
            with tarfile.open(fileobj=self._blob(digest), mode="r|*") as layer:
                return apply_layer(lower, layer)
        except tarfile.ReadError:
            raise ImageUnreadable(
                f"layer {digest} is compressed by something else than gzip, bzip2 or xz"
            ) from None


def apply_layer(lower: Files, layer: tarfile.TarFile) -> Files:
    added: Files = {}
    removed: set[str] = set()  # paths, with whatever lies below them
    emptied: set[str] = set()  # folders that keep nothing of lower layers
    for member in layer:
        name = PurePosixPath(member.name.removeprefix("./").lstrip("/"))
        if name.name == OPAQUE:
            emptied.add(str(name.parent))
        elif name.name.startswith(WHITEOUT):
            removed.add(str(name.with_name(name.name.removeprefix(WHITEOUT))))
        elif not member.isdir():
            removed.add(str(name))
            if not TELLING.fullmatch(str(name)) or member.issym():
                continue
            added[str(name)] = _member(layer, member, lower | added)
    left = {
        name: content
        for name, content in lower.items()
        if not _is_removed(PurePosixPath(name), removed, emptied)
    }
    return left | added


def _member(layer: tarfile.TarFile, member: tarfile.TarInfo, held: Files) -> bytes:
    if member.islnk():  # to a file before it
        content = held.get(member.linkname.removeprefix("./").lstrip("/"))
    else:
        file = layer.extractfile(member)
        content = file.read() if file else None
    if content is None:
        raise ImageUnreadable(f"{member.name} has no content that could be read")
    return content


def _is_removed(name: PurePosixPath, removed: set[str], emptied: set[str]) -> bool:
    above = {str(parent) for parent in name.parents}
    return bool(({str(name)} | above) & removed) or bool(above & emptied)


def _created(configuration: Mapping[str, Any]) -> datetime:
    written = configuration.get("created")
    if not written:
        return datetime.fromtimestamp(0, UTC)
    seconds = re.sub(r"\.\d+", "", written)  # Go writes nanoseconds
    return datetime.fromisoformat(seconds).astimezone(UTC)


def _sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
