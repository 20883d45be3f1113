"""A cluster in a dictionary, and everything else that the reconciler talks to."""

import copy
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bastaix.api import names
from bastaix.api.check import Check
from bastaix.api.sizes import PACKED
from bastaix.observe.ownership import controller_ref
from bastaix.reconcile import budget
from bastaix.reconcile.cluster import Address, Answer, NoAnswer, Refused
from bastaix.reconcile.index import Body, Index, Name, name_of
from bastaix.reconcile.kinds import MODELDEPLOYMENT, RAYSERVICE, Kind
from bastaix.reconcile.omissions import without

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class FakeCluster:
    """`reconcile.cluster.Cluster`: applies as the API server does, and remembers each write."""

    clock: Clock
    has_kuberay: bool = True
    writes: list[str] = field(default_factory=list)
    refusal: Refused | NoAnswer | None = None
    """What the next apply of a RayService is answered with."""
    behind: dict[Kind, Body] = field(default_factory=dict)
    """Objects as they really are, of which the index has not heard yet."""

    has_memory: bool = True
    """The CRD has `status.rollout`; one that has not drops it."""

    lacking: frozenset[str] = frozenset()
    """Fields below `status` that the CRD lacks, by their dotted paths."""

    told: dict[str, list[Body]] = field(default_factory=dict)
    """Events, by the name of the object that they are about."""
    claims: dict[str, Body] = field(default_factory=dict)
    """PersistentVolumeClaims, by name."""
    logs: dict[str, str] = field(default_factory=dict)
    """By the name of the Pod."""
    most_unpacked: dict[Kind, int] = field(default_factory=dict)
    """Where it is another bound than the real one."""

    def __post_init__(self) -> None:
        self._index = Index()
        self._strangers: dict[tuple[Kind, Name], Body] = {}
        self._written: dict[tuple[Kind, Name], Body] = {}
        self._version = 0
        self._applied: dict[Name, Mapping[str, Any]] = {}

    def put(self, kind: Kind, body: Mapping[str, Any]) -> None:
        """As somebody else has written it."""
        self._version += 1
        new = copy.deepcopy(dict(body))
        metadata = new["metadata"]
        metadata.setdefault("uid", f"uid-of-{metadata['name']}-{self._version}")
        metadata.setdefault("creationTimestamp", self.clock.now.strftime("%Y-%m-%dT%H:%M:%SZ"))
        metadata["resourceVersion"] = str(self._version)
        self._written[kind, name_of(metadata)] = {
            "apiVersion": kind.api_version,
            "kind": kind.name,
            **new,
        }
        if not self._index.told(kind, new):
            self._strangers[kind, name_of(metadata)] = {**new, "kind": kind.name}

    def vanish(self, kind: Kind, name: Name) -> None:
        body = self._index.body(kind, name)
        assert body is not None
        self._index.ended(kind, body)

    def drop_stranger(self, kind: Kind, name: Name) -> None:
        """Somebody has deleted an object that bears none of our labels."""
        del self._strangers[kind, name]

    def body(self, kind: Kind, name: Name) -> Body:
        found = self._index.body(kind, name)
        assert found is not None, f"no {kind} {name}"
        # of what cannot be ours the index has no more than metadata
        return found if "spec" in found else copy.deepcopy(self._written[kind, name])

    async def read(self, kind: Kind, name: Name, *, live: bool = False) -> Body | None:
        if live and kind in self.behind:
            self.put(kind, self.behind.pop(kind))
        return self._index.body(kind, name) or (self._strangers.get((kind, name)) if live else None)

    async def owned(
        self,
        kind: Kind,
        owner: Name,
        controllers: Container[str] | None = None,
        revisions: Container[str] = (),
    ) -> tuple[Body, ...]:
        briefs = {
            name: brief
            for name in self._index.owned(kind, owner)
            if (brief := self._index.brief(kind, name)) is not None
        }
        if controllers is None:
            return tuple(self.body(kind, name) for name in briefs)
        ours = {n: b for n, b in briefs.items() if controller_ref(b).get("uid") in controllers}
        unpacked = budget.affordable(
            {name: self._index.weight(kind, name) for name in ours},
            budget.needed(owner, ours, revisions),
            most=self.most_unpacked.get(kind, budget.MOST_UNPACKED),
            most_objects=budget.most_objects(kind),
        )
        stubs: dict[Name, Body] = {n: {**ours[n], PACKED: ""} for n in ours.keys() - unpacked}
        whole = {name: self.body(kind, name) for name in unpacked}
        return tuple({**briefs, **whole, **stubs}.values())

    async def events(self, body: Mapping[str, Any]) -> Sequence[Body]:
        return self.told.get(body["metadata"]["name"], [])

    async def claim(self, namespace: str, name: str) -> Body | None:
        return self.claims.get(name)

    async def log(self, pod: Mapping[str, Any]) -> str:
        return self.logs.get(pod["metadata"]["name"], "")

    async def create(
        self, kind: Kind, manifest: Mapping[str, Any], *, is_new: bool = False
    ) -> Body:
        self.writes.append(f"create {kind}")
        name = name_of(manifest["metadata"])
        stranger = self._strangers.get((kind, name)) or self._index.body(kind, name)
        if stranger is not None and is_new:
            raise Refused(409, "AlreadyExists", f"{kind} {name} already exists")
        if stranger is not None:
            return stranger
        self.put(kind, manifest)
        return self.body(kind, name)

    async def apply(
        self, kind: Kind, manifest: Mapping[str, Any], *, rehearsal: bool = False
    ) -> None:
        self.writes.append(f"rehearse {kind}" if rehearsal else f"apply {kind}")
        if kind == RAYSERVICE and self.refusal is not None:
            refusal, self.refusal = self.refusal, None
            raise refusal
        if not rehearsal:
            self._demand_version(kind, manifest)
            self._merge(kind, manifest)

    async def apply_status(self, kind: Kind, manifest: Mapping[str, Any]) -> frozenset[str]:
        """What somebody else wrote of the status stays, as with server-side apply."""
        self.writes.append(f"status {kind}")
        self._demand_version(kind, manifest)
        name = name_of(manifest["metadata"])
        before = (self._index.body(kind, name) or {}).get("status") or {}
        wanted, mine = dict(manifest["status"]), self._applied.get(name, {"conditions": []})
        if not self.has_memory:
            wanted.pop("rollout", None)
        wanted = without(wanted, [tuple(path.split(".")) for path in self.lacking])
        self._applied[name] = copy.deepcopy(wanted)
        types = {each["type"] for each in (*mine["conditions"], *wanted["conditions"])}
        others = [each for each in before.get("conditions") or () if each["type"] not in types]
        kept = {key: value for key, value in before.items() if key not in mine}
        status = {**kept, **wanted, "conditions": [*wanted["conditions"], *others]}
        self._merge(kind, {**manifest, "status": status})
        return self.lacking

    async def patch(self, kind: Kind, body: Mapping[str, Any], operations: Sequence[Any]) -> None:
        self.writes.append(f"patch {kind}")
        changed = self.body(kind, name_of(body["metadata"]))
        for operation in operations:
            *parents, last = operation["path"].strip("/").split("/")
            place: Any = changed
            for parent in parents:
                place = place[int(parent) if isinstance(place, list) else parent]
            if operation["op"] == "test":
                assert place[last] == operation["value"]
            else:
                place[last] = operation["value"]
        self.put(kind, changed)

    async def delete(self, kind: Kind, body: Mapping[str, Any]) -> None:
        self.writes.append(f"delete {kind}")
        if self._strangers.pop((kind, name_of(body["metadata"])), None) is None:
            self._index.ended(kind, body)

    def serves(self, kind: Kind) -> bool:
        return self.has_kuberay or kind != RAYSERVICE

    def _demand_version(self, kind: Kind, manifest: Mapping[str, Any]) -> None:
        """Somebody was faster, if it is not the version any more that the write was decided on."""
        wanted, name = manifest["metadata"].get("resourceVersion"), name_of(manifest["metadata"])
        newer = self.behind.get(kind)
        known = self._index.body(kind, name) or self._strangers.get((kind, name))
        live = newer or known or {"metadata": {}}
        if wanted is not None and (newer or wanted != live["metadata"].get("resourceVersion")):
            raise Refused(409, "Conflict", f"{kind} {name} has been modified")

    def _merge(self, kind: Kind, manifest: Mapping[str, Any]) -> None:
        before = self._index.body(kind, name_of(manifest["metadata"])) or {"metadata": {}}
        if kind == RAYSERVICE:  # KubeRay takes it up at once
            before.setdefault("status", {"conditions": []})
        metadata = {**before["metadata"], **manifest["metadata"]}
        self.put(kind, {**before, **manifest, "metadata": metadata})


@dataclass
class FakeProbe:
    answer: Answer = field(default_factory=lambda: Answer("right", "GET answered 200"))
    asked: int = 0
    """Through the stable Service."""
    candidates: list[str] = field(default_factory=list)
    """The Services of their own through which candidates were asked."""
    checks: list[Check] = field(default_factory=list)
    behind: dict[str, Answer] = field(default_factory=dict)
    """What is answered through one Service, where that is another answer."""

    async def ask(self, check: Check, address: Address) -> Answer:
        self.checks.append(check)
        if address.port == names.STABLE_PORT:
            self.asked += 1
        else:
            self.candidates.append(address.service)
        return self.behind.get(address.service, self.answer)


@dataclass
class Notebook:
    """`Recorder` and `Tally`: keeps what it was told."""

    events: list[tuple[str, bool]] = field(default_factory=list)
    standings: dict[Name, tuple[bool, str]] = field(default_factory=dict)
    answers: list[float] = field(default_factory=list)
    starts: list[dict[str, float]] = field(default_factory=list)

    async def record(self, body: Mapping[str, Any], *, reason: str, note: str, good: bool) -> None:
        self.events.append((reason, good))

    def standing(self, name: Name, ready: bool, reason: str) -> None:
        self.standings[name] = (ready, reason)

    def gone(self, name: Name) -> None:
        self.standings.pop(name, None)

    def first_answer(self, seconds: float) -> None:
        self.answers.append(seconds)

    def startup(self, phases: Mapping[str, float]) -> None:
        self.starts.append(dict(phases))


def status_of(cluster: FakeCluster, name: Name) -> dict[str, Any]:
    status: dict[str, Any] = cluster.body(MODELDEPLOYMENT, name).get("status") or {}
    return status
