"""Provokes a cause on the real node and watches what the cluster says of it, until it is named."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any

from bastaix.kube.cluster import LOG_BYTES, LOG_LINES
from bastaix.observe import ends, logs
from bastaix.observe.observed import Observed
from cluster.progress import Progress
from demo import steps
from demo.kubectl import kubectl
from tests.corpus.cause import ECHO, Cause
from tests.e2e.deployed import Deployed, applied
from tests.e2e.variants import Commit

KINDS = ("modeldeployments", "rayservices", "rayclusters", "pods", "events")
LOOK_SECONDS = 0.2
LONGEST_SECONDS = 300.0
STALLED_SECONDS = 20.0
"""So long after it has stalled by another name, nothing will change any more."""
NAME = "broken"


@dataclass
class Seen:
    """What became of a provoked cause; times are of this machine's monotonic clock."""

    objects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By kind, when it was named, or else when it was given up."""
    at: datetime = datetime.min
    """When they were read, in UTC."""
    ended: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Pods as they were when they had ended, by uid."""
    evidence_at: float | None = None
    named_at: float | None = None
    reason: str = ""
    message: str = ""

    @property
    def seconds(self) -> float | None:
        """From the evidence to the condition; None: not named, or no evidence was seen."""
        if self.evidence_at is None or self.named_at is None or self.evidence_at > self.named_at:
            return None
        return self.named_at - self.evidence_at


@dataclass(frozen=True)
class Provoker:
    images: dict[str, str]
    commit: Commit
    progress: Progress

    @contextmanager
    def provoked(self, cause: Cause) -> Iterator[Deployed]:
        """A broken ModelDeployment in a namespace of its own; all of it goes at the end."""
        namespace = f"corpus-{uuid.uuid4().hex[:6]}"
        try:
            steps.prepare_namespace(namespace)
            if cause.before:
                cause.before(namespace)
            self._deploy(cause, namespace)
            yield Deployed(NAME, namespace, self.progress)
        finally:
            try:
                if cause.heal:
                    cause.heal(namespace)
            finally:
                _remove(namespace)

    def _deploy(self, cause: Cause, namespace: str) -> None:
        app = "echo" if cause.template == ECHO else "vllm_openai"
        values = {"NAMESPACE": namespace, "IMAGE": self.images["ray"], "NAME": NAME}
        made = self.commit(cause.lines, cause.edits)
        manifest = steps.filled(steps.ROOT / cause.template, COMMIT=made, **values)
        git = {"repository": "http://git.git.svc/private/variants", "path": f"serve_apps/{app}"}
        spec = {"source": {"git": git}, "rollout": {"onFailure": "Hold"}, **cause.spec}
        text = Template(json.dumps(spec)).substitute(self.images)
        named = manifest.replace("name: smollm2\n", f"name: {NAME}\n", 1)
        applied(named, json.loads(text))


def watched(cause: Cause, deployed: Deployed) -> Seen:
    """Until the operator has named it, or too long."""
    seen = Seen()
    end = time.monotonic() + LONGEST_SECONDS
    while not _is_done(cause, seen) and time.monotonic() < end:
        now, objects = time.monotonic(), snapshot(deployed.namespace)
        (deployment,) = objects.pop("modeldeployments")
        ready = steps.conditions(deployment).get("Ready", {})
        seen.reason, seen.message = ready.get("reason", ""), ready.get("message", "")
        seen.objects, seen.at = objects, datetime.now(UTC)
        ended = (pod for pod in objects["pods"] if ends.end(pod, seen.at))
        seen.ended |= {pod["metadata"]["uid"]: pod for pod in ended}
        if steps.conditions(deployment).get("Stalled", {}).get("status") == "True":
            end = min(end, now + STALLED_SECONDS)
        if seen.evidence_at is None and cause.evidence and cause.evidence in json.dumps(objects):
            seen.evidence_at = now
        if seen.reason == cause.reason and seen.named_at is None:
            seen.named_at = now
        time.sleep(LOOK_SECONDS)
    return seen


def logs_of(seen: Seen, namespace: str) -> dict[str, str]:
    """By uid, of the Pods whose logs the operator reads, as it reads them."""
    observed = Observed(
        md_body={},
        rayservices=tuple(seen.objects["rayservices"]),
        pods=tuple(seen.objects["pods"]),
    )
    pods = [pod["metadata"] for pod, _ in logs.wanted(observed)]
    words = ("-n", namespace, f"--tail={LOG_LINES}", f"--limit-bytes={LOG_BYTES}")
    return {pod["uid"]: kubectl("logs", pod["name"], *words) for pod in pods}


def _is_done(cause: Cause, seen: Seen) -> bool:
    return seen.named_at is not None and len(seen.ended) >= cause.ends


def snapshot(namespace: str) -> dict[str, list[dict[str, Any]]]:
    text = kubectl("get", ",".join(KINDS), "-n", namespace, "-o", "json")
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    for item in json.loads(text)["items"]:
        found[f"{item['kind'].lower()}s"].append(item)
    return found


def commits(folder: Path) -> Commit:
    folder.mkdir(parents=True, exist_ok=True)
    return Commit(folder)


def _remove(namespace: str) -> None:
    """Told to go: the next cause need not wait for it."""
    kubectl("delete", "md", "--all", "-n", namespace)
    kubectl("delete", "namespace", namespace, "--wait=false")
    volumes = (f"models-{namespace}", f"data-{namespace}")
    kubectl("delete", "persistentvolume", *volumes, "--ignore-not-found", "--wait=false")
