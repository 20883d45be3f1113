"""The stable Service: its selector is the one place that says which revision is active.

When it was turned, and from which revision, stands beside it in the same object, so that one
write says all of a promotion.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bastaix.api import names
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.render.revision import owner_reference

NO_REVISION: Final = "none"
"""Selected while none has been promoted: the name resolves, and nobody answers."""


@dataclass(frozen=True)
class Turn:
    """Where the Service leads, since when (RFC 3339), and where it led before."""

    revision: str | None = None
    since: str | None = None
    previous: str | None = None
    previous_since: str | None = None
    """Since when it led there; remembered until the Service has been turned, and not said by it."""


def service(md: ModelDeployment, turn: Turn, mirrored: Mapping[str, str]) -> dict[str, Any]:
    """`mirrored` are the annotations of `rollout.mirror`."""
    given = {
        names.SINCE_ANNOTATION: turn.since,
        names.PREVIOUS_ANNOTATION: turn.previous,
        **mirrored,
    }
    annotations = {key: value for key, value in given.items() if value is not None}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": names.service_name(md.name),
            "namespace": md.namespace,
            "labels": {
                names.MANAGED_BY_LABEL: names.MANAGED_BY,
                names.NAME_LABEL: md.name,
            },
            "annotations": annotations,
            "ownerReferences": [owner_reference(md)],
        },
        "spec": service_spec(md.name, turn.revision),
    }


def service_spec(name: str, revision: str | None) -> dict[str, Any]:
    """All by which it leads to the Pods of a revision and to nothing else.

    What the API server would leave out is said, as another writer's value stays where we say none.
    """
    return {
        "type": "ClusterIP",
        # Kubernetes (1.35) leaves it beside another type, and whoever has set it keeps it
        "externalName": "",
        "externalIPs": [],
        "publishNotReadyAddresses": False,
        # Labels of the Pods, not of a RayCluster: it survives a cluster that is made anew.
        "selector": {
            names.NAME_LABEL: name,
            names.REVISION_LABEL: revision or NO_REVISION,
            names.RAY_SERVE_LABEL: "true",
        },
        "ports": [
            {
                "name": "http",
                "port": names.STABLE_PORT,
                "protocol": "TCP",
                # a number, whatever a revision calls its port
                "targetPort": names.SERVE_PORT,
            }
        ],
    }
