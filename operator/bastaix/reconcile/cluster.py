"""What the reconciler needs of the world, as protocols. `kube` fulfils them, and so do tests."""

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from bastaix.api.check import Check
from bastaix.observe.endpoints import Endpoint
from bastaix.reconcile.index import Body, Name
from bastaix.reconcile.kinds import Kind

PERMANENT: Final = frozenset({400, 403, 404, 405, 406, 413, 415, 422})
"""Statuses by which the API server means the request itself: it answers the same one alike again.

With all others it means that somebody was faster (409), that what it had was too old (410), that
it has too much to do (429), that it or its etcd fails (5xx), or that it cannot check a token (401).
"""
_NOT_DECLARED: Final = "not declared in schema"
_NAMESPACES: Final = 'namespaces "'
"""By server-side apply in a 500 (Kubernetes 1.35), though asking again changes nothing."""


class NoAnswer(ConnectionError):
    """The API server was out of reach, too slow or cut off: a write may have been carried out."""


class NotLeading(Exception):
    """A write was not sent, because this process does not lead, or not for sure."""


class Refused(Exception):
    """The API server understood a request and did not grant it."""

    def __init__(self, status: int, reason: str, message: str, fields: Sequence[str] = ()) -> None:
        """`fields` are the paths that were found invalid, such as `status.phase`."""
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.fields = tuple(fields)
        self.during = ""
        """Verb and kind of the write that was refused; empty when it was a read."""

    @property
    def is_absence(self) -> bool:
        """There is no such object; a 404 without a reason is that of a proxy or of a kind."""
        return self.status == 404 and self.reason == "NotFound"

    @property
    def is_transient(self) -> bool:
        """The same request may be granted a moment later."""
        if _NOT_DECLARED in self.message:
            return False
        if self.status == 404:  # of a proxy; or all of it has gone with its namespace
            return not self.reason or self.message.startswith(_NAMESPACES)
        return self.status not in PERMANENT


def is_transient(error: BaseException) -> bool:
    """Whether it says nothing of what was asked for: it is retried, and no status tells of it."""
    if isinstance(error, Refused):
        return error.is_transient
    return isinstance(error, NoAnswer | NotLeading)


@contextmanager
def during(verb: str, kind: Kind) -> Iterator[None]:
    """Lets a refusal say what was refused."""
    try:
        yield
    except Refused as refusal:
        refusal.during = f"{verb} {kind}"
        raise


@dataclass(frozen=True)
class Answer:
    """What became of a check. Nothing of what the app said is in it, only whether it fits."""

    outcome: Literal["right", "wrong", "late", "unreachable"]
    """Late: it was reached, and said nothing in time."""
    message: str


@dataclass(frozen=True)
class Address:
    """Where an app is asked: at one of its Pods."""

    namespace: str
    service: str
    """The Service that they stand behind, and its port."""
    port: int
    pods: tuple[Endpoint, ...] = ()


class Cluster(Protocol):
    """The API server. A read is as fresh as the index; a `live` one asks the server itself."""

    async def read(self, kind: Kind, name: Name, *, live: bool = False) -> Body | None:
        """An object, or a stub of one that is too large; metadata alone of what is not ours."""

    async def owned(
        self,
        kind: Kind,
        owner: Name,
        controllers: Container[str],
        revisions: Container[str] = (),
    ) -> tuple[Body, ...]:
        """All that bear the label of one ModelDeployment, by name.

        Of those that one of these uids controls the whole, or a stub where that is too much, but
        never of what is named after one of these revisions; of all others the metadata alone.
        """

    async def create(
        self, kind: Kind, manifest: Mapping[str, Any], *, is_new: bool = False
    ) -> Body:
        """Create an object, or find the one that is there; it is never changed.

        With `is_new` one that is there is a Refused of status 409.
        """

    async def apply(
        self, kind: Kind, manifest: Mapping[str, Any], *, rehearsal: bool = False
    ) -> None:
        """Server-side apply; a rehearsal is refused like it and changes nothing."""

    async def apply_status(self, kind: Kind, manifest: Mapping[str, Any]) -> frozenset[str]:
        """Write a status; that the object is gone is no error.

        Gives the paths below `status` that an older CRD does not take, such as `rollout` or
        `active.image`: they were left out, and all the rest was written.
        """

    async def patch(
        self, kind: Kind, body: Mapping[str, Any], operations: Sequence[Any]
    ) -> None: ...

    async def delete(self, kind: Kind, body: Mapping[str, Any]) -> None:
        """Delete this very object; that it is gone already, or replaced, is no error."""

    async def events(self, body: Mapping[str, Any]) -> Sequence[Body]:
        """The Events about one object."""

    async def claim(self, namespace: str, name: str) -> Body | None:
        """A PersistentVolumeClaim; None: there is none."""

    async def log(self, pod: Mapping[str, Any]) -> str:
        """The last that the first container of a Pod has written."""

    def serves(self, kind: Kind) -> bool:
        """Whether the API server has this kind at all."""


class Probe(Protocol):
    async def ask(self, check: Check, address: Address) -> Answer:
        """Ask an app its check."""


class Recorder(Protocol):
    async def record(self, body: Mapping[str, Any], *, reason: str, note: str, good: bool) -> None:
        """Say on the object what has happened to it (a Kubernetes Event)."""


class Tally(Protocol):
    """What the reconciler reports to the metrics."""

    def standing(self, name: Name, ready: bool, reason: str) -> None: ...
    def gone(self, name: Name) -> None: ...
    def first_answer(self, seconds: float) -> None: ...
    def startup(self, phases: Mapping[str, float]) -> None: ...
