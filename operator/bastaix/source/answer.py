"""What the process that opens archives says, believed no more than an archive is.

Should somebody take that process over, all he can do by its answer is have his archive refused,
or have bytes taken for an artifact that he could have put into a repository. What else it could
do is not bounded here: it is the same user, and only what that user may do keeps it in.
"""

import json
import logging
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bastaix.api import reasons
from bastaix.source.artifact import MAX_ARTIFACT_BYTES, Artifact
from bastaix.source.failure import SourceFailure
from bastaix.source.mishaps import own_error
from bastaix.source.packing import digest

logger = logging.getLogger(__name__)

_REASONS: Final = {
    reason.name: reason
    for reason in (
        reasons.SOURCE_NOT_ARCHIVE,
        reasons.DIGEST_MISMATCH,
        reasons.SOURCE_TOO_LARGE,
        reasons.SOURCE_UNSAFE,
        reasons.SOURCE_INCOMPLETE,
        reasons.PATH_NOT_FOUND,
        reasons.IMPORT_PATH_NOT_FOUND,
        reasons.DEPENDENCY_CONFLICT,
        reasons.DATASET_NOT_FOUND,
        reasons.DATASET_INVALID,
        reasons.SOURCE_FORBIDDEN,
        reasons.SOURCE_INTERRUPTED,
    )
}
_LONGEST: Final = 2_000
_MOST_NOTES: Final = 50


def believed(answer: bytes, path: Path) -> Artifact:
    """The artifact, which was left at the path; no answer at all: that was too much."""
    try:
        said = json.loads(answer)
    except (ValueError, RecursionError):
        raise SourceFailure(
            reasons.SOURCE_UNSAFE, "opening the archive took more memory or time than allowed"
        ) from None
    if isinstance(said, dict) and "reason" in said:
        reason = _REASONS.get(str(said["reason"]), reasons.SOURCE_UNSAFE)
        raise SourceFailure(reason, _line(said.get("message")))
    if isinstance(said, dict) and "bug" in said:
        logger.error("opening an archive ended in an error of ours: %s", said)
        raise own_error("the archive could not be checked: an error of ours, which is in the log")
    try:
        return _artifact(said, path)
    except (LookupError, TypeError, ValueError, OverflowError, OSError):
        logger.error("opening an archive ended in an answer that does not fit: %s", said)
        raise SourceFailure(
            reasons.SOURCE_UNSAFE,
            "what the process that opened the archive says of it does not fit what it left",
        ) from None


def _artifact(said: Mapping[str, Any], path: Path) -> Artifact:
    data = _read(path)
    if len(data) > MAX_ARTIFACT_BYTES or said["digest"] != digest(data):
        raise ValueError("what is there is not what is said of it")
    return Artifact(
        data=data,
        digest=digest(data),
        files=int(said["files"]),
        notes=tuple(_line(note) for note in said["notes"][:_MOST_NOTES]),
    )


def _read(path: Path) -> bytes:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("what is there is no file")
        return file.read(MAX_ARTIFACT_BYTES + 1)


def _line(text: object) -> str:
    printable = (each if each.isprintable() else " " for each in str(text)[:_LONGEST])
    return " ".join("".join(printable).split())
