"""What is left to a process that has taken in untrusted bytes: to compute, and to answer."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bastaix.source import confinement
from tests.unit.source import attempts


def tried(*words: str) -> dict[str, Any]:
    """From a Python without an environment, as in the container."""
    source = Path(attempts.__file__).read_text()
    command = (sys.executable, "-I", "-", *words)
    ran = subprocess.run(command, input=source, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize("words", [(), ("1000",)], ids=["as we run", "as another user"])
def test_nothing_that_was_tried_is_possible(words: tuple[str, ...]) -> None:
    if words and os.getuid():
        pytest.skip("only root can become another user")
    found = tried(*words)["confined"]
    assert len(found) > 20
    assert {what: how for what, how in found.items() if how != "EPERM"} == {}


@pytest.mark.parametrize(
    "what",
    ["socket AF_INET", "socket AF_UNIX", "socket AF_NETLINK", "read a file", "list a folder"],
)
def test_without_the_confinement_it_is(what: str) -> None:
    (attempt,) = [attempt for name, attempt in attempts.attempts(os.getppid()) if name == what]
    assert attempts.outcome(attempt) == "done"


def test_a_child_that_reads_a_working_tree_may_open_files_to_read_them_and_no_more(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("what was there")

    def open_with(flags: int) -> Callable[[], object]:
        return lambda: os.open(tmp_path / "file", flags)

    def work() -> dict[str, str]:
        assert confinement.forbid_system_calls(but_reading_files=True)
        return {
            "read": attempts.outcome(open_with(os.O_RDONLY)),
            "list": attempts.outcome(lambda: list(os.scandir(tmp_path))),
            "write": attempts.outcome(open_with(os.O_WRONLY)),
            "write and read": attempts.outcome(open_with(os.O_RDWR)),
            "empty": attempts.outcome(open_with(os.O_RDONLY | os.O_TRUNC)),
            "create": attempts.outcome(open_with(os.O_RDONLY | os.O_CREAT)),
            "socket": attempts.outcome(attempts.socket.socket),
        }

    found = forked(work)
    assert (found.pop("read"), found.pop("list")) == ("done", "done")
    assert set(found.values()) == {"EPERM"}
    assert (tmp_path / "file").read_text() == "what was there"


def forked(work: Callable[[], dict[str, str]]) -> dict[str, str]:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        found: dict[str, str] = json.loads(answer.read())
    os.waitpid(child, 0)
    return found


def test_a_machine_that_is_not_known_is_said_to_have_no_filter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "s390x")
    assert confinement.forbid_system_calls() is False
