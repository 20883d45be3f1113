"""The operator's part of a ModelDeployment's status, from what is seen.

All of it but `source` and the condition SourceVerified, which are the source controller's.
It only reports: deleted, it comes back the same but for its times. Those move only when what
they date does, so a status is written only when it says something new.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from bastaix.api import conditions, names, reasons
from bastaix.api.conditions import Condition
from bastaix.api.reasons import Finding, explained
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.diagnose import diagnose
from bastaix.observe.observed import Object, Observed, creation
from bastaix.observe.startup import Promotion, startup
from bastaix.render.service import NO_REVISION
from bastaix.rollout import replicas
from bastaix.rollout.record import Record
from bastaix.rollout.roles import Roles
from bastaix.rollout.story import Said
from bastaix.rollout.warnings import warnings

HISTORY: Final = 10
MOST_IMAGES: Final = 8
LONGEST_IMAGE: Final = 512


def status(
    md: ModelDeployment, observed: Observed, roles: Roles, said: Said | None, now: datetime
) -> dict[str, Any]:
    """What is seen, and what is said of it; None: it is suspended, or nothing can run."""
    if said is None:
        finding = diagnose(observed, roles.active or "")
        said = Said(finding, finding.reason.heals == "never")
    serving = roles.active is not None and _serves(md, observed, roles.active)
    report = {
        "observedGeneration": md.generation,
        "url": names.url(md.name, md.namespace),
        "conditions": _warning(
            md,
            roles,
            _conditions(md.status, md.generation, said, serving, _is_promoted(md, roles), now),
            now,
        ),
        "active": None if md.spec.suspend else _active(md, observed, roles, now),
        "candidate": None if md.spec.suspend else _candidate(md, observed, roles, said),
        "history": _history(observed, roles) or None,
        "startup": startup(
            observed, _promotion(md, roles), awaited=_is_awaited(md, observed, roles), now=now
        ),
        "replicas": _replicas(md, observed, roles.active),
        "finding": _finding(said.finding),
    }
    return {key: value for key, value in report.items() if value is not None}


def _serves(md: ModelDeployment, observed: Observed, active: str) -> bool:
    """It answered; or it did so last, and just now it cannot be asked through the stable Service.

    It has not been asked yet since that was turned, perhaps by an operator that ended before it
    knew; or somebody else turns it away. Neither says anything of the app.
    """
    if observed.answered(active):
        return True
    said = conditions.find_condition(md.status.get("conditions") or (), conditions.SERVING) or {}
    is_unasked = observed.check_of(active, "stable") is None
    cannot_be_asked = is_unasked or _is_turned_away(observed, active)
    return cannot_be_asked and said.get("status") == "True" and observed.has_replicas(active)


def _is_turned_away(observed: Observed, active: str) -> bool:
    """The stable Service leads to another revision, and no answer of this one is wrong."""
    selector = ((observed.service or {}).get("spec") or {}).get("selector") or {}
    last = observed.check_of(active, "stable")
    is_elsewhere = selector.get(names.REVISION_LABEL) not in (None, NO_REVISION, active)
    return is_elsewhere and (last is None or last.is_missing)


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
    said = Said(finding, finding.reason.heals == "never")
    return {
        **old,
        "observedGeneration": generation,
        "finding": _finding(finding),
        "conditions": _conditions(
            old, generation, said, serving.get("status") == "True", False, now
        ),
    }


def _finding(finding: Finding) -> dict[str, str] | None:
    """What keeps it from being ready, in parts; the conditions have it as one text."""
    if finding.reason in (reasons.READY, reasons.SUSPENDED):
        return None
    reason = finding.reason
    parts = {"reason": reason.name, "message": finding.message, "object": finding.object}
    return {key: value for key, value in {**parts, "hint": reason.hint}.items() if value}


def _is_promoted(md: ModelDeployment, roles: Roles) -> bool:
    is_active = roles.target is not None and roles.target.hash == roles.active
    return is_active and not md.spec.suspend


def _conditions(
    old: Mapping[str, Any],
    generation: int,
    said: Said,
    serving: bool,
    promoted: bool,
    now: datetime,
) -> list[Condition]:
    """kstatus: Ready always; Reconciling or Stalled while it is False, save when suspended."""
    reason, message = said.finding.reason, explained(said.finding)
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
        abnormal = conditions.STALLED if said.stalled else conditions.RECONCILING
    for type in (conditions.RECONCILING, conditions.STALLED):
        if type == abnormal:
            result = conditions.set_condition(
                result, type, "True", reason.name, message, generation, now
            )
        else:
            result = conditions.drop_condition(result, type)
    ended = reasons.PROMOTED if promoted else reason
    result = conditions.set_condition(
        result,
        conditions.PROMOTED,
        "True" if promoted else "False",
        ended.name,
        ended.meaning,
        generation,
        now,
    )
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


def _warning(
    md: ModelDeployment, roles: Roles, before: list[Condition], now: datetime
) -> list[Condition]:
    found = warnings(md, roles)
    if not found:
        return conditions.drop_condition(before, conditions.WARNING)
    message = " ".join(f"{explained(each).removesuffix('.')}." for each in found)
    return conditions.set_condition(
        before, conditions.WARNING, "True", found[0].reason.name, message, md.generation, now
    )


def _active(
    md: ModelDeployment, observed: Observed, roles: Roles, now: datetime
) -> dict[str, Any] | None:
    """The revision that the stable Service selects, since when.

    Its commit is the last one that asked for it: several may have the same content.
    """
    selected = roles.active
    if selected is None:
        return None
    before = md.status.get("active") or {}
    if roles.target is not None and roles.target.hash == selected:
        commit = md.spec.source.commit
    elif before.get("revision") == selected:
        commit = before.get("commit")
    else:
        commit = _commit(observed, selected)
    since = roles.turn.since or before.get("since") or conditions.timestamp(now)
    last = before.get("images") if before.get("revision") == selected else None
    images = running_images(observed, selected) or last
    return _given({"revision": selected, "commit": commit, "since": since, "images": images})


def running_images(observed: Observed, revision: str) -> list[str] | None:
    """The images of Ray's containers by their digests, as kubelets report them; None: of none yet.

    A tag of the spec may have meant several since, on one node and on another.
    """
    found = {
        str(status["imageID"])[:LONGEST_IMAGE]
        for pod in observed.pods_of(revision)
        for status in (pod.get("status") or {}).get("containerStatuses") or ()
        if status.get("imageID") and status.get("name") == pod["spec"]["containers"][0]["name"]
    }
    return sorted(found)[:MOST_IMAGES] or None


def _candidate(
    md: ModelDeployment, observed: Observed, roles: Roles, said: Said
) -> dict[str, Any] | None:
    revision = roles.candidate or roles.held
    if revision is None:
        return None
    is_target = roles.target is not None and roles.target.hash == revision
    commit = md.spec.source.commit if is_target else _commit(observed, revision)
    rayservice = observed.rayservice_of(revision)
    return _given(
        {
            "revision": revision,
            "commit": commit,
            "phase": "Held" if roles.candidate is None else said.finding.reason.name,
            "since": creation(rayservice) if rayservice is not None else None,
        }
    )


def _promotion(md: ModelDeployment, roles: Roles) -> Promotion:
    rollout = md.spec.rollout
    was_judged = roles.record(roles.active).evaluated is not None
    waits = rollout.gate is not None or rollout.pause_before_promotion or was_judged
    return Promotion(roles.turn, is_prompt=not waits)


def _is_awaited(md: ModelDeployment, observed: Observed, roles: Roles) -> bool:
    """A revision is to come: its source is being fetched, or it waits for another one to go."""
    if md.spec.suspend:
        return False
    if roles.target is None:
        return True
    return roles.candidate is not None and observed.rayservice_of(roles.candidate) is None


def _history(observed: Observed, roles: Roles) -> list[dict[str, Any]]:
    """What became of the revisions, the newest end first."""
    ended = [
        _given(
            {
                "revision": hash,
                "commit": _commit(observed, hash),
                "outcome": each.outcome,
                "reason": each.reason,
                "at": each.at,
                "evaluation": each.evaluation,
            }
        )
        for hash, each in ((hash, _told(record)) for hash, record in roles.records.items())
        if each.outcome is not None
    ]
    ended.sort(key=lambda each: (str(each["at"]), each["revision"] == roles.active), reverse=True)
    return ended[:HISTORY]


def _told(record: Record) -> Record:
    """With the word on what was left because somebody asked for another one."""
    if record.left is None or record.failed:
        return record
    return replace(record, outcome="RolledBack", reason=reasons.ROLLED_BACK.name, at=record.left)


def _commit(observed: Observed, revision: str) -> str | None:
    kept = observed.kept(revision)
    return None if kept is None else (kept.get("data") or {}).get("commit")


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}


def _replicas(md: ModelDeployment, observed: Observed, active: str | None) -> dict[str, int]:
    if md.spec.suspend:
        return {"desired": 0, "ready": 0}
    wanted = replicas.wanted(observed, active or "")
    return {
        "desired": md.spec.scaling.min_replicas if wanted is None else wanted,
        "ready": replicas.ready(observed, active or ""),
    }
