"""A revision: what the user asked for, rendered once and kept.

Its name is a hash over the fields listed in `identity`, by what the user wrote: never over
the rendered output, which a new version of the operator may render otherwise, and never over
scaling, check or suspend, which change nothing in a Pod. Its rendering is kept in a
ControllerRevision and applied from there ever after, so a new version of the operator
restarts nobody's model.

Of the source the digest of its artifact counts, not where it came from: in a repository of
many apps, a commit that does not touch this one restarts nothing, and neither does a
repository that moves to another host.
"""

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bastaix.api import names
from bastaix.api.sources import content_fields, content_key, written_content
from bastaix.api.v1alpha1 import ModelDeployment, Resources
from bastaix.render import pods, raycluster, serve_config


@dataclass(frozen=True)
class Revision:
    hash: str
    template: dict[str, Any]
    """The RayService's spec without scaling; Serve's configuration as an object."""
    commit: str | None
    """Where the artifact came from at first; None when not from Git."""
    digest: str | None
    """Of the artifact; None when the code is in the image."""
    deployment: str | None = None
    """The deployment that scaled when it was made; None if that was not kept."""
    sha256: str | None = None
    """Of its identity, 64 hex digits, of which `hash` are the first; None if it was not kept."""
    content: str | None = None
    """`api.sources.content_key` of the source that it came from at first; None as with `commit`."""


def revision(md: ModelDeployment, digest: str | None) -> Revision:
    """What the spec asks for with this artifact."""
    sha256 = revision_sha256(md, digest)
    hash = sha256[: names.HASH_LENGTH]
    template = {
        # Replacing a cluster is our decision, not KubeRay's.
        "upgradeStrategy": {"type": "None"},
        "rayClusterConfig": raycluster.raycluster(md, hash, digest),
        "serveConfig": serve_config.serve_config(md, digest),
    }
    # a copy, so that nothing in it is shared with the md or with a constant
    return Revision(
        hash,
        copy.deepcopy(template),
        commit=md.spec.source.commit,
        digest=digest,
        deployment=serve_config.deployment_name(md),
        sha256=sha256,
        content=content_key(md.spec.source),
    )


def revision_hash(md: ModelDeployment, digest: str | None) -> str:
    """What a revision is called: 8 hex digits, as KubeRay 1.6 allows a RayService 47 characters."""
    return revision_sha256(md, digest)[: names.HASH_LENGTH]


def revision_sha256(md: ModelDeployment, digest: str | None) -> str:
    """Of the fields that are set, by name; empty is as good as absent. 64 hex digits."""
    given = identity(md, digest)
    fields = {key: value for key, value in given.items() if value not in (None, (), {}, [])}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def identity(md: ModelDeployment, digest: str | None) -> dict[str, Any]:
    """All that makes one revision another than the next.

    A name in this list must never change, nor what it holds: it would restart every model
    there is. New fields are added at will; absent, they change no hash.
    """
    spec, runtime = md.spec, md.spec.runtime
    model = spec.model
    return {
        "source.digest": digest,
        "app.importPath": spec.app.import_path,
        "app.args": spec.app.args,
        "model.id": model and model.id,
        "model.source": model and model.source,
        "model.engineArgs": model and model.engine_args,
        "runtime.image": runtime.image,
        "runtime.imagePullPolicy": runtime.image_pull_policy,
        "runtime.imagePullSecrets": runtime.image_pull_secrets,
        "runtime.rayVersion": runtime.ray_version,
        "runtime.env": runtime.env,
        "runtime.envFrom": runtime.env_from,
        "runtime.serviceAccountName": runtime.service_account_name,
        "runtime.nodeSelector": runtime.node_selector,
        "runtime.tolerations": runtime.tolerations,
        "runtime.affinity": runtime.affinity,
        "runtime.runtimeClassName": runtime.runtime_class_name,
        "runtime.priorityClassName": runtime.priority_class_name,
        "runtime.volumes": runtime.volumes,
        "runtime.volumeMounts": runtime.volume_mounts,
        "runtime.head.resources": _resources(runtime.head_resources),
        "runtime.worker.rayCPUs": runtime.worker_ray_cpus,
        "resources": _resources(spec.resources),
    }


def controller_revision(md: ModelDeployment, revision: Revision) -> dict[str, Any]:
    """Where the rendering is kept. Its data is immutable: create it, never change it."""
    labels = pods.labels(md, revision.hash)
    if revision.digest is not None:
        labels[names.ARTIFACT_LABEL] = names.artifact_label(revision.digest)
    origin = {
        "commit": revision.commit,
        "digest": revision.digest,
        "deployment": revision.deployment,
        "sha256": revision.sha256,
        **content_fields(revision.content),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": names.rayservice_name(md.name, revision.hash),
            "namespace": md.namespace,
            "labels": labels,
            "ownerReferences": [owner_reference(md)],
        },
        "revision": md.generation,
        "data": {
            **{key: value for key, value in origin.items() if value is not None},
            "template": revision.template,
        },
    }


def from_controller_revision(manifest: Mapping[str, Any]) -> Revision | None:
    """None: it has no rendering, or one that is too large to be read."""
    data = manifest.get("data") or {}
    if "template" not in data:
        return None
    return Revision(
        hash=manifest["metadata"]["labels"][names.REVISION_LABEL],
        template=data["template"],
        commit=data.get("commit"),
        digest=data.get("digest"),
        deployment=data.get("deployment"),
        sha256=data.get("sha256"),
        content=None if (content := written_content(data)) is None else str(content),
    )


def owner_reference(md: ModelDeployment) -> dict[str, Any]:
    """Makes a child go with its ModelDeployment, and tells ours from somebody else's."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "name": md.name,
        "uid": md.uid,
        "controller": True,
    }


def _resources(resources: Resources) -> dict[str, Any]:
    gpu = resources.gpu
    fields = {
        "cpu": resources.cpu,
        "memory": resources.memory,
        "gpu.count": gpu and gpu.count,
        "gpu.resourceName": gpu and gpu.resource_name,
    }
    return {key: value for key, value in fields.items() if value is not None}
