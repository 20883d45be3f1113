"""The archives that Git itself makes, which is what most hosts hand out."""

import io
import subprocess
from pathlib import Path

import pytest

from bastaix.api import reasons
from bastaix.source.archive import read_tree
from bastaix.source.artifact import Selection
from bastaix.source.failure import SourceFailure
from bastaix.source.files import contents

IDENTITY = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b"}
ENVIRONMENT = {
    **IDENTITY,
    **{name.replace("AUTHOR", "COMMITTER"): value for name, value in IDENTITY.items()},
    "GIT_CONFIG_NOSYSTEM": "1",
    "PATH": "/usr/bin:/bin",
}


def git(folder: Path, *words: str) -> bytes:
    command = ["git", *words]
    return subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, check=True, stdout=subprocess.PIPE
    ).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "serve").mkdir()
    (tmp_path / "serve" / "app.py").write_text("app = 1\n" * 100)
    (tmp_path / "serve" / "größe.py").write_text("")
    (tmp_path / "run").write_text("#!/bin/sh\n")
    (tmp_path / "run").chmod(0o755)
    return tmp_path


def committed(folder: Path, *options: str) -> tuple[io.BytesIO, str]:
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "all")
    commit = git(folder, "rev-parse", "HEAD").decode().strip()
    return io.BytesIO(git(folder, "archive", "--format=zip", *options, commit)), commit


@pytest.mark.parametrize("options", [("--prefix=r-1/",), (), ("--prefix=r-1/", "-0")])
def test_is_read_and_is_of_its_commit(repository: Path, options: tuple[str, ...]) -> None:
    archive, commit = committed(repository, *options)
    tree = read_tree(archive, Selection(commit=commit))
    assert sorted(tree) == ["run", "serve/app.py", "serve/größe.py"]
    assert contents(tree)["serve/app.py"] == b"app = 1\n" * 100
    assert [name for name, file in tree.items() if file.executable] == ["run"]


def test_is_refused_for_another_commit(repository: Path) -> None:
    archive, _ = committed(repository)
    with pytest.raises(SourceFailure) as refused:
        read_tree(archive, Selection(commit="0" * 40))
    assert refused.value.reason is reasons.DIGEST_MISMATCH


def test_a_link_in_it_is_refused_unless_left_out(repository: Path) -> None:
    (repository / "serve" / "link").symlink_to("app.py")
    archive, commit = committed(repository)
    with pytest.raises(SourceFailure) as refused:
        read_tree(archive, Selection(commit=commit))
    assert refused.value.message == "'serve/link' is a symbolic link"
    assert read_tree(archive, Selection(commit=commit, exclude=("serve/link",)))


def test_a_submodule_in_it_is_told(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "--quiet")
    (other / "x").touch()
    committed(other)
    allow = ("-c", "protocol.file.allow=always")
    git(repository, *allow, "submodule", "--quiet", "add", str(other), "serve/lib")
    archive, commit = committed(repository, "--prefix=r/")
    with pytest.raises(SourceFailure) as refused:
        read_tree(archive, Selection(commit=commit))
    assert refused.value.reason is reasons.SOURCE_INCOMPLETE
    assert refused.value.message.startswith("'serve/lib': ")
