"""What the operator sees of one ModelDeployment, all of it, at one moment.

Gathered by the reconciler and only read here: the functions that decide take this and
nothing else, so every state of a cluster can be written down in a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from bastaix.api import names
from bastaix.api.reasons import Reason

Object = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """How a revision last answered the check through the stable Service."""

    revision: str
    ok: bool
    reason: Reason
    message: str
    at: datetime
    asked: str = ""
    """Digest of the check that it is an answer to."""
    failures: int = 1
    """How often in a row the answer was not right, this one included, if it is not."""


@dataclass(frozen=True, kw_only=True)
class Observed:
    md_body: Object
    rayservice: Object | None = None
    others: tuple[Object, ...] = ()
    """RayServices of other revisions of this ModelDeployment."""
    rayclusters: tuple[Object, ...] = ()
    pods: tuple[Object, ...] = ()
    service: Object | None = None
    controller_revisions: tuple[Object, ...] = ()
    kuberay: Literal["present", "missing"] = "present"
    check: CheckResult | None = None

    def answered(self, revision: str) -> bool:
        """It passed the check, and a Pod stands behind the Service now as then."""
        passed = self.check is not None and self.check.ok and self.check.revision == revision
        return passed and self.has_endpoints(revision)

    def has_endpoints(self, revision: str) -> bool:
        """The stable Service would send a request to a Pod of this revision."""
        return any(
            _labels(pod).get(names.RAY_SERVE_LABEL) == "true" and is_ready(pod)
            for pod in self.pods_of(revision)
        )

    def pods_of(self, revision: str, node_type: str | None = None) -> list[Object]:
        """Pods of a revision that are not on their way out, by name."""
        pods = [
            pod
            for pod in self.pods
            if _labels(pod).get(names.REVISION_LABEL) == revision
            and node_type in (None, _labels(pod).get(names.RAY_NODE_TYPE_LABEL))
            and "deletionTimestamp" not in pod["metadata"]
        ]
        return sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))

    def raycluster_of(self, revision: str) -> Object | None:
        """The RayCluster that KubeRay made last for a revision: it copies our labels to it."""
        clusters = [each for each in self.rayclusters if revision_of(each) == revision]
        return max(clusters, key=lambda each: str(creation(each)), default=None)

    @property
    def selected(self) -> str | None:
        """The active revision is the one that the stable Service selects."""
        return selected_by(self.service or {})


def selected_by(service: Object) -> str | None:
    """The revision that a Service selects."""
    selector = (service.get("spec") or {}).get("selector") or {}
    revision = selector.get(names.REVISION_LABEL)
    return None if revision is None else str(revision)


def revision_of(obj: Object) -> str | None:
    return _labels(obj).get(names.REVISION_LABEL)


def creation(obj: Object) -> str:
    return str(obj["metadata"].get("creationTimestamp", ""))


def condition(obj: Object, type: str) -> Object:
    """One condition of any object; an empty one when it has none of that type."""
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each.get("type") == type), {})


def is_ready(pod: Object) -> bool:
    return condition(pod, "Ready").get("status") == "True"


def _labels(obj: Object) -> Mapping[str, str]:
    return obj["metadata"].get("labels") or {}
