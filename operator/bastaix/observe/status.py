"""The whole status of a ModelDeployment, from what is seen.

It only reports: deleted, it comes back the same but for its times. Those move only when what
they date does, so a status is written only when it says something new.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bastaix.api import conditions, names, reasons
from bastaix.api.conditions import Condition
from bastaix.api.reasons import Finding
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.observed import Object, Observed, is_ready
from bastaix.observe.phases import phase
from bastaix.render.revision import Revision, from_controller_revision


def status(
    md: ModelDeployment,
    observed: Observed,
    revision: Revision,
    finding: Finding | None,
    now: datetime,
) -> dict[str, Any]:
    """What is seen; a finding of the reconciler itself goes before it."""
    if finding is None:
        finding = Finding(*phase(observed, revision.hash))
    serving = observed.selected is not None and observed.answered(observed.selected)
    report = {
        "observedGeneration": md.generation,
        "url": names.url(md.name, md.namespace),
        "conditions": _conditions(md.status, md.generation, finding, serving, now),
        "active": None if md.spec.suspend else _active(md, observed, revision, now),
        "replicas": _replicas(md, observed),
    }
    return {key: value for key, value in report.items() if value is not None}


def refused(body: Object, finding: Finding, now: datetime) -> dict[str, Any]:
    """The status of a spec that cannot be read: the last one, with what is wrong in it."""
    old = body.get("status") or {}
    generation = body["metadata"].get("generation", 1)
    serving = conditions.find_condition(old.get("conditions") or (), conditions.SERVING) or {}
    return {
        **old,
        "observedGeneration": generation,
        "conditions": _conditions(old, generation, finding, serving.get("status") == "True", now),
    }


def _conditions(
    old: Mapping[str, Any], generation: int, finding: Finding, serving: bool, now: datetime
) -> list[Condition]:
    """kstatus: Ready always; Reconciling or Stalled while it is False, save when suspended."""
    reason, message = finding.reason, finding.message
    is_good, is_suspended = reason == reasons.READY, reason == reasons.SUSPENDED
    if reason.hint and not is_good and not is_suspended and reason.heals != "itself":
        message = f"{message}. {reason.hint}"
    result = conditions.set_condition(
        old.get("conditions") or (),
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
    md: ModelDeployment, observed: Observed, revision: Revision, now: datetime
) -> dict[str, Any] | None:
    """The revision that the stable Service selects, since when."""
    selected = observed.selected
    if selected is None:
        return None
    known = {revision.hash: revision.commit}
    for each in observed.controller_revisions:
        kept = from_controller_revision(each)
        known[kept.hash] = kept.commit
    before = md.status.get("active") or {}
    same = before.get("revision") == selected and "since" in before
    return {
        "revision": selected,
        "commit": known.get(selected, before.get("commit", "")),
        "since": before["since"] if same else conditions.timestamp(now),
    }


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
