"""The kinds of objects that the operator watches or writes, and how the API addresses them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from bastaix.api import names
from bastaix.api.sizes import LARGE, Limit
from bastaix.observe.ownership import controller_ref


@dataclass(frozen=True, order=True)
class Kind:
    group: str
    version: str
    plural: str
    name: str

    def __str__(self) -> str:
        return self.name

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(
        self, namespace: str | None, name: str | None = None, subresource: str | None = None
    ) -> str:
        """The address of one object, of a collection in a namespace, or of the whole kind.

        ValueError: a part is empty, `.` or `..`, which no object is called.
        """
        parts = ["apis", self.group] if self.group else ["api"]
        parts.append(self.version)
        if namespace is not None:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part is not None]
        return "/" + "/".join(map(_segment, parts))


MODELDEPLOYMENT: Final = Kind(names.GROUP, names.VERSION, names.PLURAL, names.KIND)
CONTROLLERREVISION: Final = Kind("apps", "v1", "controllerrevisions", "ControllerRevision")
SERVICE: Final = Kind("", "v1", "services", "Service")
POD: Final = Kind("", "v1", "pods", "Pod")
RAYSERVICE: Final = Kind(names.RAY_GROUP, names.RAY_VERSION, "rayservices", "RayService")
RAYCLUSTER: Final = Kind(names.RAY_GROUP, names.RAY_VERSION, "rayclusters", "RayCluster")

PERSISTENTVOLUMECLAIM: Final = Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
EVENT: Final = Kind("", "v1", "events", "Event")
JOB: Final = Kind("batch", "v1", "jobs", "Job")
NETWORKPOLICY: Final = Kind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")

WATCHED: Final = (
    MODELDEPLOYMENT,
    CONTROLLERREVISION,
    SERVICE,
    POD,
    JOB,
    NETWORKPOLICY,
    RAYSERVICE,
    RAYCLUSTER,
)
RAY: Final = frozenset({RAYSERVICE, RAYCLUSTER})
OPTIONAL: Final = frozenset({NETWORKPOLICY})
"""Without the right to these, as rights of an older chart lack it, all else works."""

_CONTROLLERS: Final = {
    POD: frozenset({RAYCLUSTER.name, JOB.name}),
    RAYCLUSTER: frozenset({RAYSERVICE.name}),
}
"""By what objects of ours are controlled; where nothing is said, by a ModelDeployment."""
_LIMITS: Final = {
    MODELDEPLOYMENT: LARGE,
    CONTROLLERREVISION: LARGE,
    RAYSERVICE: LARGE,
    RAYCLUSTER: Limit(512 * 1024, 30_000),
}
"""A RayCluster has a Pod twice, and in each the affinity of the spec."""
_LIMIT: Final = Limit(256 * 1024, 15_000)

_BY_PLURAL: Final = {kind.plural: kind for kind in WATCHED}
_BY_NAME: Final = {kind.name: kind for kind in WATCHED}


def _segment(text: str) -> str:
    """Percent-encoding does not help with dots: libraries resolve `..` encoded, too."""
    if text in ("", ".", ".."):
        raise ValueError(f"{text!r} cannot be the name of an object")
    return quote(text, safe="")


def of_plural(plural: str) -> Kind | None:
    """The watched kind of this plural."""
    return _BY_PLURAL.get(plural)


def limit(kind: Kind) -> Limit:
    """How large an object of ours may be."""
    return _LIMITS.get(kind, _LIMIT)


def may_be_ours(kind: Kind, metadata: Mapping[str, Any]) -> bool:
    """Whether what controls an object is of the kind that controls ours."""
    if kind == MODELDEPLOYMENT:
        return True
    wanted = _CONTROLLERS.get(kind, frozenset({names.KIND}))
    return controller_ref({"metadata": metadata}).get("kind") in wanted


def of(manifest: Mapping[str, Any]) -> Kind:
    """The kind of an object that the operator watches or renders."""
    return _BY_NAME[str(manifest["kind"])]
