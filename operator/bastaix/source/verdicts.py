"""What the source controller says in a status: its one condition and `status.source`. Pure.

The rest of the status is the operator's. What was verified last stays in `status.source` while
something newer fails, for it may be what serves.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from bastaix.api import names, reasons
from bastaix.api.conditions import SOURCE_VERIFIED, find_condition, set_condition
from bastaix.api.reasons import Finding, Reason
from bastaix.api.sources import is_verified as is_verified_by
from bastaix.api.sources import verification_fields
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.source import anchors
from bastaix.source.anchors import Anchor
from bastaix.source.artifact import Artifact

LONGEST_MESSAGE: Final = 2000

Status = dict[str, Any]


def verified(md: ModelDeployment, artifact: Artifact, anchor: Anchor, now: datetime) -> Status:
    """`anchor` is that of the artifact."""
    count = len(artifact.data)
    found = f"{artifact.files} files, {count} bytes, {artifact.digest}"
    source = {
        "commit": md.spec.source.commit,
        "digest": artifact.digest,
        "bytes": count,
        "files": artifact.files,
        **verification_fields(md.spec),
        "artifacts": anchors.artifacts(md, anchor),
    }
    return {
        "source": {name: value for name, value in source.items() if value is not None},
        **_said(md, "True", reasons.VERIFIED, "; ".join((found, *artifact.notes)), now),
    }


def in_image(md: ModelDeployment, now: datetime) -> Status:
    return _said(md, "True", reasons.IN_IMAGE, reasons.IN_IMAGE.meaning, now)


def failed(md: ModelDeployment, finding: Finding, now: datetime) -> Status:
    return {
        **_last_source(md),
        **_said(md, "False", finding.reason, reasons.explained(finding), now),
    }


def lost(md: ModelDeployment, anchor: Anchor, now: datetime) -> Status:
    """What was verified is not there any more, or is something else."""
    name = names.artifact_name(md.name, anchor.digest)
    message = f"Secret {name} does not hold the verified code any more; it is made again."
    return {**_last_source(md), **_said(md, "Unknown", reasons.FETCHING_SOURCE, message, now)}


def fetching(md: ModelDeployment, now: datetime, message: str) -> Status | None:
    """None: what stands there is about this generation, and says more."""
    before, reason = _condition(md), reasons.FETCHING_SOURCE
    current = before.get("observedGeneration") == md.generation
    if current and before.get("reason") != reason.name:
        return None
    return {**_last_source(md), **_said(md, "Unknown", reason, message, now)}


def still_verified(md: ModelDeployment, anchor: Anchor, now: datetime) -> Status:
    """As it stands, said of the generation that there is now."""
    return {
        "source": {
            **last_source(md),
            **verification_fields(md.spec),
            "artifacts": anchors.artifacts(md, anchor),
        },
        **_said(md, "True", reasons.VERIFIED, str(_condition(md).get("message", "")), now),
    }


def is_verified(md: ModelDeployment) -> bool:
    before = _condition(md)
    true = before.get("status") == "True" and before.get("reason") == reasons.VERIFIED.name
    return true and is_verified_by(last_source(md), md.spec)


def says(md: ModelDeployment, wanted: Status) -> bool:
    """Whether the status has it already."""
    return _in_order({**_last_source(md), "conditions": [_condition(md)]}) == _in_order(wanted)


def last_source(md: ModelDeployment) -> Mapping[str, Any]:
    return md.status.get("source") or {}


def _in_order(status: Status) -> Status:
    source = status.get("source") or {}
    if "artifacts" not in source:
        return status
    return {**status, "source": {**source, "artifacts": anchors.in_order(source["artifacts"])}}


def _last_source(md: ModelDeployment) -> Status:
    last = last_source(md)
    return {"source": dict(last)} if last else {}


def _condition(md: ModelDeployment) -> Mapping[str, Any]:
    return find_condition(md.status.get("conditions") or (), SOURCE_VERIFIED) or {}


def _said(
    md: ModelDeployment,
    status: Literal["True", "False", "Unknown"],
    reason: Reason,
    message: str,
    now: datetime,
) -> Status:
    before = _condition(md)
    old = [before] if before else []
    message = message[:LONGEST_MESSAGE]
    conditions = set_condition(
        old, SOURCE_VERIFIED, status, reason.name, message, md.generation, now
    )
    return {"conditions": conditions}
