"""The source controller's composition root: makes its parts and connects them."""

import asyncio
import logging
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from random import Random
from typing import Final

from bastaix import running
from bastaix.api import names
from bastaix.api.v1alpha1 import Spec
from bastaix.election import Election, lease_of
from bastaix.informer import Informer
from bastaix.kube.cluster import Client, KubeCluster
from bastaix.kube.secrets import KubeSecrets
from bastaix.metrics import SourceMetrics
from bastaix.reconcile.cluster import is_transient
from bastaix.reconcile.index import Index, Name
from bastaix.reconcile.kinds import MODELDEPLOYMENT
from bastaix.reconcile.queue import Queue
from bastaix.settings import BadSetting, SourceSettings
from bastaix.source import objects, pipeline
from bastaix.source.artifact import Artifact
from bastaix.source.cluster import Credential
from bastaix.source.controller import Controller
from bastaix.source.mishaps import interrupted
from bastaix.source.news import News
from bastaix.source.policy import Policy
from bastaix.source.retries import Retries
from bastaix.source.sandbox import Sandbox
from bastaix.source.transport import Trust
from bastaix.source.turns import Turns

BEYOND_FETCHING: Final = 60.0
"""Seconds for all but the fetching: unpacking, checking, and the API server."""
TURN_SECONDS: Final = 30.0
"""More for each worker, since three archives at most are opened at once."""

OF_NAMESPACE: Final = 2
"""Sources of one namespace that are fetched or checked at once."""
OPENED_AT_ONCE: Final = 3
"""Archives, of one namespace one: two namespaces with a slow data set leave a place free."""
OBJECTS_AT_ONCE: Final = 2
"""Of s3:// and gs://: the client takes some 60 MiB, which the chart's limit has room for."""
SPARE: Final = 2
"""Workers that are left for looks, however many sources are being fetched."""
BEYOND_DEADLINE: Final = 30.0
WORKSHOP: Final = "bastaix-source-"

logger = logging.getLogger(__name__)


async def run(settings: SourceSettings) -> None:
    """The source controller, until SIGTERM or SIGINT."""
    stop = running.Stop()
    stop.own_signals()
    with _workshop(settings.work) as work:
        client = await Client.login(names.SOURCE_FIELD_MANAGER)
        try:
            await _run(settings, client, work, stop)
        finally:
            await client.close()
    logger.info("stopped")


async def _run(settings: SourceSettings, client: Client, work: Path, stop: running.Stop) -> None:
    metrics, index = SourceMetrics(), Index()
    crew = replace(settings, workers=settings.workers + SPARE)
    sandbox = Sandbox(settings.unpacker)
    cluster = KubeCluster(client, index, metrics.wrote, names.SOURCE_FIELD_MANAGER)
    code = Pipeline(settings.policy, sandbox, metrics.fetched)
    secrets = KubeSecrets(client, metrics.wrote)

    def wake(name: Name) -> None:
        queue.add(name)

    def make() -> Controller:
        return Controller(
            cluster,
            secrets,
            code,
            metrics,
            Retries(time.monotonic, Random()),
            Turns(at_once=settings.workers, of_namespace=OF_NAMESPACE, clock=time.monotonic),
            wake,
            work=work,
            keep_seconds=settings.keep_seconds,
            now=client.now,
            clock=time.monotonic,
        )

    lease = await lease_of(settings, client, names.SOURCE_FIELD_MANAGER)
    works = running.Renewable(make, lease)
    # an object may have to wait for as long as another one takes
    deadline = 2 * settings.policy.seconds + BEYOND_FETCHING + crew.workers * TURN_SECONDS
    queue: Queue[Name] = Queue(
        works.reconcile,
        random=Random(),
        watcher=metrics,
        deadline=deadline,
        is_transient=is_transient,
        group=itemgetter(0),
    )
    news = News(lambda name: index.body(MODELDEPLOYMENT, name))

    def look(name: Name) -> None:
        if news.is_new(name):
            wake(name)

    namespaces, wanted = settings.namespaces, (MODELDEPLOYMENT,)
    informer = Informer(
        client, cluster, index, queue, metrics, namespaces, stop.own_signals, wanted, wake=look
    )
    metrics.watch_omitted(cluster.omitted)
    election = Election(lease, queue, informer, metrics, works.renew)
    # each worker may fetch for so long; only what lasts longer is a standstill
    patience = deadline + BEYOND_DEADLINE
    try:
        await running.run(
            crew,
            queue,
            informer,
            metrics,
            stop,
            election,
            stuck_seconds=patience,
            unready=sandbox.complaints,
        )
    finally:
        await election.close()


class Pipeline:
    """`source.cluster.Code` for real."""

    def __init__(self, policy: Policy, sandbox: Sandbox, arrived: Callable[[int], None]) -> None:
        """`arrived` is called with the size of each archive in bytes."""
        self._policy = policy
        self._sandbox = sandbox
        self._arrived = arrived
        self._trust = Trust(policy.ca_file)
        clock = time.monotonic
        self._opening = Turns(at_once=OPENED_AT_ONCE, of_namespace=1, clock=clock)
        self._objects = Turns(at_once=OBJECTS_AT_ONCE, of_namespace=1, clock=clock)

    async def verified(
        self,
        spec: Spec,
        credential: Credential | None,
        folder: Path,
        name: Name,
        *,
        is_known: bool = False,
    ) -> Artifact:
        archive = spec.source.archive
        is_object = archive is not None and objects.are_meant(archive.url)
        return await pipeline.verified(
            spec,
            credential,
            self._policy,
            folder,
            self._sandbox,
            arrived=self._arrived,
            trust=self._trust,
            fetching=self._object_turn(name) if is_object else nullcontext(),
            opening=self._opening.turn(name),
            is_known=is_known,
        )

    async def recheck(self, data: bytes, spec: Spec, name: Name) -> Artifact:
        path = pipeline.selection(spec.source).path
        async with self._opening.turn(name):
            return await self._sandbox.recheck(data, pipeline.checks(spec), path=path)

    @asynccontextmanager
    async def _object_turn(self, name: Name) -> AsyncIterator[None]:
        seconds, begun = self._policy.seconds, False
        try:
            async with asyncio.timeout(seconds) as waiting, self._objects.turn(name):
                begun = True
                waiting.reschedule(None)
                yield
        except TimeoutError as error:
            if begun:
                raise
            raise interrupted(f"others were fetched for {seconds:.0f} s") from error


@contextmanager
def _workshop(folder: Path | None) -> Iterator[Path]:
    """A folder for what is being fetched, without what a process that was killed has left.

    Only a folder that was named is known to be nobody else's.
    """
    if folder is not None:
        if not os.access(folder, os.W_OK | os.X_OK):
            raise BadSetting(f"source work must be a folder that can be written to, not {folder}")
        for left in folder.glob(f"{WORKSHOP}*"):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(
        prefix=WORKSHOP, dir=folder, ignore_cleanup_errors=True
    ) as made:
        yield Path(made)
