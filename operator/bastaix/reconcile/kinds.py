"""The kinds of objects that the operator watches or writes, and how the API addresses them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from bastaix.api import names


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

_BY_NAME: Final = {kind.name: kind for kind in WATCHED}


def _segment(text: str) -> str:
    """Percent-encoding does not help with dots: libraries resolve `..` encoded, too."""
    if text in ("", ".", ".."):
        raise ValueError(f"{text!r} cannot be the name of an object")
    return quote(text, safe="")


def of(manifest: Mapping[str, Any]) -> Kind:
    """The kind of an object that the operator watches or renders."""
    return _BY_NAME[str(manifest["kind"])]
