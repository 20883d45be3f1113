"""Answers of a process that somebody has taken over."""

import json
import os
from pathlib import Path

import pytest

from bastaix.api import reasons
from bastaix.source.answer import believed
from bastaix.source.failure import SourceFailure
from bastaix.source.files import File
from bastaix.source.packing import digest, pack


def told(tmp_path: Path, **said: object) -> SourceFailure:
    with pytest.raises(SourceFailure) as refused:
        believed(json.dumps(said).encode(), tmp_path / "artifact.zip")
    return refused.value


def test_what_the_process_says_of_the_artifact_is_not_believed(tmp_path: Path) -> None:
    data = pack({"app.py": File(b"")})
    (tmp_path / "artifact.zip").write_bytes(data)
    lie = {"digest": digest(b"other"), "files": 1, "notes": []}
    assert told(tmp_path, **lie).reason is reasons.SOURCE_UNSAFE


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"digest": 1},
        {"reason": "Ready", "message": "all is well"},
        {"reason": ["x"], "message": {"a": 1}},
        {"digest": digest(b""), "files": "many", "notes": None},
        {"digest": digest(b""), "files": float("inf"), "notes": []},
    ],
)
def test_nonsense_is_a_refusal(said: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "artifact.zip").write_bytes(b"")
    assert told(tmp_path, **said).reason is reasons.SOURCE_UNSAFE


def test_an_error_of_ours_is_told_apart_from_what_an_archive_does(tmp_path: Path) -> None:
    failure = told(tmp_path, bug="Traceback of /a/secret/place")
    assert failure.reason is reasons.INTERNAL_ERROR
    assert failure.reason.heals != "never"
    assert "secret" not in failure.message


def test_a_link_in_the_place_of_the_artifact_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "artifact.zip").symlink_to("/etc/hostname")
    data = Path("/etc/hostname").read_bytes()
    lie = {"digest": digest(data), "files": 1, "notes": []}
    assert told(tmp_path, **lie).reason is reasons.SOURCE_UNSAFE


def test_a_message_is_one_line_of_some_length(tmp_path: Path) -> None:
    failure = told(tmp_path, reason="SourceUnsafe", message="a\nb\x1b[2J" + "x" * 10_000)
    assert failure.message.startswith("a b")
    assert failure.message.isprintable()
    assert len(failure.message) < 3_000


def test_a_pipe_in_the_place_of_the_artifact_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "artifact.zip")
    lie = {"digest": digest(b""), "files": 1, "notes": []}
    assert told(tmp_path, **lie).reason is reasons.SOURCE_UNSAFE


@pytest.mark.parametrize("answer", [b"", b"[" * 100_000, b"{", b"null", b"[]", b"1"])
def test_anything_but_an_answer_is_a_refusal(answer: bytes, tmp_path: Path) -> None:
    with pytest.raises(SourceFailure) as refused:
        believed(answer, tmp_path / "artifact.zip")
    assert refused.value.reason is reasons.SOURCE_UNSAFE
