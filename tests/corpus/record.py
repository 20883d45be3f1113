"""`python -m tests.corpus.record [NAME …]`: provoke causes and write down what the cluster said.

One file a cause, as the API server gave it but for what no diagnosis reads. Record anew for
another KubeRay or Ray; a diff then shows what changed its words.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from cluster import lifecycle
from cluster.progress import Progress
from demo import steps
from tests.corpus.causes import BY_NAME, CAUSES, Cause
from tests.corpus.provoke import Seen, commits, provoked

FOLDER = Path(__file__).parent / "recorded"
_NEEDLESS = ("managedFields", "ownerReferences", "annotations", "generateName", "finalizers")


def main(names: list[str]) -> int:
    progress = Progress()
    lifecycle.up(progress)
    images = dict(steps.built("ray", "operator", "githost", progress=progress))
    steps.install_operator(images["operator"])
    steps.publish(progress)
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        commit = commits(Path(folder))
        for cause in [BY_NAME[name] for name in names] or CAUSES:
            progress.say(f"provoking {cause.name}")
            with provoked(cause, commit, images) as (_, seen):
                bad += _judged(cause, seen, progress)
                if seen.objects:
                    write(cause, seen)
    return 1 if bad else 0


def write(cause: Cause, seen: Seen) -> None:
    FOLDER.mkdir(exist_ok=True)
    record = {
        "cause": cause.name,
        "expected": cause.reason,
        "message": seen.message,
        "objects": {kind: [_trimmed(each) for each in them] for kind, them in seen.objects.items()},
    }
    path = FOLDER / f"{cause.name}.yaml"
    path.write_text(yaml.safe_dump(record, sort_keys=False, width=100, allow_unicode=True))


def _judged(cause: Cause, seen: Seen, progress: Progress) -> bool:
    if seen.seconds is None:
        progress.say(f"    {cause.reason} expected, {seen.reason} found: {seen.message}")
        return True
    progress.say(f"    {seen.reason} after {seen.seconds:.1f} s: {seen.message[:120]}")
    return False


def _trimmed(obj: dict[str, Any]) -> dict[str, Any]:
    """Without what no diagnosis reads: it would change with each recording."""
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _NEEDLESS}
    trimmed = {"kind": obj["kind"], "metadata": metadata, "status": obj.get("status", {})}
    spec = obj.get("spec", {})
    if obj["kind"] == "RayService":
        trimmed["spec"] = {"serveConfigV2": spec.get("serveConfigV2", "")}
    elif obj["kind"] == "RayCluster":
        trimmed["spec"] = {"workerGroupSpecs": [_group(each) for each in spec["workerGroupSpecs"]]}
    elif obj["kind"] == "Pod":
        kept = [{key: each[key] for key in ("name", "image")} for each in spec["containers"]]
        trimmed["spec"] = {"containers": kept}
    return trimmed


def _group(group: dict[str, Any]) -> dict[str, Any]:
    (container, *_) = group["template"]["spec"]["containers"]
    template = {"spec": {"containers": [{"resources": container.get("resources", {})}]}}
    numbers = {
        key: group[key] for key in ("minReplicas", "maxReplicas", "replicas") if key in group
    }
    return {"groupName": group["groupName"], **numbers, "template": template}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
