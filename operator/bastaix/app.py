"""The operator's composition root: makes its parts and connects them."""

import logging
from operator import itemgetter
from random import Random
from typing import Final

from bastaix import running
from bastaix.api import names
from bastaix.election import Election, lease_of
from bastaix.informer import Informer
from bastaix.kube.cluster import Client, KubeCluster
from bastaix.kube.events import EventWriter
from bastaix.kube.probe import HttpProbe
from bastaix.metrics import Metrics
from bastaix.reconcile.answers import Answers
from bastaix.reconcile.cluster import is_transient
from bastaix.reconcile.endings import Endings
from bastaix.reconcile.first_answers import FirstAnswers
from bastaix.reconcile.index import Index, Name
from bastaix.reconcile.kinds import WATCHED
from bastaix.reconcile.queue import Queue
from bastaix.reconcile.reconciler import Reconciler
from bastaix.settings import Settings

STUCK_SECONDS: Final = 90.0

logger = logging.getLogger(__name__)


async def run(settings: Settings) -> None:
    """The operator, until SIGTERM or SIGINT."""
    stop = running.Stop()
    stop.own_signals()
    client = await Client.login(names.FIELD_MANAGER)
    metrics, index = Metrics(), Index()
    cluster = KubeCluster(client, index, metrics.wrote)
    events = EventWriter(client, client.now)
    endings = Endings(client.now)  # the watch's: they are as good after another replica has led

    first = FirstAnswers(metrics, client.now)

    def make() -> Reconciler:
        answers = Answers(HttpProbe(Random(), settings.probe_url), first, client.now)
        return Reconciler(
            cluster,
            answers,
            events,
            metrics,
            client.now,
            settings.evaluation_image,
            endings,
            settings.reach,
        )

    lease = await lease_of(settings, client, names.FIELD_MANAGER)
    works = running.Renewable(make, lease)
    queue: Queue[Name] = Queue(
        works.reconcile,
        random=Random(),
        watcher=metrics,
        is_transient=is_transient,
        group=itemgetter(0),
        is_large=index.is_large,
    )
    informer = Informer(
        client,
        cluster,
        index,
        queue,
        metrics,
        settings.namespaces,
        stop.own_signals,
        WATCHED,
        endings.note,
    )
    metrics.watch_omitted(cluster.omitted)
    election = Election(lease, queue, informer, metrics, works.renew)
    try:
        await running.run(
            settings, queue, informer, metrics, stop, election, stuck_seconds=STUCK_SECONDS
        )
    finally:
        await election.close()
        await client.close()
        logger.info("stopped")
