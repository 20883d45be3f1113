"""The RayService of one revision: its kept rendering with today's scaling laid over it."""

from typing import Any

from bastaix.api import names
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.render import pods, raycluster, serve_config, yaml_text
from bastaix.render.revision import Revision, owner_reference


def rayservice(md: ModelDeployment, revision: Revision, deployment: str) -> dict[str, Any]:
    """`deployment` is the one that scales in this revision's app, which need not be the spec's."""
    spec = {key: value for key, value in revision.template.items() if key != "serveConfig"}
    config = serve_config.scaled(revision.template["serveConfig"], md, deployment)
    return {
        "apiVersion": names.RAY_API_VERSION,
        "kind": "RayService",
        "metadata": {
            "name": names.rayservice_name(md.name, revision.hash),
            "namespace": md.namespace,
            "labels": pods.labels(md, revision.hash),
            "ownerReferences": [owner_reference(md)],
        },
        "spec": {
            **spec,
            "rayClusterConfig": raycluster.scaled(spec["rayClusterConfig"], md),
            "serveConfigV2": yaml_text.dump(config),
        },
    }
