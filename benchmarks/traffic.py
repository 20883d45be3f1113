"""Continuous load on an OpenAI endpoint by vegeta, of each kind that a rollout may hurt.

Streaming and whole answers, each over new connections, over kept connections with idle moments
and over kept connections that are never idle; a process of vegeta for each, so that they do not
wait for each other. What their results mean stands in `outcomes`.

vegeta's client does what HTTP clients do: a request that meets a kept connection which the server
has just closed goes over a new one, if nothing of it was sent. It repeats nothing else.
"""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.outcomes import Connections, Count, Hit, Kind, Report, count, hits, pauses
from cluster import programs

WORDS = "one two three four five six seven eight nine ten"
REQUEST_SECONDS = 30.0
PAUSES = (0.5, 1.0, 3.0)
BUSY_CONNECTIONS = 2
# More than they can do, as long as an answer takes 0.1 s: so they are never idle. When each request
# is refused at once, it leaves the machine to others.
BUSY_RATE = 20.0
TO_BEGIN, TO_END = 10.0, 5.0  # seconds over a request's own
KINDS = tuple(Kind(way, streaming) for way in Connections for streaming in (False, True))


class TrafficError(RuntimeError):
    """The load was not what was asked for; the message says why."""


@dataclass(frozen=True)
class Attack:
    """One process of vegeta."""

    kind: Kind
    options: tuple[str, ...]


def attacks(kind: Kind, rate: float, intervals: Sequence[float]) -> list[Attack]:
    """How a kind of traffic is made; `rate` is of new connections, `intervals` are the seconds
    from one request to the next over each that is idle between them."""
    match kind.connections:
        case Connections.NEW:
            return [Attack(kind, ("-keepalive=false", _rate(rate), "-max-workers=200"))]
        case Connections.IDLE:  # a process each: in one, the same connection would do all the work
            return [Attack(kind, (_rate(1 / each), *_workers(1))) for each in intervals]
        case Connections.BUSY:
            options = (_rate(BUSY_RATE), *_workers(BUSY_CONNECTIONS))
            return [Attack(kind, options)]


def _rate(per_second: float) -> str:
    return f"-rate=1/{1e6 / per_second:.0f}us"


def _workers(number: int) -> tuple[str, str]:
    return f"-workers={number}", f"-max-workers={number}"


def question(model_id: str, kind: Kind) -> str:
    body = {
        "model": model_id,
        "messages": [{"role": "user", "content": WORDS}],
        "temperature": 0,
        "max_tokens": 32,
        "stream": kind.streaming,
    }
    return json.dumps(body)


@dataclass(frozen=True)
class _Running:
    attack: Attack
    process: "subprocess.Popen[bytes]"
    results: Path

    def stop(self) -> None:
        """Once: begin no more, which it sometimes understands after a request or two more. Twice:
        end, whatever is under way."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)

    def end(self, seconds: float) -> None:
        """Wait for what is under way; `seconds` is enough for all that began before `stop`."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        self.stop()
        try:
            self.process.wait(TO_END)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TrafficError(f"vegeta ({self.attack.kind}) did not end when told to") from None

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def said(self) -> str:
        return self.results.with_suffix(".log").read_text().strip()


@dataclass
class Traffic:
    """Load on `<url>/v1/chat/completions`, from the first results of each kind to `stop`.

    `rate` is of requests a second over new connections, for streams and whole answers each;
    `pauses` are the seconds between an answer and the next request of connections with idle
    moments, one each. vegeta counts from one request to the next, so it has to be told what an
    answer takes, `answer_seconds`; whether they did pause is counted.
    `seconds` ends the load by itself, should nobody stop it; then `stop` says that it was short.
    """

    url: str
    model_id: str
    rate: float = 5.0
    seconds: float = 600.0
    request_seconds: float = REQUEST_SECONDS
    pauses: tuple[float, ...] = PAUSES
    answer_seconds: float = 0.0
    kinds: tuple[Kind, ...] = KINDS
    _stack: ExitStack = field(default_factory=ExitStack, init=False, repr=False)
    _running: list[_Running] = field(default_factory=list, init=False, repr=False)
    _began: datetime = field(init=False, repr=False)
    _report: Report | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> Self:
        vegeta = programs.path("vegeta")
        with self._stack:  # whatever fails before the end of this ends what has been started
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
            (folder / "targets").write_text(f"POST {self.url}/v1/chat/completions\n")
            self._began = datetime.now(UTC)
            intervals = [self.answer_seconds + pause for pause in self.pauses]
            for kind in self.kinds:
                for attack in attacks(kind, self.rate, intervals):
                    self._start(vegeta, attack, folder)
            self._await_results()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._stack:
            if kind is None:
                self.stop()

    @property
    def report(self) -> Report:
        """What became of all requests; there once the traffic has been stopped."""
        if self._report is None:
            raise TrafficError("the traffic still goes on")
        return self._report

    @property
    def goes_on(self) -> bool:
        """Whether all of it is under way."""
        return all(one.process.poll() is None for one in self._running)

    def stop(self) -> Report:
        """End the load, let the answers under way come, and count what began before."""
        if self._report is None:
            short = [one for one in self._running if one.process.poll() is not None]
            seconds = (datetime.now(UTC) - self._began).total_seconds()
            for one in self._running:
                one.stop()
            deadline = time.monotonic() + self.request_seconds
            for one in self._running:
                one.end(max(0.0, deadline - time.monotonic()))
            if short:
                raise TrafficError(
                    f"vegeta ({short[0].attack.kind}) ended before it was told to; it was given "
                    f"{self.seconds:.0f} s and said {short[0].said or 'nothing'}"
                )
            self._report = Report(seconds, dict(self._counted(seconds)))
        return self._report

    def _start(self, vegeta: Path, attack: Attack, folder: Path) -> None:
        name = folder / f"attack-{len(self._running)}"
        name.with_suffix(".body").write_text(question(self.model_id, attack.kind))
        command = (
            *(str(vegeta), "-cpus=1", "attack", f"-targets={folder / 'targets'}"),
            *(f"-body={name.with_suffix('.body')}", "-header=Content-Type: application/json"),
            *(f"-duration={self.seconds}s", f"-timeout={self.request_seconds}s", "-max-body=-1"),
            *(f"-output={name.with_suffix('.gob')}", *attack.options),
        )
        with name.with_suffix(".log").open("wb") as log:
            process = subprocess.Popen(command, env=_environment(), stdout=log, stderr=log)
        running = _Running(attack, process, name.with_suffix(".gob"))
        self._stack.callback(running.kill)
        self._running.append(running)

    def _await_results(self) -> None:
        deadline = time.monotonic() + self.request_seconds + TO_BEGIN
        for one in self._running:
            while not (one.results.exists() and one.results.stat().st_size):
                if one.process.poll() is not None:
                    raise TrafficError(f"vegeta ({one.attack.kind}) did not begin: {one.said}")
                if time.monotonic() > deadline:
                    raise TrafficError(f"vegeta ({one.attack.kind}) has no result yet")
                time.sleep(0.05)

    def _counted(self, seconds: float) -> Iterator[tuple[Kind, Count]]:
        vegeta = programs.path("vegeta")
        for kind in self.kinds:
            found = [
                [hit for hit in self._hits(vegeta, one) if hit.began < seconds]
                for one in self._running
                if one.attack.kind == kind
            ]
            # of the others, several connections are in one
            paused = sum(map(pauses, found)) if kind.connections is Connections.IDLE else 0
            yield kind, count(chain.from_iterable(found), seconds=seconds, paused=paused)

    def _hits(self, vegeta: Path, one: _Running) -> Iterator[Hit]:
        lines = programs.run(vegeta, "encode", "-to=json", one.results).splitlines()
        return hits(lines, streaming=one.attack.kind.streaming, began=self._began)


def _environment() -> dict[str, str]:
    """Without proxies: the address is this machine's own."""
    return {
        name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")
    }
