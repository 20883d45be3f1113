"""The controllers' own metrics: what they are called, and who feeds them.

Each process exposes what both have and its own. docs/metrics.md explains them to those who
watch them.
"""

import logging
from collections import Counter as TallyCounter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily

from bastaix.api import reasons
from bastaix.reconcile.index import Name

CONTENT_TYPE = CONTENT_TYPE_LATEST


class LoggedErrors(logging.Handler):
    """Counts errors that the log tells of: a bug that is survived shows nowhere else."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(logging.ERROR)
        self._counts: TallyCounter[str] = TallyCounter()
        registry.register(self)

    def emit(self, record: logging.LogRecord) -> None:
        # no counter of prometheus_client (0.26): its lock cannot be taken twice, and what is logged
        # while garbage is collected, as of a lost task, comes while it is held
        self._counts[record.name] += 1

    def collect(self) -> Iterator[CounterMetricFamily]:
        """What the registry asks for."""
        text = "Errors in the log, by the logger that wrote them."
        family = CounterMetricFamily("bastaix_logged_errors", text, labels=["logger"])
        for name, count in sorted(self._counts.copy().items()):
            family.add_metric([name], count)
        yield family


class QueueMetrics:
    """`reconcile.queue.Watcher` and the counter of writes: of either controller."""

    def __init__(self) -> None:
        # else each series comes twice, the second time with its birth, which nobody reads
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._seconds = Histogram(
            "bastaix_reconcile_seconds",
            "Time that one reconciliation took.",
            registry=self._registry,
            buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60),
        )
        self._wait = Histogram(
            "bastaix_queue_wait_seconds",
            "Time that a ModelDeployment waited for a free worker.",
            registry=self._registry,
            buckets=(0.005, 0.05, 0.25, 1, 2.5, 5, 15, 30, 60, 300),
        )
        self._depth = Gauge(
            "bastaix_queue_depth",
            "ModelDeployments that wait for a free worker.",
            registry=self._registry,
        )
        self._leader = Gauge(
            "bastaix_leader",
            "Whether this replica is the one that works.",
            registry=self._registry,
        )
        self._omitted = Gauge(
            "bastaix_status_fields_omitted",
            "Fields of the status that the CRD, being older than this process, does not have.",
            registry=self._registry,
        )
        self._errors = Counter(
            "bastaix_reconcile_errors",
            "Reconciliations that failed, by the type of the error.",
            ["type"],
            registry=self._registry,
        )
        self._writes = Counter(
            "bastaix_writes",
            "Writes to the API server.",
            ["kind", "verb"],
            registry=self._registry,
        )
        self.logged = LoggedErrors(self._registry)
        ProcessCollector(registry=self._registry)

    def watch_depth(self, depth: Callable[[], float]) -> None:
        self._depth.set_function(depth)

    def watch_leading(self, leads: Callable[[], bool]) -> None:
        self._leader.set_function(lambda: float(leads()))

    def watch_omitted(self, omitted: Callable[[], float]) -> None:
        self._omitted.set_function(omitted)

    def stand_down(self) -> None:
        """Say nothing of ModelDeployments any more: another replica does."""

    def started(self, waited: float) -> None:
        self._wait.observe(waited)

    def finished(self, took: float, error: BaseException | None) -> None:
        self._seconds.observe(took)
        if error is not None:
            self._errors.labels(type(error).__name__).inc()

    def failed(self, error: BaseException) -> None:
        """An error outside of any reconciliation, such as a watch that ended."""
        self._errors.labels(type(error).__name__).inc()

    def wrote(self, kind: str, verb: str) -> None:
        self._writes.labels(kind, verb).inc()

    def page(self) -> bytes:
        return generate_latest(self._registry)


class Metrics(QueueMetrics):
    """The operator's: `reconcile.cluster.Tally` too."""

    def __init__(self) -> None:
        super().__init__()
        self._standings = Gauge(
            "bastaix_modeldeployments",
            "ModelDeployments by readiness and its reason.",
            ["ready", "reason"],
            registry=self._registry,
        )
        self._answer = Histogram(
            "bastaix_first_answer_seconds",
            "Time from the first apply of a revision to its first right answer.",
            registry=self._registry,
            buckets=(10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1800, 3600),
        )
        self._startup = Histogram(
            "bastaix_startup_seconds",
            "Time that each phase of a start took, told when the revision has answered.",
            ["phase"],
            registry=self._registry,
            buckets=(0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600),
        )
        self._unknown = Counter(
            "bastaix_unknown_causes_total",
            "Times that something broke and no more was known of the cause than this reason.",
            ["reason"],
            registry=self._registry,
        )
        self._last: dict[Name, tuple[str, str]] = {}
        self._counts: TallyCounter[tuple[str, str]] = TallyCounter()

    def standing(self, name: Name, ready: bool, reason: str) -> None:
        now = (str(ready).lower(), reason)
        if self._last.get(name) == now:
            return
        # what is seen first has been counted by whoever saw it happen
        if name in self._last and not reasons.BY_NAME[reason].is_known:
            self._unknown.labels(reason).inc()
        self.gone(name)
        self._last[name] = now
        self._counts[now] += 1
        self._standings.labels(*now).inc()

    def gone(self, name: Name) -> None:
        before = self._last.pop(name, None)
        if before is None:
            return
        self._standings.labels(*before).dec()
        self._counts[before] -= 1
        if not self._counts[before]:
            self._standings.remove(*before)

    def stand_down(self) -> None:
        for name in list(self._last):
            self.gone(name)

    def first_answer(self, seconds: float) -> None:
        self._answer.observe(seconds)

    def startup(self, phases: Mapping[str, float]) -> None:
        for phase, seconds in phases.items():
            self._startup.labels(phase).observe(seconds)


class SourceMetrics(QueueMetrics):
    """The source controller's: `source.cluster.Tally` too."""

    def __init__(self) -> None:
        super().__init__()
        self._verifications = Counter(
            "bastaix_source_verifications",
            "Sources that were verified or refused, by the reason in the status.",
            ["reason"],
            registry=self._registry,
        )
        self._verdict = Histogram(
            "bastaix_source_seconds",
            "Time from the first look at a new source to what is said of it.",
            registry=self._registry,
            buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300),
        )
        self._fetched = Counter(
            "bastaix_source_fetched_bytes",
            "Bytes of the archives that were fetched.",
            registry=self._registry,
        )

    def verification(self, reason: str) -> None:
        self._verifications.labels(reason).inc()

    def first_verdict(self, seconds: float) -> None:
        self._verdict.observe(seconds)

    def fetched(self, count: int) -> None:
        self._fetched.inc(count)
