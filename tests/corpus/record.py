"""`python -m tests.corpus.record [NAME …]`: provoke causes and write down what the cluster said.

One file a cause, as the API server gave it but for what no diagnosis reads. Record anew for
another KubeRay or Ray; a diff then shows what changed its words.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from cluster import lifecycle
from cluster.progress import Progress
from demo import steps
from tests.corpus.cause import Cause
from tests.corpus.causes import BY_NAME, CAUSES
from tests.corpus.provoke import Provoker, Seen, commits, logs_of, watched
from tests.e2e.deployed import Deployed

FOLDER = Path(__file__).parent / "recorded"
LOG_LINES = 200
_NEEDLESS = ("managedFields", "ownerReferences", "annotations", "generateName", "finalizers")


def main(names: Sequence[str]) -> int:
    chosen = called(names)
    bad = 0
    with provoker() as made:
        for cause in chosen:
            with made.provoked(cause) as deployed:
                seen = observed(made, cause, deployed)
                bad += seen.named_at is None
                if cause.is_told_by_objects:
                    write(cause, seen, logs_of(seen, deployed.namespace))
    return 1 if bad else 0


def called(names: Sequence[str]) -> Sequence[Cause]:
    """All of them, if none is named."""
    if unknown := [name for name in names if name not in BY_NAME]:
        sys.exit(f"no cause is called {', '.join(unknown)}; there are {', '.join(BY_NAME)}")
    return [BY_NAME[name] for name in names] or CAUSES


@contextmanager
def provoker() -> Iterator[Provoker]:
    """A node on which causes can be provoked."""
    progress = Progress()
    lifecycle.up(progress)
    images = dict(steps.built("ray", "operator", "githost", progress=progress))
    steps.install_operator(images["operator"])
    steps.publish(progress)
    with TemporaryDirectory() as folder:
        yield Provoker(images, commits(Path(folder)), progress)


def observed(made: Provoker, cause: Cause, deployed: Deployed) -> Seen:
    made.progress.say(f"{cause.name}: {cause.reason} is expected")
    seen = watched(cause, deployed)
    after = "" if seen.seconds is None else f" after {seen.seconds:.1f} s"
    known = f"{seen.reason}{after}" if seen.named_at else f"NOT NAMED, but {seen.reason}"
    made.progress.say(f"    {known}: {seen.message}")
    return seen


def write(cause: Cause, seen: Seen, logs: dict[str, str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    living = {pod["metadata"]["uid"] for pod in seen.objects["pods"]}
    told = [each for each in seen.objects["events"] if each["involvedObject"].get("uid") in living]
    objects = seen.objects | {"ended": [*seen.ended.values()], "events": told}
    record = {
        "cause": cause.name,
        "expected": cause.reason,
        "at": seen.at.isoformat(timespec="seconds"),
        "objects": {kind: [_trimmed(each) for each in them] for kind, them in objects.items()},
        "logs": {uid: _end(text) for uid, text in logs.items()},
    }
    path = FOLDER / f"{cause.name}.yaml"
    text = yaml.safe_dump(record, sort_keys=False, width=100, allow_unicode=True)
    # libraries name the public hub in what they say of another one
    path.write_text(text.replace("huggingface.co", "hub.example"))


def _trimmed(obj: dict[str, Any]) -> dict[str, Any]:
    """Without what no diagnosis reads: it would change with each recording."""
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _NEEDLESS}
    trimmed: dict[str, Any] = {"kind": obj["kind"], "metadata": metadata}
    if obj["kind"] == "Event":
        kept = ("involvedObject", "reason", "message", "type", "count", "lastTimestamp")
        return trimmed | {key: obj[key] for key in kept if key in obj}
    spec = obj.get("spec", {})
    trimmed["status"] = _without(obj.get("status", {}), "volumeMounts")
    if obj["kind"] == "RayService":
        trimmed["spec"] = {"serveConfigV2": spec.get("serveConfigV2", "")}
    elif obj["kind"] == "RayCluster":
        trimmed["spec"] = {"workerGroupSpecs": [_group(each) for each in spec["workerGroupSpecs"]]}
    elif obj["kind"] == "Pod":
        containers = [{key: each[key] for key in ("name", "image")} for each in spec["containers"]]
        trimmed["spec"] = {"containers": containers}
    return trimmed


def _end(log: str) -> str:
    """What comes before it, an earlier attempt has written as well."""
    return "\n".join(log.splitlines()[-LOG_LINES:])


def _without(value: Any, needless: str) -> Any:
    if isinstance(value, dict):
        return {k: _without(each, needless) for k, each in value.items() if k != needless}
    return [_without(each, needless) for each in value] if isinstance(value, list) else value


def _group(group: dict[str, Any]) -> dict[str, Any]:
    (container, *_) = group["template"]["spec"]["containers"]
    template = {"spec": {"containers": [{"resources": container.get("resources", {})}]}}
    kept = ("groupName", "minReplicas", "maxReplicas", "replicas")
    return {**{key: group[key] for key in kept if key in group}, "template": template}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
