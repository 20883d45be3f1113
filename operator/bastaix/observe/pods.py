"""What keeps one Pod from running, from its own status.

It remembers how often a container has started again, and its last end alone. So one that ends again
and again is known by their number and by how soon they follow; and it is so between two ends too.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from bastaix.api import names, reasons
from bastaix.api.reasons import Finding
from bastaix.observe.observed import Object, condition
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
_BACK_OFF: Final = "CrashLoopBackOff"
ENDS: Final = 3
"""Fewer are no loop: anything may fail twice."""
SOON: Final = timedelta(minutes=10)
"""Of a container that has run for longer the kubelet too forgets that it had ended."""
# KubeRay puts the reason before the message, without a space
_PREFIX: Final = re.compile(r"^FailedCreate(Head|Worker)Pod(?=\S)")
_OF_CONFIG: Final = re.compile(r"(secret|configmap) \S+ not found|couldn't find key", re.ASCII)


def is_being_prepared(pod: Object) -> bool:
    """Nothing has run in it yet, and nothing is said against it: its node pulls or mounts."""
    if (pod.get("status") or {}).get("phase", "Pending") != "Pending":
        return False
    states = list(_containers(pod))
    return not any(_started(each) for each in states) and all(
        _waiting(each).get("reason") in _PREPARED for each in states
    )


def hindrance(pod: Object, at: datetime | None) -> Finding | None:
    """The first of the checks that finds something, in the order of a Pod's life.

    `at` is when it was seen; None: nobody has said, so a container that runs is in no loop.
    """
    found = next((finding for check in _CHECKS if (finding := check(pod))), None)
    found = found or _looping(pod, at) or _pulling(pod)
    return None if found is None else replace(found, object=f"Pod/{pod['metadata']['name']}")


def refused(message: str) -> Finding:
    """Why Kubernetes does not let a Pod be made."""
    message = _PREFIX.sub("", message)
    reason = reasons.POD_REFUSED
    if "exceeded quota" in message:
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
        reason = reasons.UNSCHEDULABLE
        if _OF_VOLUMES.search(message) and "Insufficient " not in message:
            reason = reasons.VOLUME_MISSING
    return Finding(reason, shortened(f"{called(pod)}: {message}"))


def _image_unavailable(pod: Object) -> Finding | None:
    for container in _containers(pod):
        waiting = _waiting(container)
        if waiting.get("reason") in _UNAVAILABLE:
            said = waiting.get("message") or waiting["reason"]
            message = f"{called(pod)} cannot get image {container.get('image')}: {said}"
            return Finding(reasons.IMAGE_PULL_FAILED, shortened(message))
    return None


def _killed(pod: Object) -> Finding | None:
    """For its memory, now or the last time; a container that runs again may be killed again."""
    for container in _containers(pod):
        ends = (_terminated(container), _terminated({"state": container.get("lastState")}))
        if _running(container) or not any(end.get("reason") == "OOMKilled" for end in ends):
            continue
        return _out_of_memory(pod, container)
    return None


def _out_of_memory(pod: Object, container: Object) -> Finding:
    message = f"{called(pod)}, container {container['name']}, was killed for its memory"
    return Finding(reasons.OUT_OF_MEMORY, message)


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
    status = pod.get("status") or {}
    if status.get("phase") != "Failed":
        return None
    known = {"Evicted": reasons.EVICTED, "NodeLost": reasons.NODE_LOST}
    ends = (_terminated(container) for container in _containers(pod))
    end = next((each for each in ends if each.get("exitCode")), {})
    said = status.get("message") or status.get("reason") or end.get("reason") or "failed"
    code = f" with exit code {end['exitCode']}" if end else ""
    reason = known.get(status.get("reason") or "", reasons.POD_FAILED)
    return Finding(reason, shortened(f"{called(pod)} ended{code}: {said}"))


def _looping(pod: Object, at: datetime | None) -> Finding | None:
    if (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded"):
        return None
    for container in _containers(pod):
        if not _is_looping(container, at):
            continue
        end = _end(container)
        if end.get("reason") == "OOMKilled":
            return _out_of_memory(pod, container)
        said = last_line(end.get("message") or end.get("reason") or "")
        code = f", the last time with exit code {end['exitCode']}" if "exitCode" in end else ""
        message = (
            f"{called(pod)}, container {container['name']}, has ended {_ends(container)} times"
            f"{code}: {said}"
        )
        return Finding(reasons.CRASH_LOOPING, shortened(message.rstrip(": ")))
    return None


def _is_looping(container: Object, at: datetime | None) -> bool:
    if _ends(container) < ENDS or (_terminated(container) and container.get("ready")):
        return False
    if _waiting(container).get("reason") == _BACK_OFF:
        return True
    end = _end(container)
    started, ended = _moment(end.get("startedAt")), _moment(end.get("finishedAt"))
    if started is None or ended is None or ended - started >= SOON:
        return False
    if not _running(container):
        return True
    since = _moment(container["state"]["running"].get("startedAt"))
    return at is not None and since is not None and at - since < SOON


def _ends(container: Object) -> int:
    return int(container.get("restartCount") or 0) + (0 if _running(container) else 1)


def _end(container: Object) -> dict[str, Any]:
    """The last one."""
    return _terminated(container) or _terminated({"state": container.get("lastState")})


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _pulling(pod: Object) -> Finding | None:
    if not is_being_prepared(pod):
        return None
    images = {container["image"] for container in pod["spec"]["containers"]}
    message = f"{called(pod)}: its node pulls {', '.join(sorted(images))} or mounts its volumes"
    return Finding(reasons.PULLING_IMAGE, shortened(message))


_CHECKS: Final[tuple[Callable[[Object], Finding | None], ...]] = (
    _unscheduled,
    _image_unavailable,
    _killed,
    _broken,
    _ended,
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


def _running(container: Object) -> bool:
    return "running" in (container.get("state") or {})


def _started(container: Object) -> bool:
    state = container.get("state") or {}
    return "running" in state or "terminated" in state or bool(container.get("restartCount"))
