"""Tar archives that are the same bytes each time: names sorted, one time, no owner."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

SUMS = "SHA256SUMS"


def write_folder(target: Path, folder: Path, epoch: int) -> None:
    """Archive what lies in a folder; `epoch`, in seconds, becomes the time of all of it."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folder.rglob("*")):
            member = _fixed(tarfile.TarInfo(path.relative_to(folder).as_posix()), epoch)
            if path.is_dir():
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(member)
            else:
                member.size = path.stat().st_size
                with path.open("rb") as file:
                    archive.addfile(member, file)


def repack(target: Path, packed: Path, epoch: int) -> None:
    """Write a gzipped tar of files anew, without the times, order and owners of its own."""
    with tarfile.open(packed) as archive:
        files = {
            member.name: content.read()
            for member in archive
            if (content := archive.extractfile(member)) is not None
        }
    with target.open("wb") as file:
        _write_gzipped(file, sorted(files.items()), epoch)


def _write_gzipped(file: IO[bytes], files: Iterable[tuple[str, bytes]], epoch: int) -> None:
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=epoch) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, content in files:
            member = _fixed(tarfile.TarInfo(name), epoch)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def _fixed(member: tarfile.TarInfo, epoch: int) -> tarfile.TarInfo:
    member.mtime = epoch
    member.mode = 0o644
    return member


def write_sums(folder: Path) -> None:
    """Digests of what lies in a folder, to be read by `sha256sum --check`."""
    lines = []
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    (folder / SUMS).write_text("".join(lines))
