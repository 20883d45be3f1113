"""What became of the requests of a load test, read from vegeta's results; pure.

vegeta counts status codes. Whether an answer is one is told by its body, so that is read here: a
stream must end with `data: [DONE]`, anything else must be one JSON object with `choices`. How the
requests came about stands in `traffic`. No answer is ever quoted.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import pairwise
from typing import Any

FEW = 5  # errors of a kind that are worth telling
LAST_EVENT = "data: [DONE]"
PAUSE_SECONDS = 0.1  # less between two requests is no pause that a connection could be closed in


class Outcome(Enum):
    ANSWERED = "answered"
    FAILED = "failed"
    TRUNCATED = "truncated"


class Connections(Enum):
    """How the connections of a kind of traffic are used."""

    NEW = "new"
    """One for each request."""
    IDLE = "idle"
    """Kept, and idle between two requests."""
    BUSY = "busy"
    """Kept, and never idle: the next request follows at once."""


@dataclass(frozen=True)
class Kind:
    connections: Connections
    streaming: bool

    def __str__(self) -> str:
        return f"{self.connections.value}/{'streaming' if self.streaming else 'whole'}"


@dataclass(frozen=True)
class Hit:
    """One request."""

    began: float  # seconds since the traffic began
    ended: float
    outcome: Outcome
    error: str = ""


@dataclass(frozen=True)
class Failure:
    at: float  # seconds since the traffic began
    text: str

    def __str__(self) -> str:
        return f"at {self.at:.2f} s: {self.text}"


@dataclass(frozen=True)
class Count:
    """What became of the requests of some kind; no request is both failed and truncated."""

    total: int = 0
    failed: int = 0
    truncated: int = 0
    longest_gap: float = 0.0  # seconds without the end of a good answer, from begin to end
    errors: tuple[Failure, ...] = ()  # the first few
    paused: int = 0  # began after a pause of their connection

    @property
    def lost(self) -> int:
        return self.failed + self.truncated

    @property
    def lost_percent(self) -> float:
        return 100 * self.lost / self.total if self.total else 0.0

    def __str__(self) -> str:
        after = f" ({self.paused} after a pause)" if self.paused else ""
        return (
            f"{self.total} requests{after}, {self.failed} failed, {self.truncated} truncated, "
            f"longest gap {self.longest_gap:.2f} s"
        )


@dataclass(frozen=True)
class Report:
    """All kinds of traffic, for as long as it went."""

    seconds: float
    kinds: dict[Kind, Count]

    def of(self, *connections: Connections) -> Count:
        """The kinds with these connections in one: the sums, and the worst gap of a kind."""
        return total(count for kind, count in self.kinds.items() if kind.connections in connections)

    def lines(self) -> list[str]:
        """For people: a line a kind, and below it its first errors."""
        return [
            line
            for kind, count in self.kinds.items()
            for line in (f"{kind}: {count}", *(f"  {failure}" for failure in count.errors))
        ]


def total(counts: Iterable[Count]) -> Count:
    listed = list(counts)
    errors = sorted((each for count in listed for each in count.errors), key=lambda each: each.at)
    return Count(
        total=sum(count.total for count in listed),
        failed=sum(count.failed for count in listed),
        truncated=sum(count.truncated for count in listed),
        longest_gap=max((count.longest_gap for count in listed), default=0.0),
        errors=tuple(errors[:FEW]),
        paused=sum(count.paused for count in listed),
    )


def hits(lines: Iterable[str], *, streaming: bool, began: datetime) -> Iterator[Hit]:
    """The requests in what `vegeta encode --to json` printed."""
    for line in lines:
        result = json.loads(line)
        at = (datetime.fromisoformat(result["timestamp"]) - began).total_seconds()
        outcome, error = judged(result, streaming=streaming)
        yield Hit(at, at + result["latency"] / 1e9, outcome, error)


def judged(result: dict[str, Any], *, streaming: bool) -> tuple[Outcome, str]:
    """What one of vegeta's results means, and why."""
    code, error = result["code"], result["error"]
    if not code:
        # Its HTTP client puts the method before what happened ahead of the answer's body; what
        # breaks off a body has none, and vegeta then forgets the code.
        before_answer = error.startswith(f"{result['method'].title()} ")
        return (Outcome.FAILED if before_answer else Outcome.TRUNCATED), error
    if not 200 <= code < 300:
        return Outcome.FAILED, error or f"status {code}"
    body = base64.b64decode(result["body"] or "").decode(errors="replace")
    return _stream(body) if streaming else _whole(body)


def _stream(body: str) -> tuple[Outcome, str]:
    events = [line for line in body.splitlines() if line.startswith("data: ")]
    if any(_is_error(event) for event in events):  # vLLM ends a stream with [DONE] then too
        return Outcome.FAILED, f"{len(events)} events, one of them an error"
    if not events or events[-1].strip() != LAST_EVENT:
        return Outcome.TRUNCATED, f"{len(events)} events, and the last is not [DONE]"
    if len(events) == 1:
        return Outcome.FAILED, "a stream without an answer"
    return Outcome.ANSWERED, ""


def _is_error(event: str) -> bool:
    try:
        said = json.loads(event.removeprefix("data: "))
    except ValueError:
        return False
    return isinstance(said, dict) and "error" in said


def _whole(body: str) -> tuple[Outcome, str]:
    try:
        said = json.loads(body)
    except ValueError:
        return Outcome.TRUNCATED, f"{len(body)} characters that are no complete JSON"
    if not isinstance(said, dict) or not said.get("choices"):
        return Outcome.FAILED, "JSON without choices"
    return Outcome.ANSWERED, ""


def pauses(found: Iterable[Hit]) -> int:
    """How many requests of one connection began after a pause."""
    listed = sorted(found, key=lambda hit: hit.began)
    return sum(later.began - hit.ended >= PAUSE_SECONDS for hit, later in pairwise(listed))


def count(found: Iterable[Hit], *, seconds: float, paused: int = 0) -> Count:
    """The requests of one kind in `seconds` of traffic."""
    listed = sorted(found, key=lambda hit: hit.began)
    lost = [hit for hit in listed if hit.outcome is not Outcome.ANSWERED]
    answers = sorted(hit.ended for hit in listed if hit.outcome is Outcome.ANSWERED)
    marks = sorted((0.0, *answers, seconds))
    return Count(
        total=len(listed),
        failed=sum(hit.outcome is Outcome.FAILED for hit in lost),
        truncated=sum(hit.outcome is Outcome.TRUNCATED for hit in lost),
        longest_gap=max(after - before for before, after in pairwise(marks)),
        errors=tuple(Failure(hit.began, f"{hit.outcome.value}: {hit.error}") for hit in lost[:FEW]),
        paused=paused,
    )
