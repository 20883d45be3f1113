"""Volumes that a node cannot mount: no status tells of them, only the Pod's Events. Pure.

So the Events of a Pod are wanted while it is on a node and nothing has started in it; which ones
count, and what they mean, is decided here. Reading them is the reconciler's.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from bastaix.api import reasons
from bastaix.api.reasons import Finding
from bastaix.observe import pods
from bastaix.observe.observed import Object, Observed, condition, moment
from bastaix.observe.text import shortened

_FAILED: Final = frozenset({"FailedMount", "FailedAttachVolume", "FailedMapVolume"})
LONGEST_MESSAGE: Final = 1024
"""Characters; Kubernetes' own are shorter, and core/v1 sets no limit."""
_TIMES: Final = ("lastTimestamp", "eventTime")
_TEXTS: Final = ("reason", "message")
_ABSENT: Final = re.compile(
    r'(secret|configmap|persistentvolumeclaim) "[^"]*" not found|references non-existent \w+ key'
)
_OF_A_NEW_NAMESPACE: Final = 'configmap "kube-root-ca.crt" not found'
"""Kubernetes puts it into each namespace, a moment after the namespace is made."""
LATE_SECONDS: Final = 30.0
"""For so long what is not said to be absent may be a node that is slow."""
FIRST_SECONDS: Final = 2.0
SELDOM: Final = 0.25
"""Of the time that a Pod has waited goes by until its Events are wanted again."""
LONGEST_SECONDS: Final = 60.0
MOST_PODS: Final = 4
"""Of those of one role that wait: they wait for the same."""


def waited(pod: Object, at: datetime) -> float | None:
    """Seconds for which a Pod on a node has had nothing started in it; None: it is no such Pod."""
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") != "True" or not pods.is_being_prepared(pod):
        return None
    since = moment(scheduled.get("lastTransitionTime"))
    return None if since is None else max(0.0, (at - since).total_seconds())


def wanted(observed: Observed, at: datetime) -> Iterator[tuple[Object, float]]:
    """The Pods whose Events are wanted, or soon will be, and for how long each has waited."""
    seen: Counter[str] = Counter()
    for pod in observed.pods:
        since = None if "deletionTimestamp" in pod["metadata"] else waited(pod, at)
        if since is None:
            continue
        seen[role := pods.called(pod).partition(" ")[0]] += 1
        if seen[role] <= MOST_PODS:
            yield pod, since


def every(waited: float) -> float:
    """Seconds until the Events of a Pod are wanted again that has waited for so long."""
    return min(LONGEST_SECONDS, max(FIRST_SECONDS, waited * SELDOM))


def complaint(events: Iterable[Object], waited: float) -> str | None:
    """What the newest of a Pod's Events says is not mounted; None: it is on with other things."""
    newest = max(events, key=last_seen, default=None)
    if newest is None or newest.get("reason") not in _FAILED:
        return None
    said = str(newest.get("message") or newest["reason"])[:LONGEST_MESSAGE]
    is_absent = _ABSENT.search(said) and _OF_A_NEW_NAMESPACE not in said
    return said if is_absent or waited >= LATE_SECONDS else None


def finding(pod: Object, complaint: str) -> Finding:
    message = shortened(f"{pods.called(pod)}: {complaint}")
    return Finding(reasons.VOLUME_MISSING, message, f"Pod/{pod['metadata']['name']}")


def cut(event: Object) -> dict[str, Any]:
    """What of an Event is looked at: who may write one makes it as large as any object."""
    found = {key: event[key] for key in _TIMES if isinstance(event.get(key), str)}
    texts = {key: str(event[key])[:LONGEST_MESSAGE] for key in _TEXTS if key in event}
    series = event.get("series")
    return {**found, **texts, **({"series": series} if isinstance(series, Mapping) else {})}


def last_seen(event: Object) -> str:
    """When an Event happened last, in the API server's form."""
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return str(next((each for each in times if each), ""))
