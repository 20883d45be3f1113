"""What the process that opens archives says, believed no more than an archive is.

Should somebody take that process over, all he can do by its answer is have his archive refused,
or have bytes taken for an artifact that he could have put into a repository. What else it could
do is bounded by `source.confinement`.
"""

import json
import logging
from collections.abc import Mapping
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


def believed(answer: bytes) -> Artifact:
    """The artifact, which follows the first line; no answer at all: that was too much."""
    line, _, data = answer.partition(b"\n")
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        raise SourceFailure(
            reasons.SOURCE_UNSAFE, "opening the archive took more memory or time than allowed"
        ) from None
    if isinstance(said, dict) and "reason" in said:
        reason = _REASONS.get(str(said["reason"]), reasons.SOURCE_UNSAFE)
        raise SourceFailure(reason, _line(said.get("message")))
    if isinstance(said, dict) and "bug" in said:
        logger.error("opening an archive ended in an error of ours: %s", _line(said))
        raise own_error("the archive could not be checked: an error of ours, which is in the log")
    try:
        return _artifact(said, data)
    except (LookupError, TypeError, ValueError, OverflowError):
        logger.error("opening an archive ended in an answer that does not fit: %s", _line(said))
        raise SourceFailure(
            reasons.SOURCE_UNSAFE,
            "what the process that opened the archive says of it does not fit what it left",
        ) from None


def _artifact(said: Mapping[str, Any], data: bytes) -> Artifact:
    if len(data) > MAX_ARTIFACT_BYTES or said["digest"] != digest(data):
        raise ValueError("what is there is not what is said of it")
    return Artifact(
        data=data,
        digest=digest(data),
        files=int(said["files"]),
        notes=tuple(_line(note) for note in said["notes"][:_MOST_NOTES]),
    )


def _line(text: object) -> str:
    printable = (each if each.isprintable() else " " for each in str(text)[:_LONGEST])
    return " ".join("".join(printable).split())
