"""Provokes a cause on the real node and watches what the cluster says of it, until it is named."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo import steps
from demo.kubectl import kubectl
from tests.corpus.causes import Cause
from tests.e2e.variants import Commit

KINDS = ("modeldeployments", "rayservices", "rayclusters", "pods")
LOOK_SECONDS = 0.2
LONGEST_SECONDS = 300.0
NAME = "broken"


@dataclass
class Seen:
    """What became of a provoked cause; times are of this machine's monotonic clock."""

    objects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By kind, at the first moment when the evidence was there."""
    evidence_at: float | None = None
    named_at: float | None = None
    reason: str = ""
    message: str = ""

    @property
    def seconds(self) -> float | None:
        """From the evidence to the condition."""
        if self.evidence_at is None or self.named_at is None:
            return None
        return max(0.0, self.named_at - self.evidence_at)


@contextmanager
def provoked(cause: Cause, commit: Commit, images: dict[str, str]) -> Iterator[tuple[str, Seen]]:
    """The namespace in which it is broken; all of it goes at the end."""
    namespace = f"corpus-{uuid.uuid4().hex[:6]}"
    steps.prepare_namespace(namespace)
    try:
        for manifest in cause.manifests:
            _apply(namespace, manifest)
        _deploy(cause, commit, images, namespace)
        yield namespace, watched(cause, namespace)
    finally:
        steps.remove_namespace(namespace)


def watched(cause: Cause, namespace: str) -> Seen:
    """Until the operator has named it, or too long."""
    seen = Seen()
    end = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < end:
        now, objects = time.monotonic(), snapshot(namespace)
        (deployment,) = objects.pop("modeldeployments") or [{}]
        ready = steps.conditions(deployment).get("Ready", {})
        seen.reason, seen.message = ready.get("reason", ""), ready.get("message", "")
        if seen.evidence_at is None and cause.evidence in json.dumps(objects):
            seen.evidence_at, seen.objects = now, objects
        if seen.reason == cause.reason:
            seen.named_at = now
            seen.objects = seen.objects or objects
            break
        time.sleep(LOOK_SECONDS)
    return seen


def heal(cause: Cause, namespace: str) -> None:
    assert cause.heals is not None, "only what heals from outside"
    _apply(namespace, cause.heals)


def snapshot(namespace: str) -> dict[str, list[dict[str, Any]]]:
    text = kubectl("get", ",".join(KINDS), "-n", namespace, "-o", "json")
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    for item in json.loads(text)["items"]:
        found[f"{item['kind'].lower()}s"].append(item)
    return found


def _deploy(cause: Cause, commit: Commit, images: dict[str, str], namespace: str) -> None:
    app = "echo" if "echo" in cause.template else "vllm_openai"
    made = commit(cause.lines, cause.edits)
    text = steps.filled(
        steps.ROOT / cause.template,
        NAME=NAME,
        NAMESPACE=namespace,
        COMMIT=made,
        IMAGE=images["ray"],
    )
    kubectl("apply", "--server-side", "-f", "-", stdin=_named(text))
    git = {"repository": "http://git.git.svc/private/variants", "path": f"serve_apps/{app}"}
    changes = {"source": {"git": git}, "rollout": {"onFailure": "Hold"}, **cause.spec}
    patch = json.dumps({"spec": changes})
    kubectl("patch", "md", NAME, "-n", namespace, "--type=merge", "-p", patch)


def _named(text: str) -> str:
    return text.replace("name: smollm2\n", f"name: {NAME}\n", 1)


def _apply(namespace: str, manifest: Any) -> None:
    words = ("apply", "--server-side", "-n", namespace, "-f", "-")
    kubectl(*words, stdin=json.dumps(manifest))


def commits(folder: Path) -> Commit:
    folder.mkdir(parents=True, exist_ok=True)
    return Commit(folder)
