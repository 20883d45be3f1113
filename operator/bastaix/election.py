"""Whether this replica works or stands by, and what follows from it for its parts.

A replica that stands by watches and is ready like the one that works, so it takes over without
listing anything first.
"""

import logging
import socket
from asyncio import Event
from collections.abc import Callable, Sequence
from uuid import uuid4

from bastaix.informer import Informer
from bastaix.kube.cluster import Client
from bastaix.kube.lease import Lease
from bastaix.metrics import QueueMetrics
from bastaix.reconcile.index import Name
from bastaix.reconcile.queue import Queue
from bastaix.settings import Common

logger = logging.getLogger(__name__)


class Election:
    """Over a Lease; without one this process always leads."""

    def __init__(
        self,
        lease: Lease | None,
        queue: Queue[Name],
        informer: Informer,
        metrics: QueueMetrics,
        renew: Callable[[], None],
    ) -> None:
        """`renew` lets what works forget; nothing is worked on before the first `run`."""
        self._lease = lease
        self._queue = queue
        self._informer = informer
        self._metrics = metrics
        self._renew = renew
        if lease is not None:
            queue.pause()

    @property
    def leads(self) -> bool:
        return self._lease is None or self._lease.leads

    def complaints(self) -> Sequence[str]:
        return () if self._lease is None else self._lease.complaints()

    def notes(self) -> Sequence[str]:
        return () if self._lease is None else self._lease.notes()

    async def run(self) -> None:
        if self._lease is None:
            logger.info("no Lease is named: this process works, and no other may beside it")
            await Event().wait()
        else:
            await self._lease.run(self._begin, self._end)

    async def release(self) -> None:
        """Call it when nothing is being worked on any more."""
        if self._lease is not None:
            await self._lease.release()

    async def close(self) -> None:
        if self._lease is not None:
            await self._lease.close()

    def _begin(self) -> None:
        self._renew()
        self._informer.look_at_all()
        self._queue.resume()

    def _end(self) -> None:
        self._queue.pause()
        self._metrics.stand_down()


async def lease_of(settings: Common, client: Client, agent: str) -> Lease | None:
    """The Lease of the settings, by which writes of this client are fenced; None: there is none."""
    if settings.lease is None:
        return None
    holder = settings.holder or f"{socket.gethostname()}_{uuid4()}"
    lease = Lease(await Client.login(agent), settings.lease, holder)
    client.fence(lease.seconds_left_of_term)
    return lease
