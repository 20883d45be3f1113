"""The stable Service: its selector is the one place that says which revision is active."""

from typing import Any

from bastaix.api import names
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.render.revision import owner_reference


def service(md: ModelDeployment, revision: str) -> dict[str, Any]:
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
            "ownerReferences": [owner_reference(md)],
        },
        "spec": {
            # Labels of the Pods, not of a RayCluster: it survives a cluster that is made anew.
            "selector": {
                names.NAME_LABEL: md.name,
                names.REVISION_LABEL: revision,
                names.RAY_SERVE_LABEL: "true",
            },
            "ports": [
                {
                    "name": "http",
                    "port": 80,
                    "protocol": "TCP",
                    # a number, whatever a revision calls its port
                    "targetPort": names.SERVE_PORT,
                }
            ],
        },
    }
