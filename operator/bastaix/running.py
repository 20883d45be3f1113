"""What both controllers have in common as processes: begin, work, end in the right order."""

import asyncio
import contextlib
import logging
import resource
import signal
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from bastaix import web
from bastaix.election import Election
from bastaix.informer import Informer
from bastaix.kube.lease import Lease
from bastaix.metrics import QueueMetrics
from bastaix.reconcile.index import Name
from bastaix.reconcile.queue import Queue
from bastaix.settings import Common

DRAIN_SECONDS: Final = 20.0
RESYNC_SECONDS: Final = 600.0

logger = logging.getLogger(__name__)


class Stop:
    """SIGTERM and SIGINT, which kopf takes away each time it is started."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def own_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._event.set)

    def now(self) -> None:
        self._event.set()

    async def wait(self) -> None:
        await self._event.wait()


class Works(Protocol):
    async def reconcile(self, name: Name) -> float | None: ...


class Renewable:
    """What remembers while it works, and begins without a memory each time this process leads.

    What another replica did meanwhile is found in the cluster, and never in a memory of before.
    What is still at work then is of another term of the Lease, and writes nothing more.
    """

    def __init__(self, make: Callable[[], Works], lease: Lease | None) -> None:
        """It is made when it is first needed: by then the time is known."""
        self._make = make
        self._lease = lease
        self._works: Works | None = None

    def renew(self) -> None:
        self._works = None

    async def reconcile(self, name: Name) -> float | None:
        if self._lease is not None:
            self._lease.enter_term()
        if self._works is None:
            self._works = self._make()
        return await self._works.reconcile(name)


async def run(
    settings: Common,
    queue: Queue[Name],
    informer: Informer,
    metrics: QueueMetrics,
    stop: Stop,
    election: Election,
    *,
    stuck_seconds: float,
    unready: web.Complaints = tuple,
) -> None:
    """Serve the pages and work until told to stop; `stuck_seconds` of standstill are ill health.

    `unready` says what this controller lacks besides what every one needs.
    """

    def health() -> Sequence[str]:
        stuck = queue.stuck()
        return [f"the queue has stood still for {stuck:.0f} s"] if stuck > stuck_seconds else []

    def readiness() -> Sequence[str]:
        return [*informer.complaints(), *election.complaints(), *unready()]

    def notes() -> Sequence[str]:
        return [*election.notes(), *informer.notes()]

    raise_file_limit()
    metrics.watch_depth(lambda: queue.depth)
    metrics.watch_leading(lambda: election.leads)
    async with contextlib.AsyncExitStack() as stack:
        logging.getLogger().addHandler(metrics.logged)
        stack.callback(logging.getLogger().removeHandler, metrics.logged)
        server = await web.serve(settings, metrics.page, health, readiness, notes)
        stack.push_async_callback(server.cleanup)
        await work(queue, informer, settings.workers, stop, election)


def raise_file_limit() -> None:
    """To as many open files as this process may have; 1024 are what it often begins with."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # some kernels, as that of macOS, take less than what they call the hard limit
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def work(
    queue: Queue[Name], informer: Informer, workers: int, stop: Stop, election: Election
) -> None:
    """All parts until one of them ends; then nothing new is begun and what runs is finished."""
    electing = asyncio.create_task(election.run(), name="election")
    informing = asyncio.create_task(informer.run(), name="informer")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    resyncing = asyncio.create_task(informer.resync(RESYNC_SECONDS), name="resync")
    working = asyncio.create_task(_queue(queue, informer, workers), name="queue")
    tasks = {electing, informing, stopping, resyncing, working}
    ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    logger.info("stopping: what runs is brought to its end")
    queue.close()
    if not informer.informed.is_set():
        working.cancel()  # it has not begun
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.wait({working}), DRAIN_SECONDS)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await election.release()
    for task in ended:
        task.result()


async def _queue(queue: Queue[Name], informer: Informer, workers: int) -> None:
    """Nothing is decided before everything has been seen."""
    await informer.informed.wait()
    await queue.run(workers)
