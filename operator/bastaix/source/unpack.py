"""What the process does in which untrusted bytes are opened. `source.unpack_server` forks it.

It takes a request as JSON with the archive as an open file, confines itself, does that one thing,
and writes one line of JSON, followed by the artifact. No answer at all means that it took too
much. Where an archive could lead it, no module is left to load. `source.sandbox` asks for it.
"""

import encodings
import errno
import importlib
import io
import json
import os
import pkgutil
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

from bastaix.api import reasons
from bastaix.source import confinement
from bastaix.source.archive import read_tree
from bastaix.source.artifact import MAX_ARTIFACT_BYTES, Checks, Selection
from bastaix.source.failure import SourceFailure
from bastaix.source.files import Files, contents
from bastaix.source.folder import read_folder
from bastaix.source.mishaps import NO_ROOM, TOO_MUCH, no_room
from bastaix.source.packing import digest, pack
from bastaix.source.preflight import examine

_LOADED_LATE: Final = ("bastaix.evaluation.dataset",)
"""By the checks themselves, once a source needs them."""

Answer = tuple[dict[str, Any], bytes]
"""What is said of the source, and the artifact; no bytes where there is none."""


def load_modules() -> None:
    """Whatever opening an archive may import: no file can be opened once one is being read.

    Python code may say in which encoding it is, and each is a module.
    """
    for module in pkgutil.iter_modules(encodings.__path__):
        with suppress(ImportError):  # those of other systems
            importlib.import_module(f"encodings.{module.name}")
    for name in _LOADED_LATE:
        importlib.import_module(name)


def open_source(request: bytes, output: int, archive: BinaryIO | None) -> int:
    """Confine this process, open the source, write the answer; the status to end with."""
    wanted = json.loads(request)
    confinement.limit(**wanted["limits"])
    confined = confinement.forbid_system_calls(but_reading_files=archive is None)
    if wanted["confined"] and not confined:
        raise OSError("this kernel or machine has no seccomp filters")
    try:
        said, data = _answer(wanted, archive)
        _write(output, [json.dumps(said).encode(), b"\n", data])
    except (MemoryError, RecursionError):
        return TOO_MUCH
    return 0


def _write(output: int, parts: Sequence[bytes]) -> None:
    for part in parts:
        left = memoryview(part)
        while left:
            left = left[os.write(output, left) :]


def _answer(wanted: dict[str, Any], archive: BinaryIO | None) -> Answer:
    try:
        return _verified(wanted, archive)
    except SourceFailure as failure:
        return _refusal(failure)
    except (MemoryError, RecursionError):
        raise
    except OSError as error:
        if error.errno == errno.ENOMEM:  # its own limit, as is said otherwise
            raise MemoryError from error
        if error.errno in NO_ROOM:
            return _refusal(no_room(error))
        return {"bug": traceback.format_exc()}, b""
    except Exception:
        return {"bug": traceback.format_exc()}, b""


def _verified(wanted: dict[str, Any], archive: BinaryIO | None) -> Answer:
    selection = Selection(**wanted["selection"])
    held = archive.read(MAX_ARTIFACT_BYTES + 1) if archive and wanted["held"] else None
    files = _files(wanted, selection, archive if held is None else io.BytesIO(held))
    data = pack(files)
    if held is not None and data != held:
        raise SourceFailure(
            reasons.DIGEST_MISMATCH, "the artifact that is held is not as it was packed"
        )
    checks = wanted["checks"]
    notes: tuple[str, ...] = ()
    if checks is not None:
        examination = examine(contents(files), Checks(**checks), wanted["path"])
        if examination.failure is not None:
            raise examination.failure
        notes = examination.notes
    return {"digest": digest(data), "files": len(files), "notes": notes}, data


def _files(wanted: dict[str, Any], selection: Selection, archive: BinaryIO | None) -> Files:
    if archive is None:
        return read_folder(Path(wanted["cwd"], wanted["tree"]), selection)
    return read_tree(archive, selection)


def _refusal(failure: SourceFailure) -> Answer:
    return {"reason": failure.reason.name, "message": failure.message}, b""
