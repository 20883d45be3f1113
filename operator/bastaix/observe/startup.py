"""How long each phase of the last start took: an answer to "why does it take six minutes". Pure.

One start is that of one RayService. Its phases lie on the critical path one after the other and
add up to the time from the apply to the first answer:

| phase        | ends when                                                                    |
|--------------|------------------------------------------------------------------------------|
| source       | the source is verified, and with it the revision known                       |
| schedule     | the head and a worker have their nodes                                       |
| image        | the first container of each runs: pulled, and the volumes are mounted        |
| ray          | the head is ready, and a worker's own container runs                         |
| engine       | a Pod answers for Ray Serve, which one does once there is a replica          |
| first answer | the check was answered right                                                 |

`engine` holds the loading of the weights: what reads them and what then compiles and warms up is
one constructor to Ray Serve, and no object tells where the one ends and the other begins.

Objects forget: a Pod that is replaced takes its times along, and a condition has only its last
one. So what is in the status stays, and only the phase that comes next is looked for. Where the
status was deleted the objects tell what they can; the start of a Pod that came after the
promotion is not taken for that of the revision.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bastaix.api import names
from bastaix.api.conditions import SERVING, SOURCE_VERIFIED, timestamp
from bastaix.observe.observed import Object, Observed, condition, creation, moment, revision_of
from bastaix.render.service import Turn

PHASES: Final = ("source", "schedule", "image", "ray", "engine", "firstAnswer")
PENDING: Final = "pendingSince"

_AT_ONCE: Final = timedelta(seconds=10)
"""From the keeping of a first revision to its RayService; later than that it is another start."""
_ROUNDED: Final = timedelta(seconds=1)
"""The API server's times are whole seconds."""


@dataclass(frozen=True)
class Promotion:
    """Where the stable Service leads."""

    turn: Turn
    is_prompt: bool
    """A revision is promoted as soon as it has answered: without a gate and a word."""


def startup(
    observed: Observed, promotion: Promotion, *, awaited: bool, now: datetime
) -> dict[str, Any] | None:
    """The last start as far as it has come; None: none is known.

    `awaited`: a revision is to be started of which there is no RayService yet.
    """
    before = (observed.md_body.get("status") or {}).get("startup") or {}
    pending = before.get(PENDING)
    known = {key: value for key, value in before.items() if key != PENDING}
    living = [each for each in observed.rayservices if "deletionTimestamp" not in each["metadata"]]
    newest = max((each for each in living if moment(creation(each))), key=creation, default=None)
    if newest is not None and creation(newest) > str(known.get("created", "")):
        known = _begun(observed, newest, before)
        if known["since"] == pending:
            pending = None
        found = _measured(observed, known, promotion, is_watched=False)
    elif newest is not None and is_same(known, _identity(newest)):
        found = _measured(observed, known, promotion, is_watched=True)
    else:
        found = known
    if awaited:
        is_first = newest is None and not known
        found = {**found, PENDING: _pending(observed, pending, now, is_first=is_first)}
    return found or None


def field(phase: str) -> str:
    return f"{phase}Seconds"


def seconds(startup: Mapping[str, Any]) -> dict[str, float]:
    """Of each phase that is over."""
    return {each: float(startup[field(each)]) for each in PHASES if field(each) in startup}


def is_over(startup: Mapping[str, Any]) -> bool:
    return field(PHASES[-1]) in startup


def current(startup: Mapping[str, Any]) -> tuple[str, datetime] | None:
    """The phase of a start that is not over, and since when it is in it."""
    known = seconds(startup)
    began = moment(startup.get("since"))
    left = [each for each in PHASES[1:] if each not in known]
    if began is None or not left:
        return None
    return left[0], began + timedelta(seconds=sum(known.values()))


def is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Of one start."""
    return all(one.get(key) == other.get(key) for key in ("revision", "created"))


def finished(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float] | None:
    """The phases of a start that was seen under way and is now over; None: there is none.

    What is over when it is seen first was counted by whoever wrote the status before.
    """
    if is_over(before) or not is_over(after) or not is_same(before, after):
        return None
    return seconds(after)


def _identity(rayservice: Object) -> dict[str, Any]:
    return {"revision": revision_of(rayservice), "created": creation(rayservice)}


def _begun(observed: Observed, rayservice: Object, before: Mapping[str, Any]) -> dict[str, Any]:
    """From when it counts, and how much of that went by for the source.

    Whoever starts a revision that is there already, as a retry does, waits for no source.
    """
    made = moment(creation(rayservice))
    assert made is not None, "only of a RayService with a date"
    kept = moment(creation(observed.kept(str(revision_of(rayservice))) or {"metadata": {}}))
    pending, applied = moment(before.get(PENDING)), moment(creation(observed.md_body))
    begun = {**_identity(rayservice), "since": timestamp(made)}
    if pending is not None and pending <= made:
        since = pending
    elif "revision" in before:
        since = made
    elif _is_first(observed, applied, kept, made):
        assert applied is not None
        since = applied
    else:
        return begun
    verified = condition(observed.md_body, SOURCE_VERIFIED)
    told = verified.get("lastTransitionTime") if verified.get("status") == "True" else None
    ends = [each for each in (kept, moment(told)) if each is not None and since <= each <= made]
    took = (max(ends, default=made) - since).total_seconds()
    return {**begun, "since": timestamp(since), field("source"): round(took, 1)}


def _is_first(
    observed: Observed, applied: datetime | None, kept: datetime | None, made: datetime
) -> bool:
    """Nothing was started before it: so it began with the ModelDeployment itself."""
    if observed.md_body["metadata"].get("generation", 1) != 1 or not applied or not kept:
        return False
    return applied <= kept <= made <= kept + _AT_ONCE


def _pending(observed: Observed, pending: object, now: datetime, *, is_first: bool) -> str:
    """Since when a revision is awaited: another spec is another apply."""
    metadata, status = observed.md_body["metadata"], observed.md_body.get("status") or {}
    generation = metadata.get("generation", 1)
    if pending and status.get("observedGeneration") == generation:
        return str(pending)
    applied = moment(creation(observed.md_body))
    return timestamp(applied if is_first and generation == 1 and applied else now)


def _measured(
    observed: Observed, known: Mapping[str, Any], promotion: Promotion, *, is_watched: bool
) -> dict[str, Any]:
    """With the phases that are over by now."""
    found, began = dict(known), moment(known.get("since"))
    if began is None or is_over(known):
        return found
    revision, made = str(known["revision"]), moment(known["created"]) or began
    turn = promotion.turn
    promoted = moment(turn.since) if turn.revision == revision else None
    is_trial = promoted is None or promoted >= made
    marks = {
        **_marks(observed, revision, made),
        "firstAnswer": _first_answer(observed, revision, promotion, promoted)
        if is_trial
        else _answer_again(observed, revision, made)
        if is_watched
        else None,
    }
    for phase in PHASES:
        if field(phase) in found:
            began += timedelta(seconds=found[field(phase)])
            continue
        if phase == "source":  # nobody knows any more, so it counts from the RayService
            continue
        mark = marks[phase]
        if mark is None:
            break
        if is_trial and promoted is not None and mark > max(promoted, began) + _ROUNDED:
            break
        found[field(phase)] = round(max((mark - began).total_seconds(), 0.0), 1)
        began = max(mark, began)
    return found


def _marks(observed: Observed, revision: str, made: datetime) -> dict[str, datetime | None]:
    """When each phase ended; a worker counts that was first to come so far."""
    heads = [each for each in observed.pods_of(revision, "head") if _is_of(each, made)]
    workers = [each for each in observed.pods_of(revision, "worker") if _is_of(each, made)]
    cluster = observed.raycluster_of(revision)
    head_ready = [_became(each, "Ready") for each in heads]
    if cluster is not None and _is_of(cluster, made):
        head_ready.append(_became(cluster, "HeadPodReady"))
    return {
        "schedule": _last(
            _first(_became(each, "PodScheduled") for each in heads),
            _first(_became(each, "PodScheduled") for each in workers),
        ),
        "image": _last(
            _first(_started(each, "initContainerStatuses", "containerStatuses") for each in heads),
            _first(
                _started(each, "initContainerStatuses", "containerStatuses") for each in workers
            ),
        ),
        "ray": _last(
            _first(head_ready), _first(_started(each, "containerStatuses") for each in workers)
        ),
        "engine": _first(
            [
                *(_became(each, "Ready") for each in workers if _serves(each)),
                _serving(observed, revision, made),
            ]
        ),
    }


def _serving(observed: Observed, revision: str, made: datetime) -> datetime | None:
    """When KubeRay first found an endpoint: the head's proxy may be faster than a worker's."""
    since = _became(observed.rayservice_of(revision) or {}, "Ready")
    return since if since is not None and since >= made else None


def _first_answer(
    observed: Observed, revision: str, promotion: Promotion, promoted: datetime | None
) -> datetime | None:
    """Of a revision on trial: through its own Service, or when it got the traffic for that."""
    check = observed.check_of(revision, "own")
    if check is not None and check.ok:
        return check.at
    return promoted if promotion.is_prompt else None


def _answer_again(observed: Observed, revision: str, made: datetime) -> datetime | None:
    """Of an active revision that was started again: an answer may be remembered from the status."""
    check = observed.check_of(revision, "stable")
    if check is None or not check.ok:
        return None
    told = condition(observed.md_body, SERVING)
    since = moment(told.get("lastTransitionTime")) if told.get("status") == "True" else None
    return since if since is not None and since >= made else check.at


def _is_of(obj: Object, made: datetime) -> bool:
    """It came with this start: those of the one before may not know yet that they are to go."""
    created = moment(creation(obj))
    return created is not None and created >= made


def _serves(pod: Object) -> bool:
    return (pod["metadata"].get("labels") or {}).get(names.RAY_SERVE_LABEL) == "true"


def _became(obj: Object, type: str) -> datetime | None:
    found = condition(obj, type)
    return moment(found.get("lastTransitionTime")) if found.get("status") == "True" else None


def _started(pod: Object, *places: str) -> datetime | None:
    """When the first of these containers ran first."""
    status = pod.get("status") or {}
    return _first(
        moment((state or {}).get("startedAt"))
        for place in places
        for container in status.get(place) or ()
        for state in _states(container)
    )


def _states(container: Object) -> Iterator[Any]:
    for place in ("state", "lastState"):
        found = container.get(place) or {}
        yield from (found.get("running"), found.get("terminated"))


def _first(moments: Iterable[datetime | None]) -> datetime | None:
    return min((each for each in moments if each is not None), default=None)


def _last(*moments: datetime | None) -> datetime | None:
    """None as long as one is missing."""
    known = [each for each in moments if each is not None]
    return max(known) if len(known) == len(moments) else None
