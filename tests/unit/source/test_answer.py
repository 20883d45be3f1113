"""Answers of a process that somebody has taken over."""

import json

import pytest

from bastaix.api import reasons
from bastaix.source.answer import believed
from bastaix.source.artifact import MAX_ARTIFACT_BYTES
from bastaix.source.failure import SourceFailure
from bastaix.source.files import File
from bastaix.source.packing import digest, pack


def told(data: bytes = b"", **said: object) -> SourceFailure:
    with pytest.raises(SourceFailure) as refused:
        believed(json.dumps(said).encode() + b"\n" + data)
    return refused.value


def test_what_the_process_says_of_the_artifact_is_not_believed() -> None:
    data = pack({"app.py": File(b"")})
    lie = {"digest": digest(b"other"), "files": 1, "notes": []}
    assert told(data, **lie).reason is reasons.SOURCE_UNSAFE


def test_an_artifact_that_is_too_large_is_refused_whatever_its_digest() -> None:
    data = bytes(MAX_ARTIFACT_BYTES + 1)
    said = {"digest": digest(data), "files": 1, "notes": []}
    assert told(data, **said).reason is reasons.SOURCE_UNSAFE


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
def test_nonsense_is_a_refusal(said: dict[str, object]) -> None:
    assert told(**said).reason is reasons.SOURCE_UNSAFE


def test_an_error_of_ours_is_told_apart_from_what_an_archive_does() -> None:
    failure = told(bug="Traceback of /a/secret/place")
    assert failure.reason is reasons.INTERNAL_ERROR
    assert failure.reason.heals != "never"
    assert "secret" not in failure.message


def test_a_message_is_one_line_of_some_length() -> None:
    failure = told(reason="SourceUnsafe", message="a\nb\x1b[2J" + "x" * 10_000)
    assert failure.message.startswith("a b")
    assert failure.message.isprintable()
    assert len(failure.message) < 3_000


@pytest.mark.parametrize("answer", [b"", b"[" * 100_000, b"{", b"null", b"[]", b"1"])
def test_anything_but_an_answer_is_a_refusal(answer: bytes) -> None:
    with pytest.raises(SourceFailure) as refused:
        believed(answer)
    assert refused.value.reason is reasons.SOURCE_UNSAFE
