"""A program of a step: its output, and that nothing of it outlives the step."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from bastaix.local import process

HERE = Path(__file__).parent


async def ended(code: str, seconds: float = 30) -> process.Ended:
    return await process.ended([sys.executable, "-c", code], cwd=HERE, env={}, seconds=seconds)


async def test_both_streams_are_its_output() -> None:
    code = "import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(3)"
    assert await ended(code) == process.Ended(3, "out\nerr\n")


async def test_who_was_killed_is_said_to_be() -> None:
    found = await ended("import os; os.kill(os.getpid(), 11)")
    assert found.status == -signal.SIGSEGV
    assert found.output.endswith("the process was ended by SIGSEGV")


async def test_what_does_not_end_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(pid)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)"
    )
    with pytest.raises(process.Late) as late:
        await ended(f"print('so far', flush=True)\n{code}", seconds=2)
    assert late.value.output == "so far\n"
    assert not _runs(int(pid.read_text()))


async def test_what_it_has_started_and_left_is_not_waited_for(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(pid)!r}, 'w').write(str(child.pid))\n"
        "print('done')"
    )
    assert await ended(code, seconds=20) == process.Ended(0, "done\n")
    assert not _runs(int(pid.read_text()))


async def test_what_heeds_nothing_is_ended_although_nobody_waits_any_more() -> None:
    code = (
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)"
    )
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code), stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert child.stdout
    await child.stdout.readline()
    stopping = asyncio.ensure_future(process._stop(child, patience=600))
    await asyncio.sleep(0)
    stopping.cancel()
    await asyncio.wait({stopping})
    assert await child.wait() == -signal.SIGKILL


def _runs(pid: int) -> bool:
    try:
        # killed, it stays in the table until somebody reads how it ended
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
