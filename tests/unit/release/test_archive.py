"""Archives and names of a release hold nothing that changes from one build to the next."""

import hashlib
import os
import tarfile
from pathlib import Path

import pytest

from release import archive, build
from release.build import ReleaseError

EPOCH = 1_764_000_000


def _tree(folder: Path, names: list[str], time: int) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(0o600 if time % 2 else 0o664)
        os.utime(path, (time, time))
    return folder


def test_times_order_and_modes_of_a_folder_do_not_show(tmp_path: Path) -> None:
    names = ["blobs/b", "blobs/a", "index.json"]
    for target, folder in (
        ("1.tar", _tree(tmp_path / "one", names, 1)),
        ("2.tar", _tree(tmp_path / "two", names[::-1], 2)),
    ):
        archive.write_folder(tmp_path / target, folder, EPOCH)
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()
    with tarfile.open(tmp_path / "1.tar") as packed:
        assert {member.mtime for member in packed} == {EPOCH}
        assert packed.extractfile("blobs/a").read() == b"blobs/a"  # type: ignore[union-attr]


def test_times_and_order_of_a_packed_chart_do_not_show(tmp_path: Path) -> None:
    names = ["chart/Chart.yaml", "chart/templates/a.yaml"]
    for time, order in ((1, names), (2, names[::-1])):
        folder = _tree(tmp_path / str(time), names, time)
        with tarfile.open(tmp_path / f"{time}.tgz", "w:gz") as packed:
            for name in order:
                packed.add(folder / name, arcname=name)
        archive.repack(tmp_path / f"again-{time}.tgz", tmp_path / f"{time}.tgz", EPOCH)
    assert (tmp_path / "again-1.tgz").read_bytes() == (tmp_path / "again-2.tgz").read_bytes()
    with tarfile.open(tmp_path / "again-1.tgz") as packed:
        assert packed.getnames() == names


def test_sums_name_every_file(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"2")
    (tmp_path / "a").write_bytes(b"1")
    archive.write_sums(tmp_path)
    lines = [
        f"{hashlib.sha256(digit).hexdigest()}  {name}" for digit, name in ((b"1", "a"), (b"2", "b"))
    ]
    assert (tmp_path / "SHA256SUMS").read_text().splitlines() == lines


@pytest.mark.parametrize(
    "base",
    ["python:3.11-slim-bookworm", "python@sha256:abc", "@sha256:" + 64 * "a", "python@sha1:ab"],
)
def test_a_base_without_a_digest_is_refused(tmp_path: Path, base: str) -> None:
    with pytest.raises(ReleaseError, match="it has no digest"):
        build.require_digest(base)


def test_a_base_with_a_digest_is_taken() -> None:
    build.require_digest(f"docker.io/library/python:3.11-slim-bookworm@sha256:{64 * 'a'}")


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "bastaix-0.0.9.tgz").touch()
    (tmp_path / "letters.txt").touch()
    with pytest.raises(ReleaseError, match=r"holds letters\.txt"):
        build.clear(tmp_path)
    assert (tmp_path / "letters.txt").exists()
