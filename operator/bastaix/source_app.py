"""The source controller's composition root: makes its parts and connects them."""

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
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
from bastaix.source import pipeline
from bastaix.source.artifact import Artifact
from bastaix.source.cluster import Credential
from bastaix.source.controller import Controller
from bastaix.source.policy import Policy
from bastaix.source.retries import Retries
from bastaix.source.sandbox import Sandbox
from bastaix.source.turns import Turns

BEYOND_FETCHING: Final = 60.0
"""Seconds for all but the fetching: unpacking, checking, and the API server."""
TURN_SECONDS: Final = 30.0
"""More for each worker, since two archives at most are opened at once."""

OF_NAMESPACE: Final = 2
"""Sources of one namespace that are fetched at once."""
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

    def make() -> Controller:
        return Controller(
            cluster,
            secrets,
            code,
            metrics,
            Retries(time.monotonic, Random()),
            Turns(at_once=settings.workers, of_namespace=OF_NAMESPACE),
            work=work,
            keep_seconds=settings.keep_seconds,
            now=client.now,
            clock=time.monotonic,
        )

    works = running.Renewable(make)
    deadline = settings.policy.seconds + BEYOND_FETCHING + crew.workers * TURN_SECONDS
    queue: Queue[Name] = Queue(
        works.reconcile,
        random=Random(),
        watcher=metrics,
        deadline=deadline,
        is_transient=is_transient,
    )
    namespaces, wanted = settings.namespaces, (MODELDEPLOYMENT,)
    informer = Informer(
        client, cluster, index, queue, metrics, namespaces, stop.own_signals, wanted
    )
    metrics.watch_omitted(cluster.omitted)
    lease = await lease_of(settings, client, names.SOURCE_FIELD_MANAGER)
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

    async def verified(self, spec: Spec, credential: Credential | None, folder: Path) -> Artifact:
        return await pipeline.verified(
            spec, credential, self._policy, folder, self._sandbox, arrived=self._arrived
        )

    async def recheck(self, data: bytes, spec: Spec) -> Artifact:
        path = pipeline.selection(spec.source).path
        return await self._sandbox.recheck(data, pipeline.checks(spec), path=path)


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
