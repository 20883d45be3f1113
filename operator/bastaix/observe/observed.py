"""What the operator sees of one ModelDeployment, all of it, at one moment.

Gathered by the reconciler and only read here: the functions that decide take this and
nothing else, so every state of a cluster can be written down in a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from bastaix.api import names, reasons
from bastaix.api.conditions import parse_time
from bastaix.api.errors import Hindrance, Waiting
from bastaix.api.reasons import Finding, Reason
from bastaix.observe.ownership import revision_label
from bastaix.render.evaluation import OwnImage

Object = Mapping[str, Any]

Via = Literal["stable", "own", "beside"]
"""As whom a revision is asked, at its Pods: as the active one, to which the stable Service must
lead, as the candidate on its own, or as the one that lives beside the one in question, for
comparison."""


@dataclass(frozen=True)
class Refusal:
    """The API server does not take a RayService."""

    hindrance: Hindrance
    since: datetime
    """When it was refused first, without being taken since."""


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """How a revision last answered the check."""

    revision: str
    ok: bool
    reason: Reason
    message: str
    at: datetime
    asked: str = ""
    """Digest of the check that it is an answer to."""
    failures: int = 1
    """How often in a row the answer was not right, this one included, if it is not."""
    wrong: int = 0
    """How often it was wrong since it was last right; one that does not come is not wrong."""

    @property
    def is_missing(self) -> bool:
        """No answer came: late, or from nowhere. That says nothing of what it would be."""
        return not self.ok and self.reason != reasons.WRONG_ANSWER


@dataclass(frozen=True, kw_only=True)
class End:
    """A Pod of Ray that has ended without being told to."""

    uid: str
    revision: str
    role: str
    born: datetime
    """When it was created."""
    at: datetime
    finding: Finding
    cluster: str = ""
    """Uid of the RayCluster that controls it, by its own word; empty: it names none."""


@dataclass(frozen=True, kw_only=True)
class Observed:
    """Of all other objects those that are its own (see `ownership`), whatever bears its labels."""

    md_body: Object
    rayservices: tuple[Object, ...] = ()
    rayclusters: tuple[Object, ...] = ()
    pods: tuple[Object, ...] = ()
    jobs: tuple[Object, ...] = ()
    service: Object | None = None
    controller_revisions: tuple[Object, ...] = ()
    leftovers: tuple[Object, ...] = ()
    """What holds resources for a revision whose RayService, or RayCluster, has gone."""
    occupied: Mapping[str, Waiting] = field(default_factory=dict)
    """By the kind of an object that is needed, that its name is taken: Service or Job."""
    image: OwnImage | None = None
    """The operator's own, by which candidates are evaluated; None: nobody has said."""
    at: datetime | None = None
    """When it was seen; None: nobody has said."""
    kuberay: Literal["present", "missing"] = "present"
    is_recorded: bool = True
    """What is remembered of revisions is kept: the CRD has `status.rollout`."""
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    """Revisions whose RayService the API server has just refused."""
    ends: tuple[End, ...] = ()
    """Of its Pods in the last minutes, the last one last."""
    unmounted: Mapping[str, str] = field(default_factory=dict)
    """By the uid of a Pod, what Events say of a volume that its node cannot mount."""
    unbound: Mapping[str, str] = field(default_factory=dict)
    """By the uid of a Pod, what is to be said of a claim of it that is not bound yet."""
    logs: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    """By the uid of a Pod, the errors in its log, of those alone that are wanted; see `logs`.
    None: it could not be read, and will be tried again."""
    checks: Mapping[Via, CheckResult] = field(default_factory=dict)
    """The last answer that counts, of the active revision and of the candidate."""

    def check_of(self, revision: str, via: Via) -> CheckResult | None:
        last = self.checks.get(via)
        return last if last is not None and last.revision == revision else None

    def answered(self, revision: str, via: Via = "stable") -> bool:
        """It passed the check, and has a replica now as then."""
        last = self.check_of(revision, via)
        return last is not None and last.ok and self.has_replicas(revision)

    def has_replicas(self, revision: str) -> bool:
        """A request would find one: a worker is ready only with a replica in it.

        The head is behind the Service as well, with a proxy that is there without any.
        """
        return any(map(is_ready, self.pods_of(revision, "worker")))

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

    def rayservice_of(self, revision: str) -> Object | None:
        """The one of a revision; one on its way out takes its Pods with it, whoever wants them."""
        living = (each for each in self.rayservices if "deletionTimestamp" not in each["metadata"])
        return next((each for each in living if revision_of(each) == revision), None)

    def raycluster_of(self, revision: str) -> Object | None:
        """The RayCluster that KubeRay made last for a revision: it copies our labels to it."""
        living = (each for each in self.rayclusters if "deletionTimestamp" not in each["metadata"])
        clusters = [each for each in living if revision_of(each) == revision]
        return max(clusters, key=lambda each: str(creation(each)), default=None)

    def kept(self, revision: str) -> Object | None:
        """The ControllerRevision of a revision."""
        found = (each for each in self.controller_revisions if revision_of(each) == revision)
        return next(found, None)


def revision_of(obj: Object) -> str | None:
    return revision_label(obj)


def creation(obj: Object) -> str:
    return str(obj["metadata"].get("creationTimestamp", ""))


def moment(text: object) -> datetime | None:
    """As the API server writes it; None: it has not, or in no form that is known."""
    return parse_time(text)


def condition(obj: Object, type: str) -> Object:
    """One condition of any object; an empty one when it has none of that type."""
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each.get("type") == type), {})


def is_ready(pod: Object) -> bool:
    return condition(pod, "Ready").get("status") == "True"


def _labels(obj: Object) -> Mapping[str, str]:
    return obj["metadata"].get("labels") or {}
