"""The composition root: makes the parts, connects them, and ends them in the right order."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from typing import Final

from bastaix import web
from bastaix.informer import Informer
from bastaix.kube.cluster import Client, KubeCluster
from bastaix.kube.events import EventWriter
from bastaix.kube.probe import HttpProbe
from bastaix.metrics import Metrics
from bastaix.reconcile.answers import Answers
from bastaix.reconcile.index import Index, Name
from bastaix.reconcile.queue import Queue
from bastaix.reconcile.reconciler import Reconciler
from bastaix.settings import Settings

STUCK_SECONDS: Final = 90.0
DRAIN_SECONDS: Final = 20.0
RESYNC_SECONDS: Final = 600.0

logger = logging.getLogger(__name__)


async def run(settings: Settings) -> None:
    """The operator, until SIGTERM or SIGINT."""
    stop = _Stop()
    stop.own_signals()
    client = await Client.login()
    metrics, index = Metrics(), Index()
    cluster = KubeCluster(client, index, metrics.wrote)
    answers = Answers(HttpProbe(settings.probe_url), metrics, _now)
    reconciler = Reconciler(cluster, answers, EventWriter(client), metrics, _now)
    queue: Queue[Name] = Queue(reconciler.reconcile, random=Random(), watcher=metrics)
    metrics.watch_depth(lambda: queue.depth)
    informer = Informer(
        client, cluster, index, queue, metrics, settings.namespaces, stop.own_signals
    )

    def health() -> Sequence[str]:
        stuck = queue.stuck()
        return [f"the queue has stood still for {stuck:.0f} s"] if stuck > STUCK_SECONDS else []

    server = await web.serve(settings, metrics.page, health, informer.complaints)
    try:
        await _work(queue, informer, settings, stop)
    finally:
        await server.cleanup()
        await client.close()
        logger.info("stopped")


async def _work(queue: Queue[Name], informer: Informer, settings: Settings, stop: "_Stop") -> None:
    """All parts until one of them ends; then nothing new is begun and what runs is finished."""
    informing = asyncio.create_task(informer.run(), name="informer")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    resyncing = asyncio.create_task(informer.resync(RESYNC_SECONDS), name="resync")
    working = asyncio.create_task(_queue(queue, informer, settings.workers), name="queue")
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


class _Stop:
    """SIGTERM and SIGINT, which kopf takes away each time it is started."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def own_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._event.set)

    async def wait(self) -> None:
        await self._event.wait()


def _now() -> datetime:
    return datetime.now(UTC)
