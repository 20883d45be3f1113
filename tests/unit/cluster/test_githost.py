"""The same content is the same commit, whoever commits it, where and when."""

import os
import subprocess
from pathlib import Path

import pytest

from cluster import githost


def commit(folder: Path, git_folder: Path) -> str:
    git_folder.mkdir()
    return githost.commit(folder, git_folder)


def app(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "app.py").write_text("app = 1\n")
    return folder


def test_the_same_content_is_the_same_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = commit(app(tmp_path / "a/echo"), tmp_path / "git1")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    second = app(tmp_path / "b/echo")
    (second / "app.py").chmod(0o600)
    os.utime(second / "app.py", (0, 0))
    assert commit(second, tmp_path / "git2") == first


def test_other_content_is_another_commit(tmp_path: Path) -> None:
    folder = app(tmp_path / "echo")
    first = commit(folder, tmp_path / "git1")
    (folder / "app.py").write_text("app = 2\n")
    assert commit(folder, tmp_path / "git2") != first


def test_compiled_bytecode_is_not_committed(tmp_path: Path) -> None:
    folder = app(tmp_path / "echo")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__/app.cpython-311.pyc").write_bytes(b"\0")
    made = commit(folder, tmp_path / "git")
    listed = ["git", f"--git-dir={tmp_path / 'git'}", "ls-tree", "-r", "--name-only", made]
    assert subprocess.check_output(listed, text=True).split() == ["app.py"]


def test_the_folder_itself_gains_nothing(tmp_path: Path) -> None:
    folder = app(tmp_path / "echo")
    commit(folder, tmp_path / "git")
    assert [path.name for path in folder.iterdir()] == ["app.py"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(githost.GitHostError, match=r"there is no folder .*/nothing"):
        commit(tmp_path / "nothing", tmp_path / "git")


def test_one_folder_alone_can_be_committed_with_its_path(tmp_path: Path) -> None:
    app(tmp_path / "whole/apps/echo")
    app(tmp_path / "whole/other")
    git_folder = tmp_path / "git"
    git_folder.mkdir()
    made = githost.commit(tmp_path / "whole", git_folder, only="apps")
    listed = ["git", f"--git-dir={git_folder}", "ls-tree", "-r", "--name-only", made]
    assert subprocess.check_output(listed, text=True).split() == ["apps/echo/app.py"]
