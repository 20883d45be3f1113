"""Keeps the watch on what there is to watch: finds KubeRay when it comes, and notes its going.

kopf learns the kinds of a cluster when it is started, so it is started anew when the kinds
change or when it gives up. The index outlives it; what was missed in between is found by
comparing names, as is what a watch can miss at any time.
"""

import asyncio
import logging
from collections.abc import Callable, Container, Sequence
from typing import Final

from bastaix.api import names
from bastaix.kube.cluster import TOO_LARGE, Client, KubeCluster
from bastaix.kube.discovery import forbidden, served
from bastaix.metrics import QueueMetrics
from bastaix.reconcile.cluster import NoAnswer, Refused
from bastaix.reconcile.index import Index, Name
from bastaix.reconcile.kinds import OPTIONAL, RAY, Kind
from bastaix.reconcile.queue import Queue
from bastaix.watch import Note, watch

POLL_SECONDS: Final = 10.0
MISSING_POLL_SECONDS: Final = 3.0
RETRY_SECONDS: Final = 5.0
RELISTED_SECONDS: Final = 1.0
"""Watches that break together are compared together."""
LISTING_SECONDS: Final = 30.0
LISTING_LOOKS: Final = 300

UNREACHABLE: Final = (Refused, NoAnswer)

logger = logging.getLogger(__name__)


class Informer:
    def __init__(
        self,
        client: Client,
        cluster: KubeCluster,
        index: Index,
        queue: Queue[Name],
        metrics: QueueMetrics,
        namespaces: frozenset[str],
        own_signals: Callable[[], None],
        wanted: Sequence[Kind],
        note: Note = lambda kind, body: None,
        wake: Callable[[Name], None] | None = None,
    ) -> None:
        """`wake` is called for what the watch brings; without one all of it goes to the queue."""
        self._client = client
        self._cluster = cluster
        self._index = index
        self._queue = queue
        self._metrics = metrics
        self._namespaces = namespaces
        self._own_signals = own_signals
        self._wanted = wanted
        self._note = note
        self._wake = wake or queue.add
        self._kinds: frozenset[Kind] | None = None
        self._trouble = ""
        """Why what was tried last did not work, while nothing has worked."""
        self._relisted: set[str] = set()
        """Plurals of the kinds that were listed since they were compared."""
        self._some_relisted = asyncio.Event()
        self.informed = asyncio.Event()
        """Everything has been seen once."""

    def complaints(self) -> Sequence[str]:
        """Why this process is not ready."""
        if self._kinds is None:
            return [self._trouble or "the API server has not answered yet"]
        found = [_lack(kind) for kind in sorted(self._missing(self._kinds))]
        if not self.informed.is_set():
            found.append(self._trouble or "the first listing is under way")
        return found

    def notes(self) -> Sequence[str]:
        """What is to be known of a process that is ready."""
        return self._cluster.notes()

    def look_at_all(self) -> None:
        """Let every ModelDeployment have a look."""
        for name in self._index.names():
            self._queue.add(name)

    async def run(self) -> None:
        """Watch for ever: other kinds when those of the cluster change."""
        while True:
            try:
                await self._watch(await served(self._client, self._wanted))
            except UNREACHABLE as error:
                self._trouble = f"the API server cannot be asked: {error!r}"
                logger.warning("%s", self._trouble)
                self._metrics.failed(error)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception as error:
                self._trouble = f"the watch failed: {error!r}"
                logger.exception("the watch failed; it is started again")
                self._metrics.failed(error)
                await asyncio.sleep(RETRY_SECONDS)

    async def resync(self, every: float) -> None:
        """Compare the names of all objects, and look at every ModelDeployment, so often.

        Half of the time is waited and half is spread over, so none is looked at less often.
        """
        while True:
            await asyncio.sleep(every / 2)
            try:
                for name in await self._compare():
                    self._queue.add(name)
            except UNREACHABLE as error:
                logger.warning("the names of all objects could not be compared: %r", error)
                self._metrics.failed(error)
            except Exception as error:
                logger.exception("the names of all objects could not be compared")
                self._metrics.failed(error)
            self._queue.spread(self._index.names(), every / 2)

    async def _watch(self, there: frozenset[Kind]) -> None:
        """Watch these kinds, but those that may not be, for as long as they are what there is."""
        kinds = there - await forbidden(self._client, there & OPTIONAL, self._namespaces)
        for kind in there - kinds:
            logger.warning("forbidden: list %s.%s; it goes on without", kind.plural, kind.group)
        self._kinds = kinds
        self._cluster.serving(kinds)
        for lack in self.complaints():
            logger.warning("%s", lack)
        watching = asyncio.create_task(
            watch(
                kinds,
                self._namespaces,
                self._index,
                self._wake,
                self._note,
                self._listed,
                self._own_signals,
            ),
            name="watch",
        )
        looking = asyncio.create_task(self._until_changed(there, kinds), name="discovery")
        comparing = asyncio.create_task(self._compare_listed(), name="compare")
        tasks = {watching, looking, comparing}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def _missing(self, kinds: frozenset[Kind]) -> set[Kind]:
        return set(self._wanted) - OPTIONAL - kinds

    async def _until_changed(self, there: frozenset[Kind], kinds: frozenset[Kind]) -> None:
        """See everything once, then look every now and then whether kinds came or went."""
        await self._compare()
        self._trouble = ""
        # kopf is listing the same; what it does not bring in time is read when it is needed
        for _ in range(LISTING_LOOKS):
            if not self._index.doubtful():
                break
            await asyncio.sleep(LISTING_SECONDS / LISTING_LOOKS)
        self.look_at_all()
        self.informed.set()
        logger.info("watching %s", ", ".join(kind.plural for kind in sorted(kinds)))
        now = there
        while now == there:
            # the kinds of KubeRay come one by one, and somebody waits for them
            await asyncio.sleep(MISSING_POLL_SECONDS if self._missing(kinds) else POLL_SECONDS)
            try:
                now = await served(self._client, self._wanted)
            except UNREACHABLE as error:
                logger.warning("the API server does not say which kinds it has: %r", error)

    def _listed(self, plural: str) -> None:
        """A watch was broken for too long, and begins again with a list of what there is."""
        self._relisted.add(plural)
        self._some_relisted.set()

    async def _compare_listed(self) -> None:
        """After a watch has begun again, find what vanished meanwhile: no event tells of it."""
        await self.informed.wait()
        while True:
            await self._some_relisted.wait()
            await asyncio.sleep(RELISTED_SECONDS)
            self._some_relisted.clear()
            relisted, self._relisted = self._relisted, set()
            try:
                for name in await self._compare(relisted):
                    self._queue.add(name)
            except UNREACHABLE as error:
                logger.warning("the names of objects could not be compared: %s", error)
                for plural in relisted:
                    self._listed(plural)
                await asyncio.sleep(RETRY_SECONDS)

    async def _compare(self, plurals: Container[str] | None = None) -> set[Name]:
        """The ModelDeployments of which something was missed.

        A kind whose names are too much to be read keeps no other from being compared.
        """
        owners: set[Name] = set()
        for kind in sorted(self._kinds or ()):
            if plurals is not None and kind.plural not in plurals:
                continue
            try:
                owners |= await self._cluster.names(kind, self._namespaces)
            except Refused as refused:
                if refused.status != TOO_LARGE:
                    raise
                logger.warning("the names of %s could not be compared: %s", kind.plural, refused)
                self._metrics.failed(refused)
        return owners


def _lack(kind: Kind) -> str:
    whole = f"the API server has no kind {kind.name} in {kind.api_version}"
    if kind in RAY:
        return f"{whole}: install KubeRay; it is noticed within {POLL_SECONDS:.0f} s"
    if kind.group == names.GROUP:
        return f"{whole}: apply the chart's CRD; it is noticed within {POLL_SECONDS:.0f} s"
    return whole
