"""The artifact: the same bytes for the same content, in the form that Ray takes."""

import io
import subprocess
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bastaix.api import reasons
from bastaix.source.archive import read_tree
from bastaix.source.artifact import MAX_ARTIFACT_BYTES, Selection
from bastaix.source.failure import SourceFailure
from bastaix.source.files import File, Files
from bastaix.source.packing import digest, pack, packed_bytes
from tests.unit.source.zips import DEFLATED, EXECUTABLE, FILE, FOLDER, Item, Zip, item

FILES = {
    "app.py": File(b"app = 1\n"),
    "run.sh": File(b"#!/bin/sh\n", executable=True),
    "models/größe.py": File(b""),
    "Z.py": File(b"\0" * 5000),
}


def test_is_the_same_for_ever() -> None:
    """If this fails, every user's revision would change with the next version."""
    assert digest(pack(FILES)) == (
        "sha256:8a8b7088923e31e9f40013c866cf9b20fd38bec02f7481a7edea6aa491be3562"
    )


def test_any_reader_can_open_it(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(pack(FILES))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "source/Z.py",
            "source/app.py",
            "source/models/größe.py",
            "source/run.sh",
        ]
        modes = {info.filename: oct(info.external_attr >> 16) for info in archive.infolist()}
        assert all(info.date_time == (1980, 1, 1, 0, 0, 0) for info in archive.infolist())
    assert modes["source/run.sh"] == "0o100755"
    assert modes["source/app.py"] == "0o100644"
    said = subprocess.run(["unzip", "-tqq", path], capture_output=True, check=False)
    assert (said.returncode, said.stdout) == (0, b"")


def test_ray_takes_off_our_folder_and_none_of_the_code() -> None:
    """Ray asks the first name for its folder, and then whether all the others are in it."""
    archive = zipfile.ZipFile(io.BytesIO(pack({"only/app.py": File(b"")})))
    assert {name.split("/")[0] for name in archive.namelist()} == {"source"}
    assert "/" in archive.namelist()[0]


def test_is_told_its_size_before_it_is_made() -> None:
    assert packed_bytes({name: len(file.data) for name, file in FILES.items()}) == len(pack(FILES))


def test_may_be_as_large_as_a_secret_takes_and_no_larger() -> None:
    room = MAX_ARTIFACT_BYTES - packed_bytes({"a": 0})
    assert len(pack({"a": File(bytes(room))})) == MAX_ARTIFACT_BYTES
    with pytest.raises(SourceFailure) as refused:
        pack({"a": File(bytes(room + 1))})
    assert refused.value.reason is reasons.SOURCE_TOO_LARGE


def _no_pointer(data: bytes) -> bool:
    """Git LFS pointers are refused, and hypothesis finds out how they begin."""
    return not data.startswith(b"version")


part = st.text("abcXYZ.é_-", min_size=1, max_size=6).filter(lambda text: text.strip("."))
trees = st.dictionaries(
    st.lists(part, min_size=1, max_size=4)
    .map(lambda parts: [p.upper() for p in parts])
    .map("/".join),
    st.builds(File, st.binary(max_size=200).filter(_no_pointer), st.booleans()),
    min_size=1,
    max_size=8,
).filter(lambda tree: not any(f"{a}/" in b for a in tree for b in tree))


@given(tree=trees, data=st.data())
def test_content_alone_decides_over_it(tree: dict[str, File], data: st.DataObject) -> None:
    """Neither the order of entries, nor compression, nor the folder around, nor folders in it."""
    names = data.draw(st.permutations(sorted(tree)))
    wrapper = data.draw(st.sampled_from(["r/", "other-name/"]))
    items = [Item(name=wrapper.encode(), mode=FOLDER)] * data.draw(st.integers(0, 1))
    for name in names:
        if "/" in name and data.draw(st.booleans()):
            items.append(item(f"{wrapper}{name.rpartition('/')[0]}/", mode=FOLDER))
        mode = EXECUTABLE if tree[name].executable else FILE
        method = data.draw(st.sampled_from([0, DEFLATED]))
        items.append(item(wrapper + name, tree[name].data, mode, method))
    read = read_tree(io.BytesIO(bytes(Zip(items=items))), Selection())
    assert read == tree
    assert pack(read) == pack(tree)
    assert read_tree(io.BytesIO(pack(read)), Selection()) == tree


def whole() -> bytes:
    items = [
        item("r/", mode=FOLDER),
        item("r/app.py", b"app = 1\n" * 40, method=DEFLATED),
        item("r/run", b"#!/bin/sh\n", EXECUTABLE),
        item("r/größe", b"x" * 90, method=DEFLATED),
    ]
    return bytes(Zip(items=items, comment=b"a comment", zip64=True))


WHOLE = whole()
changes = st.lists(
    st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=6
)


def read_or_refused(data: bytes) -> Files | None:
    try:
        return read_tree(io.BytesIO(data), Selection())
    except SourceFailure:
        return None


def read_by_library(data: bytes) -> list[bytes] | None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = [info for info in archive.infolist() if not info.is_dir()]
            return sorted(archive.read(info) for info in files)
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, RuntimeError):
        return None  # it looks at fields that we have no use for


@given(changes=changes, cut=st.integers(0, 40), more=st.binary(max_size=40))
def test_a_damaged_archive_is_refused_or_read_and_nothing_else(
    changes: list[tuple[int, int]], cut: int, more: bytes
) -> None:
    data = bytearray(WHOLE)
    for at, value in changes:
        data[at] = value
    if cut > 20:
        data = data[: -(cut - 20)] + more
    tree = read_or_refused(bytes(data))
    assert tree is None or read_tree(io.BytesIO(pack(tree)), Selection()) == tree


@given(changes=changes)
def test_what_is_read_is_what_the_standard_library_reads(changes: list[tuple[int, int]]) -> None:
    data = bytearray(WHOLE)
    for at, value in changes:
        data[at] = value
    ours = read_or_refused(bytes(data))
    theirs = read_by_library(bytes(data)) if ours is not None else None
    if ours is not None and theirs is not None:
        assert sorted(file.data for file in ours.values()) == theirs
