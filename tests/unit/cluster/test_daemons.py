"""Daemons are found again after any kill, and nobody else's process is ever signalled."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cluster import daemons
from cluster.daemons import Daemon, Process
from cluster.progress import Silent


def sleeper(folder: Path, *command: str) -> Daemon:
    return Daemon("sleeper", command or ("sleep", "60"), folder)


def test_a_started_daemon_is_running_and_a_second_start_finds_it(tmp_path: Path) -> None:
    first = sleeper(tmp_path).start()
    try:
        assert sleeper(tmp_path).process() == first
        assert sleeper(tmp_path).start() == first
    finally:
        daemons.stop(sleeper(tmp_path).record)


def test_stop_returns_once_the_process_is_gone(tmp_path: Path) -> None:
    process = sleeper(tmp_path).start()
    daemons.stop(sleeper(tmp_path).record)
    assert not process.alive
    assert not sleeper(tmp_path).record.exists()


def test_stop_insists_where_a_process_ignores_being_asked(tmp_path: Path) -> None:
    stubborn = sleeper(tmp_path, "sh", "-c", "trap '' TERM; echo deaf; sleep 60 & wait; wait")
    process = stubborn.start()
    Silent().wait("the trap", lambda: "deaf" in stubborn.log.read_text(), seconds=5)
    daemons.stop(stubborn.record, grace=0.2)
    assert not process.alive


def test_a_daemon_killed_from_outside_is_seen_as_gone(tmp_path: Path) -> None:
    process = sleeper(tmp_path).start()
    os.kill(process.pid, signal.SIGKILL)
    Silent().wait("its end", lambda: sleeper(tmp_path).process() is None, seconds=5)


def test_a_pid_taken_by_another_process_since_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        started = daemons.start_time(stranger.pid)
        assert started is not None
        record = sleeper(tmp_path).record
        record.parent.mkdir()
        record.write_text(f"{stranger.pid} {started - 1}\n")
        daemons.stop(record)
        assert stranger.poll() is None
        stranger.kill()


def test_a_daemon_that_cannot_start_says_where_its_log_is(tmp_path: Path) -> None:
    broken = sleeper(tmp_path, "sh", "-c", "echo no such luck; exit 3")
    process = broken.start()
    Silent().wait("its end", lambda: not process.alive, seconds=5)
    with pytest.raises(RuntimeError, match=r"(?s)sleeper has ended: see .*no such luck"):
        broken.check()


def test_a_daemon_outlives_a_maker_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, sys\n"
        "from cluster.daemons import Daemon\n"
        "Daemon('sleeper', ('sleep', '60'), pathlib.Path(sys.argv[1])).start()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=Path(__file__).parents[3])
    assert sleeper(tmp_path).process() is not None
    daemons.stop(sleeper(tmp_path).record)


def test_a_torn_record_is_no_process(tmp_path: Path) -> None:
    record = tmp_path / "torn.pid"
    record.write_text("12")
    assert daemons.recorded(record) is None


def test_an_unburied_process_is_not_alive() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    Silent().wait("its end", lambda: daemons.start_time(child) is None, seconds=5)
    os.waitpid(child, 0)


def test_our_own_process_is_alive() -> None:
    started = daemons.start_time(os.getpid())
    assert started is not None
    assert Process(os.getpid(), started).alive
