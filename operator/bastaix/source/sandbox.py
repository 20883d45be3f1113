"""Has untrusted bytes opened in a process of their own, so that the worst of them cost one try.

The process is forked by `source.unpack_server`: in a container of its own where there is one,
else in a child of this process. It is given the archive as an open file, a pipe for its answer,
and nothing else. Whatever becomes of it, the caller gets an artifact or a SourceFailure.
"""

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

from bastaix.api import reasons
from bastaix.source.answer import believed
from bastaix.source.artifact import MAX_ARTIFACT_BYTES, Artifact, Checks, Selection
from bastaix.source.failure import SourceFailure
from bastaix.source.mishaps import FROM_OUTSIDE, TOO_MUCH, interrupted, own_error

logger = logging.getLogger(__name__)

AT_ONCE: Final = 3
_LONGEST_ANSWER: Final = 256 * 1024 + MAX_ARTIFACT_BYTES
_CHUNK: Final = 64 * 1024
_SERVER: Final = (sys.executable, "-I", "-m", "bastaix.source.unpack_server")
_RESTART_SECONDS: Final = 10.0
"""In which kubelet starts a container anew that has ended; it is waited for."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What opening one archive may cost."""

    memory: int = 256 * 1024 * 1024
    """Twice what the longest list of entries takes; three of it fit into the chart's limit."""
    cpu_seconds: int = 20
    seconds: int = 60


class Sandbox:
    def __init__(self, server: Path | None = None) -> None:
        """`server` is the socket of an unpack server; without one a child is started each time."""
        self._server = server
        self._turns = asyncio.Semaphore(AT_ONCE)

    def complaints(self) -> Sequence[str]:
        """Why nothing can be opened just now, a line; nothing when all is well."""
        if self._server is None:
            return []
        try:
            _connect(self._server).close()
        except OSError as error:
            return [_not_there(error)]
        return []

    async def open_archive(
        self,
        archive: Path,
        selection: Selection,
        checks: Checks | None,
        *,
        limits: Limits = Limits(),
    ) -> Artifact:
        """Without checks it is packed alone: its digest is known, and was checked before."""
        with archive.open("rb") as file:
            return await self._ask(file, selection, checks, limits, path=selection.path)

    async def recheck(
        self, data: bytes, checks: Checks, *, path: str | None = None, limits: Limits = Limits()
    ) -> Artifact:
        """An artifact that is held already; DigestMismatch: it is not one.

        `path` is what it was selected by: messages that propose another build on it.
        """
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.seek(0)
            artifact = await self._ask(file, Selection(), checks, limits, path=path, held=True)
        if artifact.data != data:
            raise SourceFailure(
                reasons.DIGEST_MISMATCH, "the artifact that is held is not as it was packed"
            )
        return artifact

    async def open_folder(
        self, folder: Path, selection: Selection, checks: Checks, *, limits: Limits = Limits()
    ) -> Artifact:
        """The artifact that the archive of a working tree would give; the tree is on this disk."""
        tree = {"tree": str(folder), "cwd": os.getcwd()}
        return await self._ask(None, selection, checks, limits, path=selection.path, **tree)

    async def _ask(
        self,
        archive: IO[bytes] | None,
        selection: Selection,
        checks: Checks | None,
        limits: Limits,
        **more: Any,
    ) -> Artifact:
        request = {
            **{"held": False, **more},
            "selection": asdict(selection),
            "checks": None if checks is None else asdict(checks),
            "limits": asdict(limits),
            "confined": self._server is not None,
        }
        async with self._turns:
            return believed(await self._run(json.dumps(request).encode(), archive, limits.seconds))

    async def _run(self, request: bytes, archive: IO[bytes] | None, seconds: float) -> bytes:
        """What the process says; nothing when its limits or its own fault ended it."""
        try:
            async with asyncio.timeout(seconds), self._connection() as connection:
                said = await _converse(connection, request, archive)
                status = await asyncio.get_running_loop().sock_recv(connection, 16)
        except TimeoutError as error:
            # its own limit of processor time is far below: it did not get to work
            raise interrupted(f"opening the archive was not done within {seconds:.0f} s") from error
        except _TooLongAnswer:
            logger.warning("opening an archive said too much")
            return b""
        except OSError as error:
            raise interrupted(_not_there(error)) from error
        return said if _is_success(status) else b""

    def _connection(self) -> AbstractAsyncContextManager[socket.socket]:
        return _started() if self._server is None else _connected(self._server)


class _TooLongAnswer(Exception):
    """Of a process that would not stop."""


def _is_success(text: bytes) -> bool:
    """SourceFailure for what is not the archive's doing."""
    if not text:
        raise interrupted("opening the archive was ended with all that opened archives")
    status = int(text)
    if status == 0:
        return True
    logger.warning("opening an archive ended with status %s", status)
    if status in FROM_OUTSIDE:
        raise interrupted("opening the archive was ended by the node")
    if status > 0 and status != TOO_MUCH:
        raise own_error(f"the process that opens archives did not get to work ({status})")
    return False


def _not_there(error: OSError) -> str:
    return f"what opens archives does not answer: {error.strerror or type(error).__name__}"


@asynccontextmanager
async def _connected(server: Path) -> AsyncIterator[socket.socket]:
    clock = asyncio.get_running_loop().time
    until = clock() + _RESTART_SECONDS
    while True:
        try:
            connection = _connect(server)
            break
        except OSError:
            if clock() > until:
                raise
        await asyncio.sleep(0.1)
    with connection:
        yield connection


def _connect(server: Path) -> socket.socket:
    """At once or not at all, as sockets of files do."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        connection.connect(str(server))
    except OSError:
        connection.close()
        raise
    return connection


@asynccontextmanager
async def _started() -> AsyncIterator[socket.socket]:
    """A server for one request alone, without an environment."""
    connection, theirs = socket.socketpair()
    with connection:
        connection.setblocking(False)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *_SERVER,
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,
            )
        try:
            yield connection
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _converse(connection: socket.socket, request: bytes, archive: IO[bytes] | None) -> bytes:
    """Send the request with the files that belong to it, and read the answer to its end."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as answers:
        try:
            files = [writing] if archive is None else [writing, archive.fileno()]
            socket.send_fds(connection, [b"\0"], files)
        finally:
            os.close(writing)
        await asyncio.get_running_loop().sock_sendall(connection, request)
        connection.shutdown(socket.SHUT_WR)
        return await _read(answers)


async def _read(pipe: IO[bytes]) -> bytes:
    reader = asyncio.StreamReader(limit=_CHUNK)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        said = bytearray()
        while chunk := await reader.read(_CHUNK):
            said += chunk
            if len(said) > _LONGEST_ANSWER:
                raise _TooLongAnswer
        return bytes(said)
    finally:
        transport.close()
