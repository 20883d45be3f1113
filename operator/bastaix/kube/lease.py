"""Which of several replicas works: the one that holds a Lease (coordination.k8s.io/v1).

As in client-go, a Lease of somebody else has expired when it was not seen to change for as long as
it says, by the clock of whoever looks: no two clocks are compared. Unlike there, a holder that
cannot renew it does not exit. It writes nothing until it can, and begins anew, without what it
remembers, if somebody else has had the Lease meanwhile: that is another term, and what was begun in
the one before writes nothing any more.

The holder writes for HELD_SECONDS after a renewal was sent and gives a request no more than
IN_FLIGHT_SECONDS beyond that; nobody else takes the Lease before LEASE_SECONDS are over. A process
that was stopped for longer finds out before its next write.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bastaix.api import names
from bastaix.kube.cluster import IN_FLIGHT_SECONDS, Client
from bastaix.reconcile.cluster import NoAnswer, Refused
from bastaix.reconcile.index import Body, Name
from bastaix.reconcile.kinds import Kind

LEASE: Final = Kind("coordination.k8s.io", "v1", "leases", "Lease")
LEASE_SECONDS: Final = 12
HELD_SECONDS: Final = 8.0
RENEW_SECONDS: Final = 2.0
RELEASED_SECONDS: Final = 1
CONFLICT: Final = 409
LONGEST_SECONDS: Final = 60.0
"""No Lease is waited for longer, whatever it says."""
assert HELD_SECONDS + IN_FLIGHT_SECONDS < LEASE_SECONDS

Term = tuple[str, int]
"""When the Lease came to this holder, and how often it had changed hands: another one each time."""

_TERM: ContextVar[Term | None] = ContextVar("term", default=None)
"""Of what the running task works on, and the tasks that it makes."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seen:
    """A Lease of somebody else, and since when it has not changed."""

    version: str
    at: float
    holder: str
    seconds: float


class Lease:
    def __init__(
        self,
        client: Client,
        name: Name,
        holder: str,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """`client` is for this alone, so that no other request delays a renewal."""
        self._client = client
        self._name = name
        self._holder = holder
        self._elapsed = elapsed
        self._body: Body | None = None
        """As we wrote it last."""
        self._seen: Seen | None = None
        self._held_until = float("-inf")
        self._term: Term | None = None
        """When it was ours last."""
        self._begun: Term | None = None
        self._trouble = ""

    @property
    def leads(self) -> bool:
        return self.seconds_left() > 0

    def seconds_left(self) -> float:
        """For which this process leads; it does not when it is not positive."""
        return self._held_until - self._elapsed()

    def enter_term(self) -> None:
        """What this task does from now on is begun in the present term."""
        _TERM.set(self._term)

    def seconds_left_of_term(self) -> float:
        """For which this task may send writes; none when its term is over."""
        entered = _TERM.get()
        is_over = entered is not None and entered != self._term
        return float("-inf") if is_over else self.seconds_left()

    def complaints(self) -> list[str]:
        """Why nobody can know who leads."""
        return [self._trouble] if self._trouble else []

    def notes(self) -> list[str]:
        namespace, name = self._name
        if self.leads:
            return [f"leader: {self._holder} holds Lease {namespace}/{name}"]
        holder = self._seen.holder if self._seen is not None else ""
        return [f"standby: Lease {namespace}/{name} is held by {holder or 'nobody yet'}"]

    async def run(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        """Hold it whenever nobody else does; `begin` and `end` are called as that changes."""
        while True:
            try:
                async with asyncio.timeout(RENEW_SECONDS * 2):
                    await self._attempt()
                self._trouble = ""
            except (Refused, NoAnswer, TimeoutError) as error:
                self._note(error)
            self._turn(begin, end)
            await asyncio.sleep(RENEW_SECONDS)

    async def release(self) -> None:
        """Let the next one take it at once; call it when nothing is written any more."""
        if self._body is None or not self.leads:
            return
        self._held_until = float("-inf")
        try:
            async with asyncio.timeout(RENEW_SECONDS):
                await self._write("", self._body, seconds=RELEASED_SECONDS)
        except (Refused, NoAnswer, TimeoutError) as error:
            logger.warning("the Lease was not released, it expires: %s", error)

    async def close(self) -> None:
        await self._client.close()

    def _turn(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        current = self._term if self.leads else None
        if self._begun not in (None, current):
            logger.warning("standing by: the Lease %s/%s could not be renewed", *self._name)
            self._begun = None
            end()
        if current is not None and self._begun is None:
            logger.info("leading: %s holds the Lease %s/%s", self._holder, *self._name)
            self._begun = current
            begin()

    async def _attempt(self) -> None:
        """Renew it if it is ours, take it if it is nobody's."""
        if self._body is not None and await self._renew(self._body):
            return
        found = await self._read()
        if found is None:
            await self._create()
        elif self._is_free(found):
            await self._write(self._holder, found)

    async def _renew(self, body: Body) -> bool:
        """False: somebody has written it since, or deleted it."""
        try:
            await self._write(self._holder, body)
        except Refused as refused:
            if refused.status == CONFLICT or not refused.is_transient:
                self._body = None  # with another one it may be granted
            if not (refused.is_absence or refused.status == CONFLICT):
                raise
            return False
        return True

    async def _read(self) -> Body | None:
        try:
            return _demand_lease(await self._client.request("GET", LEASE.path(*self._name)))
        except Refused as refused:
            if not refused.is_absence:
                raise
            return None

    def _is_free(self, found: Body) -> bool:
        spec = found.get("spec") or {}
        holder, version = spec.get("holderIdentity") or "", found["metadata"]["resourceVersion"]
        if self._seen is None or self._seen.version != version:
            seconds = min(float(spec.get("leaseDurationSeconds") or LEASE_SECONDS), LONGEST_SECONDS)
            self._seen = Seen(version, self._elapsed(), holder, seconds)
        if holder in ("", self._holder):
            return True
        self._held_until = float("-inf")
        return self._elapsed() - self._seen.at > self._seen.seconds

    async def _create(self) -> None:
        namespace, name = self._name
        manifest = {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.name,
            "metadata": {
                "namespace": namespace,
                "name": name,
                "labels": {names.MANAGED_BY_LABEL: names.MANAGED_BY},
            },
        }
        await self._send("POST", LEASE.path(namespace), manifest, self._holder, {})

    async def _write(self, holder: str, found: Body, *, seconds: int = LEASE_SECONDS) -> None:
        """Only over the version that was found: of two who try one succeeds."""
        path = LEASE.path(*self._name)
        await self._send("PUT", path, found, holder, found.get("spec") or {}, seconds=seconds)

    async def _send(
        self,
        method: str,
        path: str,
        manifest: Mapping[str, Any],
        holder: str,
        before: Mapping[str, Any],
        *,
        seconds: int = LEASE_SECONDS,
    ) -> None:
        sent, now = self._elapsed(), _micro(self._client.now())
        is_same = before.get("holderIdentity") == holder
        spec = {
            "holderIdentity": holder,
            "leaseDurationSeconds": seconds,
            "renewTime": now,
            "acquireTime": before.get("acquireTime", now) if is_same else now,
            "leaseTransitions": int(before.get("leaseTransitions") or 0) + (not is_same),
        }
        answer = await self._client.request(method, path, {**manifest, "spec": spec})
        self._body = None
        self._body = _demand_lease(answer)
        self._held_until = sent + HELD_SECONDS if holder else float("-inf")
        self._term = str(spec["acquireTime"]), int(spec["leaseTransitions"])

    def _note(self, error: Exception) -> None:
        said = f"the Lease {'/'.join(self._name)} cannot be renewed: {error}"
        is_denied = isinstance(error, Refused) and not error.is_transient
        if is_denied and said != self._trouble:
            logger.warning("%s; let the Role of this process get, create and update it", said)
        self._trouble = said if is_denied else ""


def _demand_lease(answer: Body) -> Body:
    """A proxy may answer with something else; then it is not known what the API server did."""
    if "resourceVersion" not in (answer.get("metadata") or {}):
        raise NoAnswer("the answer is no Lease")
    return answer


def _micro(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
