"""The process in which untrusted bytes are opened: `python -m bastaix.source.unpack`.

It takes a request as JSON, confines itself, does that one thing and answers in one line of
JSON; the artifact is left in a file. No answer at all means that it took too much. It imports
no more than it needs, since each archive starts it anew. `source.sandbox` is the other side.
"""

import errno
import io
import json
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, Final

from bastaix.api import reasons
from bastaix.source.archive import read_tree
from bastaix.source.artifact import Checks, Selection
from bastaix.source.failure import SourceFailure
from bastaix.source.files import Files, contents
from bastaix.source.folder import read_folder
from bastaix.source.mishaps import NO_ROOM, TOO_MUCH, no_room
from bastaix.source.packing import digest, pack
from bastaix.source.preflight import examine

_MAX_FILE_BYTES: Final = 8 * 1024 * 1024
_MAX_OPEN_FILES: Final = 32


def main() -> None:
    request = json.load(sys.stdin)
    _confine(request["limits"])
    try:
        print(json.dumps(_answer(request)))
    except (MemoryError, RecursionError):
        sys.exit(TOO_MUCH)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        return _verified(request)
    except SourceFailure as failure:
        return _refusal(failure)
    except (MemoryError, RecursionError):
        raise
    except OSError as error:
        if error.errno == errno.ENOMEM:  # its own limit, as is said otherwise
            raise MemoryError from error
        if error.errno in NO_ROOM:
            return _refusal(no_room(error))
        return {"bug": traceback.format_exc()}
    except Exception:
        return {"bug": traceback.format_exc()}


def _confine(limits: dict[str, int]) -> None:
    """Before anything untrusted is opened, and for good: soft and hard limits are the same.

    But that of processor time: at the hard one a process is killed as by a node without memory.
    A file may grow a little beyond an artifact, no further process can be started, and when
    nobody is left to end this, it ends itself.
    """
    signal.alarm(limits["seconds"] + 1)
    for what, most in (
        (resource.RLIMIT_CPU, limits["cpu_seconds"]),
        (resource.RLIMIT_AS, limits["memory"]),
        (resource.RLIMIT_FSIZE, _MAX_FILE_BYTES),
        (resource.RLIMIT_NOFILE, _MAX_OPEN_FILES),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = most + 1 if what == resource.RLIMIT_CPU else most
        allowed = resource.getrlimit(what)[1]
        if allowed != resource.RLIM_INFINITY:
            most, hard = min(most, allowed), min(hard, allowed)
        resource.setrlimit(what, (most, hard))


def _verified(request: dict[str, Any]) -> dict[str, Any]:
    selection = Selection(**request["selection"])
    held = Path(request["held"]).read_bytes() if "held" in request else None
    files = _files(request, selection, held)
    data = pack(files)
    if held is not None and data != held:
        raise SourceFailure(
            reasons.DIGEST_MISMATCH, "the artifact that is held is not as it was packed"
        )
    examination = examine(contents(files), Checks(**request["checks"]), request["path"])
    if examination.failure is not None:
        raise examination.failure
    Path(request["into"]).write_bytes(data)
    return {"digest": digest(data), "files": len(files), "notes": examination.notes}


def _files(request: dict[str, Any], selection: Selection, held: bytes | None) -> Files:
    if held is not None:
        return read_tree(io.BytesIO(held), selection)
    if "tree" in request:
        return read_folder(Path(request["tree"]), selection)
    with open(request["archive"], "rb") as file:
        return read_tree(file, selection)


def _refusal(failure: SourceFailure) -> dict[str, Any]:
    return {"reason": failure.reason.name, "message": failure.message}


if __name__ == "__main__":
    main()
