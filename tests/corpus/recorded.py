"""What was recorded, as the operator would have observed it."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import yaml

from bastaix.observe import ends, logs, mounting
from bastaix.observe.observed import Object, Observed, revision_of

FOLDER: Final = Path(__file__).parent / "recorded"
FILES: Final = sorted(FOLDER.glob("*.yaml"))


@dataclass(frozen=True)
class Recording:
    cause: str
    expected: str
    """The reason."""
    revision: str
    observed: Observed


def recording(file: Path, md_body: Object, revision: str | None = None) -> Recording:
    """Of a ModelDeployment as given, and of its revision instead of the recorded one."""
    text = file.read_text()
    record: dict[str, Any] = yaml.safe_load(text)
    (rayservice,) = record["objects"]["rayservices"]
    if revision is not None:
        record = yaml.safe_load(text.replace(str(revision_of(rayservice)), revision))
        (rayservice,) = record["objects"]["rayservices"]
    objects, at = record["objects"], datetime.fromisoformat(record["at"])
    observed = Observed(
        md_body=md_body,
        rayservices=tuple(objects["rayservices"]),
        rayclusters=tuple(objects["rayclusters"]),
        pods=tuple(objects["pods"]),
        ends=tuple(each for pod in objects["ended"] if (each := ends.end(pod, at))),
        unmounted=_unmounted(objects["pods"], objects["events"], at),
        at=at,
    )
    wanted = [pod["metadata"]["uid"] for pod, _ in logs.wanted(observed)]
    observed = replace(observed, logs={uid: logs.errors(record["logs"][uid]) for uid in wanted})
    found = str(revision_of(rayservice))
    return Recording(record["cause"], record["expected"], found, observed)


def _unmounted(pods: list[Object], events: list[Object], at: datetime) -> dict[str, str]:
    """As the operator would have read it."""
    found = {}
    for pod in pods:
        uid, waited = pod["metadata"]["uid"], mounting.waited(pod, at)
        about = [each for each in events if each["involvedObject"].get("uid") == uid]
        complaint = None if waited is None else mounting.complaint(about, waited)
        found |= {} if complaint is None else {uid: complaint}
    return found
