"""What happens to the objects of a kind, each change with the moment at which it was told.

By `kubectl get --watch`: looking again and again would miss what is short, and would take from the
machine what is being measured.
"""

import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cluster import paths, programs


class WatchError(RuntimeError):
    """Nothing more is told; the message is what kubectl said."""


@dataclass(frozen=True)
class Event:
    at: float  # of time.monotonic
    deleted: bool
    object: dict[str, Any]

    @property
    def name(self) -> str:
        name: str = self.object["metadata"]["name"]
        return name

    @property
    def labels(self) -> dict[str, str]:
        labels: dict[str, str] = self.object["metadata"].get("labels", {})
        return labels


class Watch:
    """All events of a kind in a namespace; those of the objects that were there come first."""

    def __init__(
        self, kind: str, namespace: str, *, selector: str = "", kubeconfig: Path = paths.KUBECONFIG
    ) -> None:
        self._events: list[Event] = []
        self._kind = kind
        self._command = (
            *(str(programs.path("kubectl")), f"--kubeconfig={kubeconfig}", "get", kind),
            *(f"--namespace={namespace}", f"--selector={selector}"),
            *("--watch", "--output-watch-events", "--output=json"),
        )

    def __enter__(self) -> Self:
        self._complaints = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=self._complaints, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait()
        self._reader.join()
        self._complaints.close()

    @property
    def events(self) -> list[Event]:
        """Until now, in their order; an error if there will be no more."""
        if self._process.poll() is not None:
            self._complaints.seek(0)
            said = self._complaints.read().strip() or "nothing"
            raise WatchError(f"the watch of {self._kind} ended; kubectl said {said}")
        return list(self._events)

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            told = json.loads(line)
            deleted = told["type"] == "DELETED"
            self._events.append(Event(time.monotonic(), deleted, told["object"]))


def current(events: Iterable[Event]) -> dict[str, dict[str, Any]]:
    """The objects as they are now, by name."""
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        if event.deleted:
            found.pop(event.name, None)
        else:
            found[event.name] = event.object
    return found


def first(events: Iterable[Event], matches: Callable[[Event], bool]) -> float | None:
    """When the first event came that matches."""
    return next((event.at for event in events if matches(event)), None)


def last(events: Iterable[Event], matches: Callable[[Event], bool]) -> float | None:
    """When the last event came that matches."""
    return max((event.at for event in events if matches(event)), default=None)


def seconds_without_endpoint(slices: Iterable[Event], began: float, ended: float) -> float:
    """For how long none of a Service's EndpointSlices had a ready endpoint."""
    ready: dict[str, int] = {}
    changed = [(began, 0)]
    for event in slices:
        ready[event.name] = 0 if event.deleted else _ready(event.object)
        changed.append((event.at, sum(ready.values())))
    ends = [at for at, _ in changed[1:]] + [ended]
    return sum(
        max(0.0, min(until, ended) - max(since, began))
        for (since, number), until in zip(changed, ends, strict=True)
        if not number
    )


def _ready(endpoint_slice: dict[str, Any]) -> int:
    """A condition that is not there counts as True, as for kube-proxy."""
    endpoints = endpoint_slice.get("endpoints") or ()
    return sum(each.get("conditions", {}).get("ready", True) is not False for each in endpoints)
