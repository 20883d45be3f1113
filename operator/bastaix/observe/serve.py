"""What Ray Serve says about the app, as KubeRay hands it on in the RayService's status.

KubeRay's own `Ready` is not asked: it means only that there are endpoints.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bastaix.observe.observed import Object
from bastaix.observe.resources import Demand, demand
from bastaix.observe.text import LONGEST_TEXT, last_line, shortened

RUNNING: Final = "RUNNING"
DEPLOY_FAILED: Final = "DEPLOY_FAILED"
UNHEALTHY: Final = "UNHEALTHY"

_IMPORT_PATH: Final = re.compile(
    r"^[ \t]{0,40}+(?:-[ \t]{1,40}+)?+import_path:[ \t]{0,40}+[\"']?([\w.:]{1,300})", re.MULTILINE
)
_UNPLACED: Final = "to be scheduled"
# What Serve says of every model that takes its time.
_SLOW: Final = "more than 30s to initialize"


@dataclass(frozen=True)
class App:
    status: str
    message: str
    deployments: Mapping[str, Mapping[str, Any]]

    def complaint(self) -> str:
        """The last line of the failed deployment, else of the app: it names the cause."""
        for name, deployment in sorted(self.deployments.items()):
            if deployment.get("status") in (DEPLOY_FAILED, UNHEALTHY) and _message(deployment):
                return last_line(f"{name}: {last_line(_message(deployment))}")
        return last_line(self.message) or f"the app is {self.status}, without a word why"

    def said(self) -> str:
        """All that Serve says of a failed app, what is of its deployments last."""
        failed = (DEPLOY_FAILED, UNHEALTHY)
        deployments = sorted(self.deployments.items())
        texts = [_message(each) for _, each in deployments if each.get("status") in failed]
        return "\n".join([self.message, *texts])[-LONGEST_TEXT:]

    def unplaced(self) -> str | None:
        """A replica that found no place in the Ray cluster."""
        for name, deployment in sorted(self.deployments.items()):
            if _UNPLACED in _message(deployment):
                return _line(name, _message(deployment))
        return None

    def demands(self) -> Iterator[tuple[str, Demand]]:
        """What the replicas of each deployment ask for that found no place, by its name."""
        for name, deployment in sorted(self.deployments.items()):
            asked = demand(_message(deployment)) if _UNPLACED in _message(deployment) else None
            if asked is not None:
                yield name, asked

    def progress(self) -> str:
        """What is still being built, and what went wrong on the way if something did."""
        for name, deployment in sorted(self.deployments.items()):
            message = _message(deployment)
            if deployment.get("status") != "HEALTHY" and message and _SLOW not in message:
                return _line(name, message)
        waited = [n for n, d in sorted(self.deployments.items()) if d.get("status") != "HEALTHY"]
        if waited:
            return last_line(f"waiting for {', '.join(waited)}")
        return "Ray Serve builds the app"


def app(rayservice: Object) -> App | None:
    """The one app; of the cluster that serves, or else of the one that is coming up."""
    status = rayservice.get("status") or {}
    for side in ("activeServiceStatus", "pendingServiceStatus"):
        applications = (status.get(side) or {}).get("applicationStatuses") or {}
        for each in applications.values():
            return App(
                status=each.get("status") or "",
                message=_message(each),
                deployments=each.get("serveDeploymentStatuses") or {},
            )
    return None


def import_path(rayservice: Object) -> str:
    """Of the revision that a RayService runs."""
    config = (rayservice.get("spec") or {}).get("serveConfigV2") or ""
    match = _IMPORT_PATH.search(config)
    return match[1] if match else ""


def _line(name: str, said: str) -> str:
    """The last one; of the many words that Serve has for a want of room, those that count."""
    asked = demand(said)
    if asked is None:
        return shortened(f"{name}: {last_line(said)}")
    free = "" if asked.is_group else f"; the Ray cluster has {asked.free_text} free"
    return shortened(f"{name}: a replica asks for {asked.text}{free}")


def _message(deployment: Mapping[str, Any]) -> str:
    return str(deployment.get("message") or "")[-LONGEST_TEXT:]
