"""A controller as a process of its own against some API server, and what it says of itself."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

STACK = 1024 * 1024


class OperatorProcess:
    """`with OperatorProcess(kubeconfig, log) as operator:` ends it by SIGTERM."""

    command = "operator"

    def __init__(
        self,
        kubeconfig: Path,
        log: Path,
        *options: str,
        settings: Mapping[str, str] | None = None,
        memory: int | None = None,
    ) -> None:
        """`settings` go into the environment; `memory` is the limit of its data in bytes."""
        self._wrapper = () if memory is None else limited(memory)
        self.settings = dict(settings or {})
        self._kubeconfig = kubeconfig
        self._log = log
        self._options = options
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {key: value for key, value in os.environ.items() if "BASTAIX" not in key}
        environment |= self.settings
        environment["KUBECONFIG"] = str(self._kubeconfig)
        # it starts from bytecode, as in its image: compiling takes longer than all else
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        listen = f"--listen=127.0.0.1:{self._port}"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *self._wrapper,
                    sys.executable,
                    "-m",
                    "bastaix",
                    self.command,
                    listen,
                    *self._options,
                ],
                env=environment,
                stdout=log,
                stderr=log,
            )

    def stop(self, within: float = 40) -> int:
        """End it by SIGTERM; its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=within)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log.read_text()

    def page(self, path: str) -> tuple[int, str]:
        """Status and text of one of its pages; 0 while it does not listen."""
        assert self._process is not None
        assert self._process.poll() is None, f"it has ended:\n{self.log}"
        try:
            url = f"http://127.0.0.1:{self._port}{path}"
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all series of a name that have these labels."""
        total = 0.0
        for line in self.page("/metrics")[1].splitlines():
            match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if match is None or match[1] != name:
                continue
            found = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
            if labels.items() <= found.items():
                total += float(match[3])
        return total

    def memory(self) -> int:
        """Resident memory, in bytes."""
        return self._status("VmRSS")

    def peak_memory(self) -> int:
        return self._status("VmHWM")

    def cpu(self) -> float:
        """Seconds of processor time used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _status(self, field: str) -> int:
        text = Path(f"/proc/{self.pid}/status").read_text()
        match = re.search(rf"^{field}:\s+(\d+) kB$", text, re.MULTILINE)
        assert match is not None
        return int(match[1]) * 1024


class SourceProcess(OperatorProcess):
    """The source controller in the same way."""

    command = "source"


def limited(memory: int) -> tuple[str, ...]:
    """Begins a command that gets no more memory: what a cgroup would kill ends in MemoryError.

    What is written to counts, so the stacks of threads are made small; the files that are mapped
    do not, so the peak of what is resident is to be looked at as well.
    """
    return ("prlimit", f"--data={memory}", f"--stack={STACK}:{STACK}")


def until(
    condition: Callable[[], object], what: str, *, seconds: float = 60, every: float = 0.1
) -> None:
    """Wait until a condition holds; the failure says what was awaited."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(every)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
