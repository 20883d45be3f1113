"""Programs are made once for what they are made of, whole or not at all."""

from pathlib import Path

import pytest

from cluster import programs
from cluster.programs import Bundle, ProgramError
from cluster.progress import Silent


def bundle(
    root: Path, digest: str, *, fails: bool = False, made: list[str] | None = None
) -> Bundle:
    def make(target: Path) -> None:
        (target / "tool").write_text(digest)
        if made is not None:
            made.append(digest)
        if fails:
            raise ProgramError("the compiler is unhappy")

    return Bundle("tool", {"tool": "tool"}, lambda: digest, make, "a tool", root)


def test_what_was_made_once_is_not_made_again(tmp_path: Path) -> None:
    made: list[str] = []
    for _ in range(2):
        programs.fill(bundle(tmp_path, "one", made=made), Silent())
    assert made == ["one"]


def test_a_failed_make_leaves_nothing_that_looks_finished(tmp_path: Path) -> None:
    with pytest.raises(ProgramError):
        programs.fill(bundle(tmp_path, "one", fails=True), Silent())
    assert not bundle(tmp_path, "one").folder.exists()
    programs.fill(bundle(tmp_path, "one"), Silent())
    assert (bundle(tmp_path, "one").folder / "tool").read_text() == "one"


def test_a_new_version_replaces_the_old_one(tmp_path: Path) -> None:
    programs.fill(bundle(tmp_path, "one"), Silent())
    programs.fill(bundle(tmp_path, "two"), Silent())
    assert [path.name for path in tmp_path.iterdir()] == ["tool-two"]


def test_content_changes_with_a_byte_and_with_a_name(tmp_path: Path) -> None:
    (tmp_path / "main.go").write_text("package main")
    before = programs.content(tmp_path)
    assert programs.content(tmp_path) == before
    (tmp_path / "main.go").write_text("package more")
    after = programs.content(tmp_path)
    (tmp_path / "main.go").rename(tmp_path / "moin.go")
    assert len({before, after, programs.content(tmp_path)}) == 3


def test_an_unknown_program_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ProgramError, match="kubectl"):
        programs.path("kubecuttle")


def test_a_failed_command_shows_what_it_said() -> None:
    with pytest.raises(ProgramError, match=r"(?s)failed \(3\).*alas"):
        programs.run("sh", "-c", "echo alas >&2; exit 3")
