"""The operator's part of a ModelDeployment's status, from what is seen.

All of it but `source` and the condition SourceVerified, which are the source controller's.
It only reports: deleted, it comes back the same but for its times. Those move only when what
they date does, so a status is written only when it says something new.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bastaix.api import conditions, names, reasons
from bastaix.api.conditions import Condition
from bastaix.api.reasons import Finding, explained
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.observed import Object, Observed, is_ready
from bastaix.observe.phases import phase
from bastaix.render.revision import Revision, from_controller_revision


def status(
    md: ModelDeployment,
    observed: Observed,
    current: Revision | None,
    finding: Finding | None,
    now: datetime,
) -> dict[str, Any]:
    """What is seen; a finding of the reconciler itself goes before it.

    `current` is the revision of this spec, None while it cannot be made.
    """
    if finding is None:
        finding = Finding(*phase(observed, current.hash if current else ""))
    serving = observed.selected is not None and observed.answered(observed.selected)
    report = {
        "observedGeneration": md.generation,
        "url": names.url(md.name, md.namespace),
        "conditions": _conditions(md.status, md.generation, finding, serving, now),
        "active": None if md.spec.suspend else _active(md, observed, current, now),
        "replicas": _replicas(md, observed),
    }
    return {key: value for key, value in report.items() if value is not None}


def ours(status: Mapping[str, Any]) -> dict[str, Any]:
    """What of a status the operator writes, so that it never claims the rest for itself."""
    kept = {key: value for key, value in status.items() if key not in ("source", "conditions")}
    of_operator = [
        each for each in status.get("conditions") or () if each["type"] in conditions.OF_OPERATOR
    ]
    return {**kept, "conditions": of_operator}


def refused(body: Object, finding: Finding, now: datetime) -> dict[str, Any]:
    """The status of a spec that cannot be read: the last one, with what is wrong in it."""
    old = ours(body.get("status") or {})
    generation = body["metadata"].get("generation", 1)
    serving = conditions.find_condition(old["conditions"], conditions.SERVING) or {}
    return {
        **old,
        "observedGeneration": generation,
        "conditions": _conditions(old, generation, finding, serving.get("status") == "True", now),
    }


def _conditions(
    old: Mapping[str, Any], generation: int, finding: Finding, serving: bool, now: datetime
) -> list[Condition]:
    """kstatus: Ready always; Reconciling or Stalled while it is False, save when suspended."""
    reason, message = finding.reason, explained(finding)
    is_good, is_suspended = reason == reasons.READY, reason == reasons.SUSPENDED
    result = conditions.set_condition(
        ours(old)["conditions"],
        conditions.READY,
        "True" if is_good else "False",
        reason.name,
        message,
        generation,
        now,
    )
    abnormal = None
    if not is_good and not is_suspended:
        abnormal = conditions.STALLED if reason.heals == "never" else conditions.RECONCILING
    for type in (conditions.RECONCILING, conditions.STALLED):
        if type == abnormal:
            result = conditions.set_condition(
                result, type, "True", reason.name, message, generation, now
            )
        else:
            result = conditions.drop_condition(result, type)
    answering = reasons.ANSWERING if serving else reasons.NOT_ANSWERING
    return conditions.set_condition(
        result,
        conditions.SERVING,
        "True" if serving else "False",
        answering.name,
        answering.meaning,
        generation,
        now,
    )


def _active(
    md: ModelDeployment, observed: Observed, current: Revision | None, now: datetime
) -> dict[str, Any] | None:
    """The revision that the stable Service selects, since when.

    Its commit is the last one that asked for it: several may have the same content.
    """
    selected = observed.selected
    if selected is None:
        return None
    before = md.status.get("active") or {}
    same = before.get("revision") == selected and "since" in before
    if current is not None and current.hash == selected:
        commit = md.spec.source.commit
    else:
        kept = map(from_controller_revision, observed.controller_revisions)
        known = {each.hash: each.commit for each in kept}
        commit = before.get("commit") if same else known.get(selected)
    active = {
        "revision": selected,
        "commit": commit,
        "since": before["since"] if same else conditions.timestamp(now),
    }
    return {key: value for key, value in active.items() if value is not None}


def _replicas(md: ModelDeployment, observed: Observed) -> dict[str, int]:
    """One worker Pod holds one replica. How many are wanted is the autoscaler's to say."""
    if md.spec.suspend:
        return {"desired": 0, "ready": 0}
    selected = observed.selected or ""
    wanted = md.spec.scaling.min_replicas
    cluster = observed.raycluster_of(selected)
    for group in ((cluster or {}).get("spec") or {}).get("workerGroupSpecs") or ():
        wanted = max(group.get("replicas") or 0, group.get("minReplicas") or 0)
    workers = observed.pods_of(selected, "worker")
    return {"desired": wanted, "ready": sum(is_ready(worker) for worker in workers)}
