"""From a ModelDeployment down to its Pods: what is there, and what is wrong with each. Pure.

What a thing says of itself is read as the operator reads it (`observe`), one thing at a time;
which of all that decides is said elsewhere.
"""

from collections.abc import Iterator, Sequence

from bastaix.api import conditions, names, reasons
from bastaix.api.reasons import Finding
from bastaix.observe import causes, pods, serve
from bastaix.observe.observed import condition, is_ready, revision_of
from bastaix.observe.text import shortened
from bastaix.plugin.around import Around
from bastaix.plugin.seen import Object, short
from bastaix.plugin.tree import Mark, Node
from bastaix.reconcile.kinds import JOB, POD, RAYCLUSTER, RAYSERVICE, Kind

_CLUSTER_LABEL = "ray.io/cluster"


def chain(around: Around) -> Node:
    ready = around.seen.condition(conditions.READY)
    mark: Mark = ""
    says = "the operator has not looked at it yet"
    if ready:
        says = f"Ready is {ready.get('status')}: {ready.get('reason')}"
        mark = "" if ready.get("status") == "True" else _mark(str(ready.get("reason")))
    below = tuple(_revision(around, each) for each in in_play(around))
    if not below:
        below = (Node("no revision runs" if around.seen.kept else "no revision yet"),)
    return Node(f"ModelDeployment {around.seen.name}", says, mark, below)


def in_play(around: Around) -> list[str]:
    """The active revision, the candidate, and whatever else runs or has failed."""
    seen = around.seen
    first = [seen.active.get("revision"), seen.candidate.get("revision")]
    alive = [
        revision_of(each) or labels(each).get(names.EVALUATION_LABEL)
        for kind in (RAYSERVICE, RAYCLUSTER, POD)
        for each in around.of(kind)
    ]
    failed = [each.hash for each in seen.kept if seen.has_failed(each)]
    return list(dict.fromkeys(str(each) for each in (*first, *alive, *failed) if each))


def labels(body: Object) -> Object:
    return body["metadata"].get("labels") or {}


def _revision(around: Around, hash: str) -> Node:
    seen, kept = around.seen, around.seen.of(hash)
    parts: list[str] = []
    mark: Mark = ""
    if hash == seen.active.get("revision"):
        parts.append("active")
    if hash == seen.candidate.get("revision"):
        parts.append(f"candidate, {seen.candidate.get('phase')}")
    if kept is not None:
        parts.append(f"commit {short(kept.revision.commit)}")
        if kept.record.failed:
            mark = "wrong"
            why = f"{kept.record.reason}: {shortened(kept.record.message or '')}"
            parts.append(f"{str(kept.record.outcome).lower()}, {why}")
    below = (*_rayservices(around, hash), *_evaluation(around, hash))
    return Node(f"revision {hash}", ", ".join(parts), mark, below)


def _rayservices(around: Around, hash: str) -> Iterator[Node]:
    found = [each for each in around.of(RAYSERVICE) if revision_of(each) == hash]
    clusters = tuple(_rayclusters(around, hash))
    for each in found:
        says, mark = _of_rayservice(each)
        # KubeRay labels the clusters of one like those of another, and there is one as a rule
        yield Node(_called(RAYSERVICE, each), says, mark, clusters if each is found[0] else ())
    if found:
        return
    seen = around.seen
    is_active, is_candidate = (
        hash == each.get("revision") for each in (seen.active, seen.candidate)
    )
    name = f"RayService {names.rayservice_name(seen.name, hash)}"
    if RAYSERVICE in around.unread:
        yield Node(name, "not read", "", clusters)
    elif clusters or ((is_active or is_candidate) and not seen.is_suspended):
        yield Node(name, "is not there", "wrong" if is_active else "waits", clusters)


def _rayclusters(around: Around, hash: str) -> Iterator[Node]:
    found = [each for each in around.of(RAYCLUSTER) if revision_of(each) == hash]
    left = [each for each in around.of(POD) if revision_of(each) == hash]
    known = {str(each["metadata"]["name"]) for each in found}
    for each in found:
        name = str(each["metadata"]["name"])
        is_last = each is found[-1]
        # without KubeRay's label, or of a cluster that is not seen, they are shown with the last
        here = [pod for pod in left if _belongs(pod, name, known, is_last=is_last)]
        says, mark = _of_raycluster(each)
        yield Node(_called(RAYCLUSTER, each), says, mark, _pods(around, here))
    if not found:
        yield from _pods(around, left)


def _belongs(pod: Object, cluster: str, known: set[str], *, is_last: bool) -> bool:
    of = labels(pod).get(_CLUSTER_LABEL)
    return of == cluster if of in known else is_last


def _evaluation(around: Around, hash: str) -> Iterator[Node]:
    for job in around.of(JOB):
        if labels(job).get(names.EVALUATION_LABEL) != hash:
            continue
        here = [e for e in around.of(POD) if labels(e).get(names.EVALUATION_LABEL) == hash]
        failed = condition(job, "Failed")
        mark: Mark = ""
        says = "the evaluation, going on"
        if failed.get("status") == "True":
            said = shortened(str(failed.get("message") or failed.get("reason") or ""))
            says, mark = f"the evaluation, has failed: {said}".rstrip(": "), "wrong"
        elif condition(job, "Complete").get("status") == "True":
            says = "the evaluation, complete"
        yield Node(_called(JOB, job), says, mark, _pods(around, here))


def _of_rayservice(rayservice: Object) -> tuple[str, Mark]:
    ready, app = condition(rayservice, "Ready"), serve.app(rayservice)
    if "deletionTimestamp" in rayservice["metadata"]:
        return "is being removed", ""
    if ready.get("reason") == "ValidationFailed":
        message = shortened(str(ready.get("message") or "no reason given"))
        return _told(Finding(reasons.RAYSERVICE_REFUSED, message))
    if app is None or not app.status:
        return "KubeRay has not handed the app to Ray yet", "waits"
    state = f"app {app.status}"
    if app.status == serve.RUNNING:
        return state, ""
    if app.status == serve.DEPLOY_FAILED:
        return _told(causes.cause(app.said(), serve.import_path(rayservice)), state)
    if app.status == serve.UNHEALTHY:
        return _told(Finding(reasons.HEALTH_CHECK_FAILING, app.complaint()), state)
    unplaced = app.unplaced()
    if unplaced:
        return _told(Finding(reasons.SCHEDULING, unplaced), state)
    return f"{state}, {app.progress()}", "waits"


def _of_raycluster(cluster: Object) -> tuple[str, Mark]:
    if "deletionTimestamp" in cluster["metadata"]:
        return "is being removed", ""
    failure = condition(cluster, "ReplicaFailure")
    if failure.get("status") == "True":
        return _told(pods.refused(str(failure.get("message") or failure.get("reason"))))
    return str((cluster.get("status") or {}).get("state") or ""), ""


def _pods(around: Around, found: Sequence[Object]) -> tuple[Node, ...]:
    def name(pod: Object) -> str:
        return str(pod["metadata"]["name"])

    return tuple(Node(_called(POD, each), *_of_pod(each)) for each in sorted(found, key=name))


def _of_pod(pod: Object) -> tuple[str, Mark]:
    status = pod.get("status") or {}
    role = labels(pod).get(names.RAY_NODE_TYPE_LABEL)
    start = f"{role}, " if role else ""
    if "deletionTimestamp" in pod["metadata"]:
        return f"{start}is being removed", ""
    again = _restarts(status)
    finding = pods.hindrance(pod)
    if finding is not None:
        # it begins with the name, for those who see it alone
        said = finding.message.removeprefix(f"{start.strip(', ')} {_called(POD, pod)}".strip())
        return f"{start}{finding.reason}: {said.lstrip(',: ')}{again}", _mark(finding.reason.name)
    if status.get("phase") == "Succeeded":
        return f"{start}Succeeded", ""
    if is_ready(pod):
        return f"{start}ready{again}", ""
    return f"{start}{status.get('phase', 'Pending')}, not ready{again}", "waits"


def _restarts(status: Object) -> str:
    """How often its containers have started again, and how the last one of them had ended."""
    containers = status.get("containerStatuses") or ()
    count = sum(each.get("restartCount") or 0 for each in containers)
    if not count:
        return ""
    ends = [(each.get("lastState") or {}).get("terminated") or {} for each in containers]
    end: Object = max(ends, key=lambda each: str(each.get("finishedAt") or ""))
    said = f": {end['reason']} ({end.get('exitCode')})" if end.get("reason") else ""
    return f", {count} restart{'s' if count > 1 else ''}{said}"


def _told(finding: Finding, state: str = "") -> tuple[str, Mark]:
    said = f"{finding.reason.name}: {finding.message}"
    return f"{state}, {said}" if state else said, _mark(finding.reason.name)


def _mark(reason: str) -> Mark:
    """Of a newer operator there may be reasons that are not known here."""
    known = reasons.BY_NAME.get(reason)
    if known is None or known.severity != "info":
        return "wrong"
    return "" if known.is_wanted else "waits"


def _called(kind: Kind, body: Object) -> str:
    return f"{kind.name} {body['metadata']['name']}"
