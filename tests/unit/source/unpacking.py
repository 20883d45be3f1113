"""Processes that open archives: started as the chart starts them, and found while they work."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAM = "bastaix.source.unpack_server"
COMMAND = (sys.executable, "-I", "-m", PROGRAM)


class UnpackServer:
    """Listens while the `with` lasts, save when it was killed and not started again."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """It listens when this returns."""
        self._process = subprocess.Popen(
            (*COMMAND, str(self.socket)), stderr=subprocess.PIPE, text=True, env={}
        )
        assert self._process.stderr
        assert "archives are opened by way of" in self._process.stderr.readline()

    def kill(self) -> None:
        self._end("kill")

    def stop(self) -> int:
        """Its status, once it has been told to stop."""
        return self._end("terminate")

    def _end(self, verb: str) -> int:
        if self._process is None:
            return 0
        with self._process as process:
            getattr(process, verb)()
        self._process = None
        return process.returncode

    def __enter__(self) -> UnpackServer:
        self.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.kill()


def openers() -> list[int]:
    """All processes of that program below this one, those that serve among them."""
    return _below(os.getpid())


def _below(parent: int) -> list[int]:
    found = []
    for task in Path("/proc").glob(f"{parent}/task/*"):
        for child in _read(task / "children").split():
            if PROGRAM in _read(Path(f"/proc/{child}/cmdline")):
                found += [int(child), *_below(int(child))]
    return found


async def confined(opening: asyncio.Task[Any]) -> int:
    """The process that opens something, once it is confined."""
    while True:
        assert not opening.done(), opening.exception()
        for process in openers():
            if status_of(process).get("Seccomp") == "2":
                return process
        await asyncio.sleep(0.01)


async def ended(process: int) -> None:
    """Waits for it; a TimeoutError after 10 s."""
    async with asyncio.timeout(10):
        while process in openers():  # noqa: ASYNC110 nothing tells of another's child
            await asyncio.sleep(0.01)


def environment_of(process: int) -> str:
    return _read(Path(f"/proc/{process}/environ"))


def files_of(process: int) -> set[str]:
    """Names of what it has open; of what has none, its kind."""
    links = {os.readlink(link) for link in Path(f"/proc/{process}/fd").iterdir()}
    return {link if link.startswith("/") else link.partition(":")[0] for link in links}


def status_of(process: int) -> dict[str, str]:
    lines = _read(Path(f"/proc/{process}/status")).splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def limits_of(process: int) -> str:
    return " ".join(_read(Path(f"/proc/{process}/limits")).split())


def _read(file: Path) -> str:
    """Nothing of a process that has ended."""
    try:
        return file.read_bytes().decode(errors="replace").replace("\0", " ")
    except OSError:
        return ""
