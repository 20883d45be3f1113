"""An API server that fails at a chosen call, and a watch that loses, repeats and delays events.

What is there is a `FakeCluster`. The operator sees it through the real `KubeCluster` and an index
of its own, so what it does about a lost answer or an old entry is what it does for real.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from random import Random
from typing import Any, cast

from bastaix.api.sizes import LARGE, Limit
from bastaix.kube.clock import ServerClock
from bastaix.kube.cluster import APPLY, JSON_PATCH, MOST_BYTES, YAML, Client, KubeCluster
from bastaix.reconcile import kinds
from bastaix.reconcile.answers import Answers
from bastaix.reconcile.cluster import NoAnswer, Refused, is_transient
from bastaix.reconcile.first_answers import FirstAnswers
from bastaix.reconcile.index import Body, Index, Name, name_of
from bastaix.reconcile.kinds import PERSISTENTVOLUMECLAIM, Kind
from bastaix.reconcile.reconciler import Reconciler
from tests.unit.reconcile.fakes import FakeCluster
from tests.unit.reconcile.stage import NAME, Stage

BY_PLURAL = {kind.plural: kind for kind in (*kinds.WATCHED, PERSISTENTVOLUMECLAIM)}

RELIST_SECONDS = 60.0
"""After so long a watch that has lost something is begun anew."""


@dataclass(frozen=True)
class Fault:
    error: Exception
    is_done: bool = False
    """The request was carried out, and its answer is what is lost."""

    def __str__(self) -> str:
        return f"{self.error}{', though it is done' if self.is_done else ''}"


FAULTS = (
    Fault(Refused(409, "Conflict", "the object has been modified")),
    Fault(Refused(410, "Expired", "too old resource version")),
    Fault(Refused(429, "TooManyRequests", "too much to do")),
    Fault(Refused(500, "InternalError", "etcdserver: leader changed")),
    Fault(Refused(503, "ServiceUnavailable", "the server is starting")),
    Fault(NoAnswer("timed out")),
    Fault(NoAnswer("Connection reset by peer")),
)
LOST_ANSWERS = (
    Fault(NoAnswer("timed out"), is_done=True),
    Fault(Refused(504, "Timeout", "request did not complete within requested timeout"), True),
    Fault(NoAnswer("Connection reset by peer"), is_done=True),
)


class Server:
    """What `Client` asks of the API server; from call `first` on so many calls fail in turn."""

    def __init__(self, truth: FakeCluster, clock: ServerClock) -> None:
        self._truth = truth
        self._clock = clock
        self.calls = 0
        self.first: int | None = None
        self.faults: list[Fault] = []
        self.statuses: list[Mapping[str, Any]] = []
        self.asked: set[str] = set()
        """The plurals of the kinds that any request was about."""

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "",
        accept: str = "",
        most: int = MOST_BYTES,
        limit: Limit = LARGE,
    ) -> Any:
        async def do() -> Any:
            return await self._answer(method, path, body, query or {}, content_type)

        return await self._perhaps(do)

    async def content(self, path: str, query: Mapping[str, str]) -> bytes:
        async def do() -> bytes:
            return (await self._truth.log({"metadata": {"name": path.split("/")[-2]}})).encode()

        found: bytes = await self._perhaps(do)
        return found

    def tell_time(self) -> None:
        """As each answer does, in whole seconds."""
        now = self._truth.clock.now.replace(microsecond=0)
        self._clock.read(format_datetime(now, usegmt=True), self._clock.elapsed())

    async def _perhaps(self, do: Callable[[], Awaitable[Any]]) -> Any:
        self.calls += 1
        self.tell_time()
        if self.first is None or self.calls < self.first or not self.faults:
            return await do()
        fault = self.faults.pop(0)
        if fault.is_done:
            await do()
        raise fault.error

    async def _answer(
        self, method: str, path: str, body: Any, query: Mapping[str, str], content_type: str
    ) -> Any:
        _, *parts = path.split("/namespaces/")
        if not parts:  # a listing of the whole kind
            return self._listed(BY_PLURAL[path.rpartition("/")[2]])
        namespace, plural, *rest = parts[0].split("/")
        self.asked.add(plural)
        if plural == "events":
            told = next((v for k, v in self._truth.told.items() if k in query["fieldSelector"]), [])
            return {"items": told, "metadata": {}}
        kind, name = BY_PLURAL[plural], (namespace, rest[0] if rest else "")
        if kind == PERSISTENTVOLUMECLAIM:
            return await self._claim(*name)
        if method == "POST":
            assert content_type == YAML
            return await self._create(kind, json.loads(body))
        if method == "PATCH" and content_type == APPLY:
            return await self._apply(kind, name, body, query, is_status=len(rest) > 1)
        found = await self._truth.read(kind, name, live=True)
        if found is None:
            raise Refused(404, "NotFound", f"{plural} {name[1]} not found")
        if method == "DELETE":
            if body["preconditions"]["uid"] != found["metadata"]["uid"]:
                raise Refused(409, "Conflict", "the UID in the precondition does not match")
            await self._truth.delete(kind, found)
        if method == "PATCH":
            assert content_type == JSON_PATCH
            await self._truth.patch(kind, found, body)
        return found if method in ("GET", "DELETE") else self._truth.body(kind, name)

    async def _claim(self, namespace: str, name: str) -> Body:
        found = await self._truth.claim(namespace, name)
        if found is None:
            raise Refused(404, "NotFound", f"claim {name} not found")
        return found

    async def _create(self, kind: Kind, body: Any) -> Body:
        if await self._truth.read(kind, name_of(body["metadata"]), live=True) is not None:
            raise Refused(409, "AlreadyExists", "it exists")
        return await self._truth.create(kind, body)

    async def _apply(
        self, kind: Kind, name: Name, body: Any, query: Mapping[str, str], *, is_status: bool
    ) -> Body:
        found = await self._truth.read(kind, name, live=True)
        for part in ("uid", "resourceVersion"):
            given = body["metadata"].get(part)
            if given is not None and (found is None or found["metadata"][part] != given):
                raise Refused(409, "Conflict", f"{part} differs")
        if is_status:
            self.statuses.append(body["status"])
            await self._truth.apply_status(kind, body)
        else:
            await self._truth.apply(kind, body, rehearsal="dryRun" in query)
        if "dryRun" in query:
            return found or {**body, "metadata": {**body["metadata"], "uid": ""}}
        return self._truth.body(kind, name)

    def _listed(self, kind: Kind) -> Any:
        return {"items": list(objects(self._truth, kind).values()), "metadata": {}}


def objects(cluster: FakeCluster, kind: Kind) -> dict[Name, Body]:
    found: dict[Name, Body] = {}
    for name in cluster._index._entries.get(kind, {}):
        found[name] = cluster.body(kind, name)
    return found


@dataclass
class Watch:
    """Tells an index what has changed; `random` loses, repeats and delays events."""

    truth: FakeCluster
    index: Index
    random: Random | None = None
    _told: dict[tuple[Kind, Name], Body] = field(default_factory=dict)
    _late: list[tuple[str, Kind, Body]] = field(default_factory=list)

    def deliver(self) -> None:
        events, self._late = self._late, []
        for event in self._news():
            mood = self.random.random() if self.random is not None else 1.0
            if mood < 0.3:
                continue  # lost
            (self._late if mood < 0.5 else events).append(event)
            events += [event] if mood < 0.6 else []
        for type, kind, body in events:
            (self.index.ended if type == "DELETED" else self.index.told)(kind, body)

    def _news(self) -> Sequence[tuple[str, Kind, Body]]:
        there = {(k, n): b for k in kinds.WATCHED for n, b in objects(self.truth, k).items()}
        version = lambda key: self._told[key]["metadata"]["resourceVersion"]  # noqa: E731
        news = [
            ("MODIFIED", kind, body)
            for (kind, name), body in there.items()
            if (kind, name) not in self._told
            or version((kind, name)) != body["metadata"]["resourceVersion"]
        ]
        gone = [("DELETED", k, self._told[k, n]) for k, n in self._told if (k, n) not in there]
        self._told = there
        return [*news, *gone]


class Operator:
    """Stands for the Reconciler on a stage: sees all through a faulty server and watch."""

    def __init__(
        self, stage: Stage, random: Random | None = None, skew: timedelta = timedelta()
    ) -> None:
        """`skew` is by how much the local clock is ahead of the API server's."""
        elapsed = lambda: stage.clock.now.timestamp()  # noqa: E731
        self._clock = ServerClock(elapsed, lambda: stage.clock.now + skew)
        self.server = Server(stage.cluster, self._clock)
        self._index = Index()
        client = cast(Client, self.server)
        self._cluster = KubeCluster(client, self._index, lambda *_: None)
        self._cluster.serving(frozenset(kinds.WATCHED))
        self._watch = Watch(stage.cluster, self._index)
        self._watch.deliver()  # the first listing
        self._watch.random = random
        self._compares = random is not None
        self.server.tell_time()
        notes, clock = stage.notes, self._clock.now
        answers = Answers(stage.probe, FirstAnswers(notes, clock), clock)
        self._reconciler = Reconciler(self._cluster, answers, notes, notes, clock, stage.image)
        self._stage = stage
        self._is_idle = False
        self._compared = stage.clock.now.timestamp()
        self.failures = 0

    async def reconcile(self, name: Name) -> float | None:
        """As the queue does it: what is transient is tried again, all else is a bug."""
        assert name == NAME
        try:
            self._watch.deliver()
            # an event that is lost wakes nobody before the comparison after a new listing does
            clock = self._stage.clock.now.timestamp
            if self._compares and (self._is_idle or clock() - self._compared > RELIST_SECONDS):
                self._compared = clock()
                for kind in kinds.WATCHED:
                    await self._cluster.names(kind, frozenset())
            after = await self._reconciler.reconcile(name)
        except (Refused, NoAnswer) as error:
            if not is_transient(error):
                raise
            self.failures += 1
            after = 1.0
        self._is_idle = after is None
        return after
