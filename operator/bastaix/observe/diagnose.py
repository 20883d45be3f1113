"""Where a revision stands: the first of these checks that finds something decides.

The list at the end is the documentation; its order is the order in which things happen, so
what is found first is what everything after it waits for.
"""

import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from bastaix.api import names, reasons
from bastaix.api.reasons import Finding
from bastaix.observe import binding, causes, ends, logs, mounting, pods, resources, serve
from bastaix.observe.observed import Object, Observed, Via, condition, creation, is_ready, moment
from bastaix.observe.text import shortened

UNHEEDED_SECONDS: Final = 30.0
"""KubeRay answers within one: for so long it may be restarted."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _View:
    observed: Observed
    revision: str
    via: Via

    @property
    def rayservice(self) -> Object:
        return self.observed.rayservice_of(self.revision) or {}

    @property
    def app(self) -> serve.App | None:
        return serve.app(self.rayservice)

    def of_rayservice(self, finding: Finding) -> Finding:
        return replace(finding, object=f"RayService/{self.rayservice['metadata']['name']}")


_Check = Callable[[_View], Finding | None]


def diagnose(observed: Observed, revision: str, via: Via = "stable") -> Finding:
    """The reason that says what is going on or wrong, and one line of evidence.

    `via` is as whom it must have answered: as the active one, or as a candidate.
    """
    view = _View(observed, revision, via)
    return next(_found(view), _AWAITING)


def findings(observed: Observed, revision: str, via: Via = "stable") -> tuple[Finding, ...]:
    """What decides, and after it what else is wrong: its consequence, or the next trouble."""
    view = _View(observed, revision, via)
    found = list(_found(view)) or [_AWAITING]
    others = (each for each in found[1:] if each.reason.heals != "itself")
    return tuple(dict.fromkeys((found[0], *others)))


def _found(view: _View) -> Iterator[Finding]:
    for check in _CHECKS:
        finding = _finding(check, view)
        if finding is not None:
            yield finding


def _finding(check: _Check, view: _View) -> Finding | None:
    """A check that fails finds nothing: what it read may be a tenant's, and neither a rollback nor
    a deadline waits for it. Those after it say less, and decide all the same."""
    try:
        return check(view)
    except Exception as error:
        # without its message, which may hold what an app has written
        trace = "".join(traceback.format_tb(error.__traceback__))
        kind, name = type(error).__name__, check.__name__
        logger.error("the check %s of a diagnosis failed with %s:\n%s", name, kind, trace)
        return _finding(_serve_gave_up, view) if check is _serve_failed else None


def _suspended(view: _View) -> Finding | None:
    if not (view.observed.md_body.get("spec") or {}).get("suspend"):
        return None
    seen = view.observed
    gone = not (seen.rayservices or seen.rayclusters or seen.pods or seen.leftovers)
    message = "no Pods run" if gone else "the Pods are being removed"
    return Finding(reasons.SUSPENDED, f"spec.suspend is true: {message}")


def _kuberay_absent(view: _View) -> Finding | None:
    if view.observed.kuberay == "present":
        return None
    kind = f"{names.RAY_API_VERSION} RayService"
    return Finding(reasons.KUBERAY_ABSENT, f"the cluster has no kind {kind}")


def _not_created(view: _View) -> Finding | None:
    if view.rayservice:
        return None
    return Finding(reasons.STARTING_RAY, "the RayService is about to be created")


def unheeded_for(observed: Observed, revision: str) -> float | None:
    """Seconds for which KubeRay has said nothing of the RayService; None: it has."""
    rayservice = observed.rayservice_of(revision)
    if rayservice is None or rayservice.get("status") or observed.at is None:
        return None
    created = moment(creation(rayservice))
    return None if created is None else (observed.at - created).total_seconds()


def _not_reconciled(view: _View) -> Finding | None:
    waited = unheeded_for(view.observed, view.revision)
    if waited is None or waited < UNHEEDED_SECONDS:
        return None
    name = view.rayservice["metadata"]["name"]
    message = f"KubeRay has said nothing of RayService {name} for {waited:.0f} s"
    return view.of_rayservice(Finding(reasons.KUBERAY_NOT_RECONCILING, message))


def _refused(view: _View) -> Finding | None:
    ready = condition(view.rayservice, "Ready")
    if ready.get("reason") != "ValidationFailed":
        return None
    message = shortened(ready.get("message") or "no reason given")
    return view.of_rayservice(Finding(reasons.RAYSERVICE_REFUSED, message))


def _answered(view: _View) -> Finding | None:
    """A scale-up may be under way: what has answered goes on answering."""
    if not view.observed.answered(view.revision, view.via):
        return None
    if view.app is not None and view.app.status in (serve.DEPLOY_FAILED, serve.UNHEALTHY):
        return None
    led = ", and the stable Service leads to it" if view.via == "stable" else ""
    return Finding(reasons.READY, f"the app answered the check{led}")


def _start_refused(view: _View) -> Finding | None:
    """While there is nothing else to tell of: no head, or no worker and no word of Serve."""
    heads, workers = (view.observed.pods_of(view.revision, role) for role in ("head", "worker"))
    return None if heads and (workers or view.app is not None) else _pod_refused(view)


def _pod_refused(view: _View) -> Finding | None:
    """One without which it cannot be ready."""
    cluster = view.observed.raycluster_of(view.revision)
    failure = condition(cluster or {}, "ReplicaFailure")
    if cluster is None or failure.get("status") != "True":
        return None
    runs = view.app is not None and view.app.status == serve.RUNNING
    if runs and view.observed.has_replicas(view.revision):
        return None
    found = pods.refused(str(failure.get("message") or failure["reason"]))
    return replace(found, object=f"RayCluster/{cluster['metadata']['name']}")


def _head_hindered(view: _View) -> Finding | None:
    """Without a head there is no Ray; what keeps the workers from running is known all the same."""
    heads = view.observed.pods_of(view.revision, "head")
    if any(is_ready(head) for head in heads):
        return None
    wrong = _wrong(view, "head", heads)
    if view.app is None:
        wrong = wrong or _wrong(view, "worker", _idle_workers(view))
    if wrong is not None:
        return wrong
    if view.app is not None:
        # Serve has run in this cluster, so it had a head before, and its workers end with it
        called = f"head Pod {heads[0]['metadata']['name']}" if heads else "another head Pod"
        return Finding(reasons.HEAD_LOST, f"the head was lost; waiting for {called}")
    if not heads:
        return Finding(reasons.STARTING_RAY, "waiting for KubeRay to create the head Pod")
    message = f"waiting for head Pod {heads[0]['metadata']['name']} to become ready"
    return _underway(view, heads) or Finding(reasons.STARTING_RAY, message)


def _idle_workers(view: _View) -> list[Object]:
    """None while one runs: what waits for a place then holds up a scale-up, not the start."""
    workers = view.observed.pods_of(view.revision, "worker")
    is_up = any((worker.get("status") or {}).get("phase") == "Running" for worker in workers)
    return [] if is_up else workers


def _wrong(view: _View, role: str, party: list[Object]) -> Finding | None:
    """With a Pod that is there, or by what those before it ended."""
    ended = _ended(view, role)
    if ended is not None and ended.reason == reasons.CRASH_LOOPING:
        return ended
    found = (each for pod in party if (each := _hindrance(view, pod)))
    return next((each for each in found if each.reason.heals != "itself"), ended)


def _ended(view: _View, role: str) -> Finding | None:
    """By what the Pods before those that are there did, since this start."""
    since = moment(creation(view.rayservice)) if view.rayservice else None
    return ends.last(view.observed.ends, view.revision, role, view.observed.at, since)


def _underway(view: _View, party: list[Object]) -> Finding | None:
    return next((each for pod in party if (each := _hindrance(view, pod))), None)


def _hindrance(view: _View, pod: Object) -> Finding | None:
    uid = pod["metadata"].get("uid", "")
    unmounted, unbound = view.observed.unmounted.get(uid), view.observed.unbound.get(uid)
    if unmounted is not None:
        return mounting.finding(pod, unmounted)
    return pods.hindrance(pod) if unbound is None else binding.finding(pod, unbound)


def _serve_failed(view: _View) -> Finding | None:
    if view.app is None or view.app.status != serve.DEPLOY_FAILED:
        return None
    told = view.of_rayservice(causes.cause(view.app.said(), serve.import_path(view.rayservice)))
    if not logs.is_unexplained(told):
        return told
    ended = _ended(view, "worker")
    if ended is not None and ended.reason.is_known:
        return ended
    return logs.explained(told, view.observed, view.revision)


def _serve_gave_up(view: _View) -> Finding | None:
    """For whatever reason: that is known by its status alone."""
    if view.app is None or view.app.status != serve.DEPLOY_FAILED:
        return None
    message = "Ray Serve gave the app up; what it says of that cannot be read"
    return view.of_rayservice(Finding(reasons.SERVE_FAILED, message))


def _worker_lost(view: _View) -> Finding | None:
    """Whatever Serve makes of it: it knows its replicas, and not why they are gone."""
    workers = view.observed.pods_of(view.revision, "worker")
    if any(map(is_ready, workers)):
        return None
    # one that runs and is not ready may well go the way of those before it
    return _wrong(view, "worker", _idle_workers(view))


def _serve_unhealthy(view: _View) -> Finding | None:
    if view.app is None or view.app.status != serve.UNHEALTHY:
        return None
    return view.of_rayservice(Finding(reasons.HEALTH_CHECK_FAILING, view.app.complaint()))


def _worker_awaited(view: _View) -> Finding | None:
    workers = view.observed.pods_of(view.revision, "worker")
    idle = _idle_workers(view)
    if workers and not idle:
        return None
    message = "waiting for KubeRay to create a worker Pod"
    if idle:
        message = f"waiting for worker Pod {idle[0]['metadata']['name']} to start"
    return _underway(view, idle) or Finding(reasons.STARTING_RAY, message)


def _app_unknown(view: _View) -> Finding | None:
    if view.app is not None and view.app.status:
        return None
    return Finding(reasons.STARTING_RAY, "Ray runs; waiting for KubeRay to hand it the app")


def _replica_too_large(view: _View) -> Finding | None:
    """For any Pod that there may ever be: by amounts, as most ask for 0.0 of something."""
    if view.app is None or view.app.status == serve.RUNNING:
        return None
    cluster = view.observed.raycluster_of(view.revision) or {}
    for name, demand in view.app.demands():
        excess = resources.excess(demand, cluster)
        if excess is not None:
            message = shortened(f"{name}: a replica asks for {excess}; in all for {demand.text}")
            return view.of_rayservice(Finding(reasons.RAY_RESOURCES_UNAVAILABLE, message))
    return None


def _replica_unplaced(view: _View) -> Finding | None:
    if view.app is None or view.app.status == serve.RUNNING:
        return None
    unplaced = view.app.unplaced()
    if unplaced is None:
        return None
    return view.of_rayservice(Finding(reasons.SCHEDULING, unplaced))


def _loading(view: _View) -> Finding | None:
    if view.app is None or view.app.status == serve.RUNNING:
        return None
    return Finding(reasons.LOADING_MODEL, view.app.progress())


def _no_replica(view: _View) -> Finding | None:
    if view.observed.has_replicas(view.revision):
        return None
    message = "the app runs; waiting for one of its workers to become ready"
    return Finding(reasons.AWAITING_ANSWER, message)


def _check_failed(view: _View) -> Finding | None:
    check = view.observed.check_of(view.revision, view.via)
    if check is None or check.ok:
        return None
    return Finding(check.reason, shortened(check.message))


_AWAITING: Final = Finding(
    reasons.AWAITING_ANSWER, "the app runs; waiting for its answer to the check"
)

_CHECKS: Final[tuple[_Check, ...]] = (
    _suspended,
    _kuberay_absent,
    _not_created,
    _answered,
    _not_reconciled,
    _refused,
    _start_refused,
    _head_hindered,
    _serve_failed,
    _worker_lost,
    _serve_unhealthy,
    _replica_too_large,
    _pod_refused,
    _worker_awaited,
    _app_unknown,
    _replica_unplaced,
    _loading,
    _no_replica,
    _check_failed,
)
