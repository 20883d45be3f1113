"""Runs a program in a session of its own, and ends all of it, whatever happens here."""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LONGEST_OUTPUT: Final = 1024 * 1024
_PATIENCE: Final = 20.0
_SECONDS_TO_DIE: Final = 5.0
_EVERY: Final = 0.05


@dataclass(frozen=True)
class Ended:
    status: int
    output: str
    """Of both streams; of a long one its end."""


class Late(TimeoutError):
    """It has not ended; `output` is what it has said so far."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output


async def ended(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], seconds: float) -> Ended:
    """What became of it, whatever it has started and left; Late if it does not end."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        cwd=cwd,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout
    kept = bytearray()
    reading = asyncio.ensure_future(_read(process.stdout, kept))
    status = None
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                # wait() would wait for whoever else holds the pipe
                while True:
                    status = process.returncode
                    if status is not None:
                        break
                    await asyncio.sleep(_EVERY)
    finally:
        await stop(process)
        await asyncio.wait({reading}, timeout=_SECONDS_TO_DIE)
        reading.cancel()
    text = kept.decode(errors="replace")
    if status is None:
        raise Late(text)
    if status < 0:
        text += f"\nthe process was ended by {signal.Signals(-status).name}"
    return Ended(status, text)


async def _read(stream: asyncio.StreamReader, kept: bytearray) -> None:
    while chunk := await stream.read(65536):
        kept += chunk
        del kept[:-_LONGEST_OUTPUT]


async def stop(process: asyncio.subprocess.Process, *, patience: float = _PATIENCE) -> None:
    """Ask it to end, then end what is left of its session; shielded from being cancelled."""
    await asyncio.shield(asyncio.ensure_future(_stop(process, patience)))


async def _stop(process: asyncio.subprocess.Process, patience: float) -> None:
    try:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await process.wait()
    finally:  # also when all of this is told to end at once
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError, TimeoutError):
        async with asyncio.timeout(_SECONDS_TO_DIE):
            # those that nobody waits for are in it for ever, where nobody reaps them
            while True:
                os.killpg(process.pid, 0)
                await asyncio.sleep(_EVERY)
    await process.wait()
