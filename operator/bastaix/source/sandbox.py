"""Has untrusted bytes opened in a process of their own, so that the worst of them cost one try.

The process gets no environment, a private folder, and limits of memory, time and files; two at
most run at once. Whatever becomes of it, the caller gets an artifact or a SourceFailure.
"""

import asyncio
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

from bastaix.api import reasons
from bastaix.source.answer import believed
from bastaix.source.artifact import Artifact, Checks, Selection
from bastaix.source.failure import SourceFailure
from bastaix.source.mishaps import FROM_OUTSIDE, TOO_MUCH, interrupted, own_error

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 2
_LONGEST_ANSWER: Final = 256 * 1024
_CHILD: Final = ("-I", "-m", "bastaix.source.unpack")

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What opening one archive may cost."""

    memory: int = 256 * 1024 * 1024
    """Twice what the longest list of entries takes; two of it fit into the chart's limit."""
    cpu_seconds: int = 20
    seconds: int = 60


async def open_archive(
    archive: Path,
    selection: Selection,
    checks: Checks,
    *,
    folder: Path,
    limits: Limits = Limits(),
) -> Artifact:
    """The artifact of an archive; `folder` is a private one for what comes and goes meanwhile."""
    request = _request("archive", archive, selection, selection.path)
    return await _asked(request, checks, limits, folder)


async def recheck(
    data: bytes, checks: Checks, *, path: str | None = None, limits: Limits = Limits()
) -> Artifact:
    """An artifact that is held already; DigestMismatch: it is not one.

    `path` is what it was selected by: messages that propose another build on it.
    """
    with tempfile.TemporaryDirectory(prefix="bastaix-") as name:
        held = _written(Path(name, "held.zip"), data)
        request = _request("held", held, Selection(), path)
        artifact = await _asked(request, checks, limits, Path(name))
    if artifact.data != data:
        raise SourceFailure(
            reasons.DIGEST_MISMATCH, "the artifact that is held is not as it was packed"
        )
    return artifact


async def open_folder(
    folder: Path, selection: Selection, checks: Checks, *, limits: Limits = Limits()
) -> Artifact:
    """The artifact that the archive of a working tree would give."""
    request = _request("tree", folder, selection, selection.path)
    with tempfile.TemporaryDirectory(prefix="bastaix-") as name:
        return await _asked(request, checks, limits, Path(name))


def _request(what: str, place: Path, selection: Selection, path: str | None) -> dict[str, Any]:
    return {what: str(place.absolute()), "selection": asdict(selection), "path": path}


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


async def _asked(
    request: Mapping[str, Any], checks: Checks, limits: Limits, folder: Path
) -> Artifact:
    private = Path(tempfile.mkdtemp(prefix="unpack-", dir=folder))
    into = private / "artifact.zip"
    request = {
        **request,
        "into": str(into),
        "checks": asdict(checks),
        "limits": asdict(limits),
    }
    turns = _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE))
    try:
        async with turns:
            answer = await _run(json.dumps(request).encode(), limits.seconds, private)
        return believed(answer, into)
    finally:
        shutil.rmtree(private, ignore_errors=True)


async def _run(request: bytes, seconds: float, folder: Path) -> bytes:
    """The one line that the process says; nothing when its limits or its own fault ended it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *_CHILD,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
        cwd=folder,
        start_new_session=True,
        limit=_LONGEST_ANSWER,
    )
    assert process.stdin
    assert process.stdout
    try:
        async with asyncio.timeout(seconds):
            with suppress(ConnectionError):
                process.stdin.write(request)
                process.stdin.close()
            answer = await process.stdout.readline()
            status = await process.wait()
        if status == 0:
            return answer
        logger.warning("opening an archive ended with status %s", status)
        if status in FROM_OUTSIDE:
            raise interrupted("opening the archive was ended by the node")
        if status > 0 and status != TOO_MUCH:
            raise own_error(f"the process that opens archives did not get to work ({status})")
    except TimeoutError as error:
        # its own limit of processor time is far below: it did not get to work
        raise interrupted(f"opening the archive was not done within {seconds:.0f} s") from error
    except ValueError:  # a line without an end
        logger.warning("opening an archive said too much")
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return b""
