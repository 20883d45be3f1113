"""Everything that the source controller talks to, in dictionaries."""

import asyncio
import base64
import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bastaix.api import names
from bastaix.api.v1alpha1 import Spec
from bastaix.reconcile.cluster import Refused
from bastaix.reconcile.index import Body, Name
from bastaix.reconcile.kinds import Kind
from bastaix.source.artifact import Artifact
from bastaix.source.failure import SourceFailure

NAME: Name = ("demo", "smollm2")
CODE, OTHER_CODE = b"a normalised zip", b"another normalised zip"
START = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Killed(BaseException):
    """What no handler catches."""


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Ticks:
    """Time that passes when it is told to."""

    seconds: float = 0.0

    def clock(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def forward(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class Mortality:
    """The controller dies right after so many more writes."""

    left: int | None = None

    def count(self) -> None:
        if self.left is None:
            return
        self.left -= 1
        if self.left <= 0:
            self.left = None
            raise Killed


@dataclass
class FakeCluster:
    """`source.cluster.Cluster` with one ModelDeployment."""

    writes: list[str] = field(default_factory=list)
    looked: asyncio.Event = field(default_factory=asyncio.Event)
    written: asyncio.Event = field(default_factory=asyncio.Event)
    mortality: Mortality = field(default_factory=Mortality)
    _body: Body | None = None

    @property
    def body(self) -> Body:
        assert self._body is not None
        return self._body

    @property
    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.body["status"]
        return status

    def put(self, body: Mapping[str, Any]) -> None:
        self._body = copy.deepcopy(dict(body))

    def vanish(self) -> None:
        self._body = None

    async def read(self, kind: Kind, name: Name) -> Body | None:
        self.looked.set()
        return copy.deepcopy(self._body) if name == NAME else None

    async def apply_status(self, kind: Kind, manifest: Mapping[str, Any]) -> None:
        """As with server-side apply: what this manager leaves out now is gone."""
        self.writes.append("status")
        assert set(manifest["status"]) <= {"source", "conditions"}
        self.body["status"] = copy.deepcopy(dict(manifest["status"]))
        self.written.set()
        self.mortality.count()


@dataclass
class FakeSecrets:
    """`source.cluster.Secrets`; immutable ones do not change."""

    ticks: Ticks
    manifests: dict[Name, dict[str, Any]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    writes: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    refusal: Refused | None = None
    """What the next create is answered with."""
    forbidden: Refused | None = None
    """What it is answered with to look at a credential or an artifact."""
    unlisted: Refused | None = None
    """What it is answered with to list artifacts."""
    kept: list[dict[str, Any]] = field(default_factory=list)
    """The ControllerRevisions there are."""
    reads: list[str] = field(default_factory=list)
    """Artifacts that were read whole."""
    searches: int = 0
    """How often it was asked what is in use."""
    mortality: Mortality = field(default_factory=Mortality)
    _version: int = 0

    def put(
        self, name: str, data: Mapping[str, bytes], labels: Mapping[str, str] | None = None
    ) -> None:
        """As somebody else has written it."""
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        metadata = {"namespace": NAME[0], "name": name, "labels": dict(labels or {})}
        self._store({"metadata": metadata, "data": encoded})

    def remove(self, name: str) -> None:
        del self.manifests[NAME[0], name]

    def data_of(self, name: str) -> Mapping[str, bytes]:
        encoded = self.manifests[NAME[0], name]["data"]
        return {key: base64.b64decode(value) for key, value in encoded.items()}

    async def metadata(self, name: Name) -> Mapping[str, Any] | None:
        self.asked.append(name[1])
        self._demand_allowed()
        found = self.manifests.get(name)
        return copy.deepcopy(found["metadata"]) if found else None

    async def data(self, name: Name) -> Mapping[str, bytes] | None:
        self.asked.append(name[1])
        self._demand_allowed()
        return self.data_of(name[1]) if name in self.manifests else None

    async def secret(self, name: Name) -> Body | None:
        self.reads.append(name[1])
        self._demand_allowed()
        return copy.deepcopy(self.manifests.get(name))

    async def revisions(self, owner: Name) -> list[Body]:
        self.asked.append("revisions")
        return copy.deepcopy(self.kept)

    async def artifacts(self, owner: Name) -> list[Mapping[str, Any]]:
        if self.unlisted is not None:
            raise self.unlisted
        labelled = [each["metadata"] for each in self.manifests.values()]
        return [
            copy.deepcopy(each)
            for each in labelled
            if each["labels"].get(names.NAME_LABEL) == owner[1]
            and names.ARTIFACT_LABEL in each["labels"]
        ]

    async def in_use(self, owner: Name) -> frozenset[str]:
        self.searches += 1
        return frozenset(self.used)

    async def create(self, manifest: Mapping[str, Any]) -> str | None:
        if self.refusal is not None:
            raise self.refusal
        metadata = manifest["metadata"]
        if (metadata["namespace"], metadata["name"]) in self.manifests:
            return None
        self.writes.append("create")
        uid = self._store(manifest)
        self.mortality.count()
        return uid

    async def delete(self, metadata: Mapping[str, Any]) -> None:
        self.writes.append("delete")
        name = metadata["namespace"], metadata["name"]
        if self.manifests[name]["metadata"]["uid"] == metadata["uid"]:
            del self.manifests[name]
        self.mortality.count()

    def _demand_allowed(self) -> None:
        if self.forbidden is not None:
            raise self.forbidden

    def replace(self, name: str, **changes: Any) -> None:
        """Somebody deletes it and makes another of its name, with these fields changed."""
        manifest = self.manifests.pop((NAME[0], name))
        for field_of_server in ("uid", "resourceVersion", "creationTimestamp"):
            del manifest["metadata"][field_of_server]
        self._store({**manifest, **changes})

    def _store(self, manifest: Mapping[str, Any]) -> str:
        self._version += 1
        new = copy.deepcopy(dict(manifest))
        new["metadata"]["resourceVersion"] = str(self._version)
        new["metadata"].setdefault("uid", f"secret-{self._version}")
        new["metadata"].setdefault("creationTimestamp", self.ticks.now().isoformat())
        self.manifests[new["metadata"]["namespace"], new["metadata"]["name"]] = new
        return str(new["metadata"]["uid"])


@dataclass
class FakeCode:
    """`source.cluster.Code`: gives what it is told to, after the gate has opened."""

    artifact: bytes = CODE
    failure: Exception | None = None
    misfit: SourceFailure | None = None
    """What is said of an artifact that is held."""
    gate: asyncio.Event | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    of_commit: dict[str | None, bytes] = field(default_factory=dict)
    """What a commit gives, where it is another artifact."""
    failures: dict[str | None, SourceFailure] = field(default_factory=dict)
    """Why a commit cannot be had."""
    fetched: list[tuple[str | None, bool]] = field(default_factory=list)
    """The commits, and whether their digest was known."""
    fetches: int = 0
    rechecks: int = 0
    cancelled: bool = False
    folder: Path | None = None
    credential: Mapping[str, bytes] | None = None
    checked: Spec | None = None

    async def verified(
        self,
        spec: Spec,
        credential: Mapping[str, bytes] | None,
        folder: Path,
        name: Name,
        *,
        is_known: bool = False,
    ) -> Artifact:
        self.fetches += 1
        self.fetched.append((spec.source.commit, is_known))
        failure = self.failures.get(spec.source.commit)
        if failure is not None:
            raise failure
        self.credential = credential
        self.folder = folder
        try:
            await self._pass()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return self._made(self.of_commit.get(spec.source.commit, self.artifact))

    async def recheck(self, data: bytes, spec: Spec, name: Name) -> Artifact:
        self.rechecks += 1
        self.checked = spec
        if self.misfit is not None:
            raise self.misfit
        await self._pass()
        return self._made(data)

    async def _pass(self) -> None:
        self.begun.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure

    def _made(self, data: bytes) -> Artifact:
        return Artifact(data=data, digest=digest_of(data), files=2, notes=("a note",))


@dataclass
class Verdicts:
    """`source.cluster.Tally`: keeps what it was told."""

    reasons: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def verification(self, reason: str) -> None:
        self.reasons.append(reason)

    def first_verdict(self, seconds: float) -> None:
        self.seconds.append(seconds)
