"""What keeps one Pod from running, from its own status."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from bastaix.api import names, reasons
from bastaix.api.reasons import Finding
from bastaix.observe.observed import Object, condition
from bastaix.observe.text import shortened

_UNAVAILABLE: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"}
)
_BROKEN: Final = frozenset(
    {"CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
)


def hindrance(pod: Object) -> Finding | None:
    """The first of the checks that finds something, in the order of a Pod's life."""
    return next((finding for check in _CHECKS if (finding := check(pod))), None)


def _unscheduled(pod: Object) -> Finding | None:
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") != "False":
        return None
    message = scheduled.get("message") or "no node has been found yet"
    return Finding(reasons.SCHEDULING, shortened(f"{_called(pod)}: {message}"))


def _image_unavailable(pod: Object) -> Finding | None:
    for container in _containers(pod):
        waiting = _waiting(container)
        if waiting.get("reason") in _UNAVAILABLE:
            said = waiting.get("message") or waiting["reason"]
            message = f"{_called(pod)} cannot get image {container.get('image')}: {said}"
            return Finding(reasons.IMAGE_UNAVAILABLE, shortened(message))
    return None


def _broken(pod: Object) -> Finding | None:
    for container in _containers(pod):
        waiting = _waiting(container)
        if waiting.get("reason") in _BROKEN:
            said = waiting.get("message") or waiting["reason"]
            message = f"{_called(pod)}, container {container['name']}: {said}"
            return Finding(reasons.POD_FAILED, shortened(message))
    return None


def _ended(pod: Object) -> Finding | None:
    status = pod.get("status") or {}
    if status.get("phase") != "Failed":
        return None
    ends = (_terminated(container) for container in _containers(pod))
    end = next((each for each in ends if each.get("exitCode")), {})
    said = status.get("reason") or end.get("reason") or "failed"
    code = f" with exit code {end['exitCode']}" if end else ""
    return Finding(reasons.POD_FAILED, shortened(f"{_called(pod)} ended{code}: {said}"))


def _pulling(pod: Object) -> Finding | None:
    """Scheduled, and nothing has run in it yet: the node pulls or mounts."""
    if (pod.get("status") or {}).get("phase", "Pending") != "Pending":
        return None
    if any(_started(container) for container in _containers(pod)):
        return None
    images = {container["image"] for container in pod["spec"]["containers"]}
    message = f"{_called(pod)}: its node pulls {', '.join(sorted(images))} or mounts its volumes"
    return Finding(reasons.PULLING_IMAGE, shortened(message))


_CHECKS: Final[tuple[Callable[[Object], Finding | None], ...]] = (
    _unscheduled,
    _image_unavailable,
    _broken,
    _ended,
    _pulling,
)


def _called(pod: Object) -> str:
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
