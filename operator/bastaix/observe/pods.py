"""What keeps one Pod from running, from its own status.

No container of ours is started again: KubeRay replaces the Pod. So how often one has ended is not
known here, but in `ends`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from bastaix.api import names, reasons
from bastaix.api.reasons import Finding, Reason
from bastaix.observe.observed import Object, condition, moment
from bastaix.observe.text import last_line, shortened

_UNAVAILABLE: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"}
)
_BROKEN: Final = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
)
_PREPARED: Final = frozenset({None, "ContainerCreating", "PodInitializing"})
_OF_VOLUMES: Final = re.compile(
    r"persistentvolumeclaim|PersistentVolumeClaims|volume node affinity|bind", re.ASCII
)
# In the words of Kubernetes 1.35's plugin VolumeBinding. That a claim is not bound yet it says of
# none that does not exist.
_NO_CLAIM: Final = re.compile(r'persistentvolumeclaim "')
_UNBOUND: Final = re.compile(
    r"unbound immediate PersistentVolumeClaims|available persistent volumes to bind"
)
_OF_PREEMPTION: Final = re.compile(r"\. not found\.?$")
"""What it adds when no Pod could be preempted, after a sentence of another plugin's."""
_OF_A_NEW_NAMESPACE: Final = 'serviceaccount "default" not found'
"""Kubernetes puts it into each namespace, a moment after the namespace is made."""
# KubeRay puts the reason before the message, on a line of its own
_PREFIX: Final = re.compile(r"^FailedCreate(Head|Worker)Pod\s*")
_OF_CONFIG: Final = re.compile(r"(secret|configmap) \S+ not found|couldn't find key", re.ASCII)


def is_being_prepared(pod: Object) -> bool:
    """Nothing has run in it yet, and nothing is said against it: its node pulls or mounts."""
    if (pod.get("status") or {}).get("phase", "Pending") != "Pending":
        return False
    states = list(_containers(pod))
    return not any(_started(each) for each in states) and all(
        _waiting(each).get("reason") in _PREPARED for each in states
    )


def is_of_volumes(pod: Object) -> bool:
    """It waits for a claim, and not for room."""
    found = _unscheduled(pod)
    return found is not None and found.reason in (reasons.BINDING_VOLUME, reasons.VOLUME_MISSING)


def hindrance(pod: Object) -> Finding | None:
    """The first of the checks that finds something, in the order of a Pod's life."""
    return _of(pod, _CHECKS)


def end(pod: Object) -> Finding | None:
    """By what it has ended; None: it has not, or well."""
    return _of(pod, (_other_artifact, _killed, _ended))


def broken(pod: Object) -> Iterator[datetime]:
    """When each of its containers that has ended, and not well, did."""
    ended = (end for each in _containers(pod) if (end := _terminated(each)).get("exitCode"))
    yield from (at for end in ended if (at := moment(end.get("finishedAt"))) is not None)


def _of(pod: Object, checks: Iterable[Callable[[Object], Finding | None]]) -> Finding | None:
    found = next((finding for check in checks if (finding := check(pod))), None)
    return None if found is None else replace(found, object=f"Pod/{pod['metadata']['name']}")


def refused(message: str) -> Finding:
    """Why Kubernetes does not let a Pod be made."""
    message = _PREFIX.sub("", message)
    reason = reasons.POD_REFUSED
    if _OF_A_NEW_NAMESPACE in message:
        reason = reasons.STARTING_RAY
    elif "exceeded quota" in message:
        reason = reasons.QUOTA_EXCEEDED
    elif any(sign in message for sign in ("admission webhook", "PodSecurity", "forbidden")):
        reason = reasons.ADMISSION_DENIED
    return Finding(reason, shortened(message))


def _unscheduled(pod: Object) -> Finding | None:
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") != "False":
        return None
    message = scheduled.get("message") or "no node has been found yet"
    reason = reasons.SCHEDULING
    if scheduled.get("reason") == "Unschedulable":
        reason, message = _unplaced(message), _OF_PREEMPTION.sub("", message)
    return Finding(reason, shortened(f"{called(pod)}: {message}"))


def _unplaced(message: str) -> Reason:
    if not _OF_VOLUMES.search(message) or "Insufficient " in message:
        return reasons.UNSCHEDULABLE
    is_unbound = _UNBOUND.search(message) and not _NO_CLAIM.search(message)
    return reasons.BINDING_VOLUME if is_unbound else reasons.VOLUME_MISSING


def _image_unavailable(pod: Object) -> Finding | None:
    for container in _containers(pod):
        waiting = _waiting(container)
        if waiting.get("reason") in _UNAVAILABLE:
            said = waiting.get("message") or waiting["reason"]
            message = f"{called(pod)} cannot get image {container.get('image')}: {said}"
            return Finding(reasons.IMAGE_PULL_FAILED, shortened(message))
    return None


def _other_artifact(pod: Object) -> Finding | None:
    """By the exit code of our own init container; the Pod ends with it, before Ray is started."""
    for container in (pod.get("status") or {}).get("initContainerStatuses") or ():
        end = _terminated(container)
        is_ours = container.get("name") == names.SOURCE_CHECK_CONTAINER
        if is_ours and end.get("exitCode") == names.MISMATCH_EXIT_CODE:
            said = last_line(end.get("message") or "") or "the artifact is another one"
            return Finding(reasons.ARTIFACT_MISMATCH, shortened(f"{called(pod)}: {said}"))
    return None


def _killed(pod: Object) -> Finding | None:
    for container in _containers(pod):
        if _terminated(container).get("reason") == "OOMKilled":
            message = f"{called(pod)}, container {container['name']}, was killed for its memory"
            return Finding(reasons.OUT_OF_MEMORY, message)
    return None


def _broken(pod: Object) -> Finding | None:
    for container in _containers(pod):
        waiting = _waiting(container)
        said = waiting.get("message") or waiting.get("reason") or ""
        message = shortened(f"{called(pod)}, container {container['name']}: {said}")
        if waiting.get("reason") in _BROKEN:
            is_config = _OF_CONFIG.search(said)
            return Finding(reasons.CONFIG_MISSING if is_config else reasons.POD_FAILED, message)
    return None


def _ended(pod: Object) -> Finding | None:
    """All of it, or a container of its own accord: KubeRay takes that for the end of the Pod."""
    status = pod.get("status") or {}
    failed = [each for each in _containers(pod) if _terminated(each).get("exitCode")]
    # what tells why comes before what ended beside it
    container = max(failed, key=lambda each: "message" in _terminated(each), default=None)
    if container is None and status.get("phase") != "Failed":
        return None
    known = {"Evicted": reasons.EVICTED, "NodeLost": reasons.NODE_LOST}
    reason = known.get(status.get("reason") or "", reasons.POD_FAILED)
    if container is None or reason != reasons.POD_FAILED:
        said = status.get("message") or status.get("reason") or "failed"
        return Finding(reason, shortened(f"{called(pod)} ended: {said}"))
    end = _terminated(container)
    said = last_line(end.get("message") or "") or status.get("message") or end.get("reason") or ""
    what = f"container {container['name']}, ended with exit code {end['exitCode']}"
    return Finding(reason, shortened(f"{called(pod)}, {what}: {said}".removesuffix(": ")))


def _pulling(pod: Object) -> Finding | None:
    if not is_being_prepared(pod):
        return None
    images = {container["image"] for container in pod["spec"]["containers"]}
    message = f"{called(pod)}: its node pulls {', '.join(sorted(images))} or mounts its volumes"
    return Finding(reasons.PULLING_IMAGE, shortened(message))


_CHECKS: Final[tuple[Callable[[Object], Finding | None], ...]] = (
    _unscheduled,
    _image_unavailable,
    _other_artifact,
    _killed,
    _broken,
    _ended,
    _pulling,
)


def called(pod: Object) -> str:
    role = pod["metadata"]["labels"].get(names.RAY_NODE_TYPE_LABEL)
    return f"{role} Pod {pod['metadata']['name']}" if role else f"Pod {pod['metadata']['name']}"


def _containers(pod: Object) -> Iterator[dict[str, Any]]:
    status = pod.get("status") or {}
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _waiting(container: Object) -> dict[str, Any]:
    return (container.get("state") or {}).get("waiting") or {}


def _terminated(container: Object) -> dict[str, Any]:
    return (container.get("state") or {}).get("terminated") or {}


def _started(container: Object) -> bool:
    state = container.get("state") or {}
    return "running" in state or "terminated" in state or bool(container.get("restartCount"))
