"""What both controllers have in common as processes: begin, work, end in the right order."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Sequence
from typing import Final

from bastaix import web
from bastaix.informer import Informer
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


async def run(
    settings: Common,
    queue: Queue[Name],
    informer: Informer,
    metrics: QueueMetrics,
    stop: Stop,
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
        return [*informer.complaints(), *unready()]

    metrics.watch_depth(lambda: queue.depth)
    server = await web.serve(settings, metrics.page, health, readiness, informer.notes)
    try:
        await work(queue, informer, settings.workers, stop)
    finally:
        await server.cleanup()


async def work(queue: Queue[Name], informer: Informer, workers: int, stop: Stop) -> None:
    """All parts until one of them ends; then nothing new is begun and what runs is finished."""
    informing = asyncio.create_task(informer.run(), name="informer")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    resyncing = asyncio.create_task(informer.resync(RESYNC_SECONDS), name="resync")
    working = asyncio.create_task(_queue(queue, informer, workers), name="queue")
    tasks = {informing, stopping, resyncing, working}
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
    for task in ended:
        task.result()


async def _queue(queue: Queue[Name], informer: Informer, workers: int) -> None:
    """Nothing is decided before everything has been seen."""
    await informer.informed.wait()
    await queue.run(workers)
