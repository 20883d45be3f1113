"""A working tree, read as the archive of its commit would be."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import pytest

from bastaix.api import reasons
from bastaix.source.artifact import Selection
from bastaix.source.failure import SourceFailure
from bastaix.source.files import File
from bastaix.source.folder import read_folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("README.md", "serve/app.py", "serve/models/one.py", "other/x.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    return tmp_path


def test_is_all_of_it_without_what_is_no_code(tree: Path) -> None:
    for name in (".git/config", "serve/__pycache__/app.pyc", "serve/old.pyc", "sub/.git/HEAD"):
        path = tree / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.touch()
    found = read_folder(tree, Selection())
    assert sorted(found) == ["README.md", "other/x.py", "serve/app.py", "serve/models/one.py"]


def test_path_and_exclude_select(tree: Path) -> None:
    (tree / "serve" / "app.py").chmod(0o755)
    assert read_folder(tree, Selection(path="serve", exclude=("models",))) == {
        "app.py": File(b"serve/app.py", executable=True)
    }


def test_a_path_that_is_not_there_is_told_with_what_is(tree: Path) -> None:
    with pytest.raises(SourceFailure) as refused:
        read_folder(tree, Selection(path="serve/model"))
    assert refused.value.reason is reasons.PATH_NOT_FOUND
    assert refused.value.message == (
        "the source has no folder 'serve/model'; in 'serve' are 'models/', 'app.py'"
    )


def test_what_is_not_selected_is_not_walked(tree: Path) -> None:
    (tree / "other" / "\udcff").touch()  # which would be refused
    assert sorted(read_folder(tree, Selection(path="serve"))) == ["app.py", "models/one.py"]


def test_a_link_is_not_followed(tree: Path) -> None:
    (tree / "serve" / "key").symlink_to("/etc/hostname")
    (tree / "serve" / "up").symlink_to("..")
    with pytest.raises(SourceFailure) as refused:
        read_folder(tree, Selection(path="serve"))
    assert refused.value.reason is reasons.SOURCE_UNSAFE
    assert refused.value.message == "'key' is a symbolic link"


def test_an_empty_folder_is_nothing(tree: Path) -> None:
    (tree / "serve" / "empty").mkdir()
    assert len(read_folder(tree, Selection(path="serve"))) == 2


def test_a_name_that_no_archive_could_have_is_refused(tree: Path) -> None:
    (tree / "serve" / "\udcff.py").touch()
    with pytest.raises(SourceFailure) as refused:
        read_folder(tree, Selection(path="serve"))
    assert refused.value.reason is reasons.SOURCE_UNSAFE
    assert refused.value.message.isprintable()


def test_a_file_that_may_not_be_read_is_told_by_its_name(tree: Path) -> None:
    top = Path(tempfile.gettempdir())
    for folder in takewhile(lambda each: each != top, (tree, *tree.parents)):
        folder.chmod(0o755)  # pytest keeps others out
    (tree / "serve" / "app.py").chmod(0)
    with somebody(), pytest.raises(SourceFailure) as refused:
        read_folder(tree, Selection())
    assert refused.value.reason is reasons.SOURCE_FORBIDDEN
    assert refused.value.message.startswith("'serve/app.py' ")


@contextmanager
def somebody() -> Iterator[None]:
    """Root may read everything, so it is another user for a while."""
    user = os.geteuid()
    os.seteuid(user or 65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceFailure) as refused:
        read_folder(tmp_path / "none", Selection())
    assert refused.value.reason is reasons.PATH_NOT_FOUND
