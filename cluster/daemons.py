"""Long-running programs: started once, found again after any kill, stopped and waited for.

A daemon writes its own pid and start time before it becomes the program. So there is no moment
at which it runs unrecorded, and a pid that another process has taken since is never signalled.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cluster.progress import POLL

# Field 22 of /proc/PID/stat is the start time; the shell's own name holds no blank to trip over.
_RECORD_AND_BECOME = """
read -r stat < /proc/$$/stat
set -f; record=$1; shift
start() { shift 21; echo "$1"; }
echo "$$ $(start $stat)" > "$record.unfinished" && mv "$record.unfinished" "$record"
exec "$@"
"""
GRACE = 10.0  # seconds between asking a daemon to end and ending it


@dataclass(frozen=True)
class Process:
    pid: int
    started: int  # clock ticks since the machine's start

    @property
    def alive(self) -> bool:
        with suppress(ChildProcessError):  # only our own children are ours to collect
            os.waitpid(self.pid, os.WNOHANG)
        return start_time(self.pid) == self.started

    def signal(self, number: signal.Signals) -> None:
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


@dataclass(frozen=True)
class Daemon:
    name: str
    command: tuple[str, ...]
    folder: Path  # holds run/NAME.pid and log/NAME.log
    environment: Mapping[str, str] = field(default_factory=dict)
    wrapper: tuple[str, ...] = ()  # a command that runs the rest of its words, in place
    cgroups: tuple[Path, ...] = ()

    @property
    def log(self) -> Path:
        return self.folder / "log" / f"{self.name}.log"

    @property
    def record(self) -> Path:
        return self.folder / "run" / f"{self.name}.pid"

    def process(self) -> Process | None:
        """The process if it is alive."""
        return recorded(self.record)

    def start(self) -> Process:
        """Start it unless it runs already, and return once it has recorded itself."""
        if running := self.process():
            return running
        for file in (self.log, self.record):
            file.parent.mkdir(parents=True, exist_ok=True)
        self.record.unlink(missing_ok=True)
        join = "".join(f'echo $$ > "{group}/cgroup.procs"\n' for group in self.cgroups)
        words = ("sh", "-ec", join + _RECORD_AND_BECOME, "sh", str(self.record))
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                [*words, *self.wrapper, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        while not self.record.exists():
            if child.poll() is not None:
                raise RuntimeError(f"{self.name} ended at once: {self.last_words()}")
            time.sleep(POLL / 10)
        child.returncode = 0  # it outlives us on purpose: no warning when the object goes
        return self.process() or Process(child.pid, -1)

    def last_words(self, lines: int = 5) -> str:
        """Where its log is and how it ends, for a message."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        tail = "\n  ".join(text.strip().splitlines()[-lines:])
        return f"see {self.log}" + (f", which ends:\n  {tail}" if tail else "")

    def check(self) -> None:
        """Raise if it has ended: then it is in vain to wait for what it should do."""
        if not self.process():
            raise RuntimeError(f"{self.name} has ended: {self.last_words()}")


def check(*daemons: Daemon) -> None:
    for daemon in daemons:
        daemon.check()


def start_time(pid: int) -> int | None:
    """When a process started; None if there is none, or only its unburied remains."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *rest = text[text.rindex(")") + 2 :].split()  # a name may hold blanks and brackets
    return None if state in "ZX" else int(rest[18])


def recorded(record: Path) -> Process | None:
    try:
        pid, started = record.read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    process = Process(int(pid), int(started))
    return process if process.alive else None


def stop(*records: Path, grace: float = GRACE) -> None:
    """End the recorded processes together; return when all are gone."""
    alive = [process for record in records if (process := recorded(record))]
    end(alive, grace=grace)
    for record in records:
        record.unlink(missing_ok=True)


def end(processes: Iterable[Process], *, grace: float) -> None:
    """Ask, wait, insist, and wait again."""
    alive = list(processes)
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, GRACE)):
        for process in alive:
            process.signal(number)
        deadline = time.monotonic() + patience
        while (alive := [process for process in alive if process.alive]) and (
            time.monotonic() < deadline
        ):
            time.sleep(POLL / 2)
    if alive:
        raise RuntimeError(f"processes {[process.pid for process in alive]} survive SIGKILL")
