"""Waits say what they wait for, and locks end with their holder."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.locks import Busy, lock
from cluster.progress import Progress, Silent, TimeoutExpired


def test_a_wait_ends_when_the_condition_holds() -> None:
    answers = iter([False, False, True])
    stream = io.StringIO()
    Progress(stream).wait("the door", lambda: next(answers), seconds=5)
    assert "the door: after" in stream.getvalue()


def test_a_wait_that_fails_names_what_it_waited_for_and_the_hint() -> None:
    with pytest.raises(TimeoutExpired, match="the door: not within 0 s; try the window"):
        Silent().wait("the door", lambda: False, seconds=0, hint=lambda: "try the window")


def test_a_wait_in_vain_ends_at_once() -> None:
    def check() -> None:
        raise RuntimeError("the house is gone")

    with pytest.raises(RuntimeError, match="the house is gone"):
        Silent().wait("the door", lambda: False, seconds=60, check=check)


def test_a_step_says_how_long_it_took() -> None:
    stream = io.StringIO()
    with Progress(stream).step("painting"):
        pass
    assert "painting: done in 0.0 s" in stream.getvalue()


def test_a_lock_that_is_held_is_refused_or_awaited() -> None:
    with lock("unit-test"), pytest.raises(Busy, match="wait until"), lock("unit-test", wait=False):
        pass
    with lock("unit-test", wait=False):
        pass


def test_a_killed_holder_leaves_no_lock() -> None:
    script = (
        "import os\n"
        "from cluster.locks import lock\n"
        "with lock('unit-test'):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[3])
    assert done.returncode == -9
    with lock("unit-test", wait=False):
        pass
