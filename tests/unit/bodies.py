"""ModelDeployments and their children as the API server would give them, for tests."""

import copy
import hashlib
from typing import Any

from bastaix.api.sources import content_key, verification_fields
from bastaix.api.v1alpha1 import ModelDeployment

MD: dict[str, Any] = {
    "apiVersion": "serving.bastaix.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"name": "smollm2", "namespace": "demo", "uid": "uid-1", "generation": 1},
    "spec": {
        "source": {
            "git": {"repository": "https://github.com/acme/serving", "commit": "3f9c2a1d" * 5}
        },
        "app": {"importPath": "app:build"},
        "model": {"id": "smollm2"},
    },
}


def body() -> dict[str, Any]:
    return copy.deepcopy(MD)


DIGEST = "sha256:" + "5" * 64


def digest_of(md: ModelDeployment) -> str | None:
    """As if every commit and every path had a content of its own."""
    key = content_key(md.spec.source)
    return None if key is None else "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def verified(given: dict[str, Any], digest: str | None = None) -> dict[str, Any]:
    """A copy with the status that the source controller gives to a source in which all is well."""
    md = ModelDeployment.from_body(given)
    source = {
        "commit": md.spec.source.commit,
        "digest": digest or digest_of(md),
        "bytes": 1000,
        "files": 3,
        **verification_fields(md.spec),
    }
    with_source = with_field(given, "status.source", source)
    return answered(with_source, "True", "Verified", "3 files")


def refused(given: dict[str, Any], reason: str, message: str) -> dict[str, Any]:
    """A copy with the condition that the source controller gives to a source that it refuses."""
    return answered(given, "False", reason, message)


def answered(given: dict[str, Any], status: str, reason: str, message: str) -> dict[str, Any]:
    condition = {
        "type": "SourceVerified",
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": given["metadata"]["generation"],
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    before = (given.get("status") or {}).get("conditions") or ()
    others = [each for each in before if each["type"] != "SourceVerified"]
    return with_field(given, "status.conditions", [*others, condition])


def with_field(given: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    """A copy with one field set, by its dotted path."""
    changed = copy.deepcopy(given)
    *parents, last = field.split(".")
    place = changed
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    return changed
