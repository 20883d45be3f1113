"""The phases of a start, read off the dates of a cluster, and kept when the objects forget."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bastaix.api import reasons
from bastaix.api.conditions import timestamp
from bastaix.observe.observed import CheckResult, Observed
from bastaix.observe.startup import Promotion, current, finished, is_over, seconds, startup
from bastaix.render.service import Turn
from tests.unit.bodies import with_field
from tests.unit.observe.scenes import CURRENT, HASH, KEPT, NOW, metadata, pod, scene

OTHER = "00000000"
NOBODY = Promotion(Turn(), is_prompt=True)

APPLIED, VERIFIED, MADE = 0, 3, 4
HEAD = {"scheduled": 6, "started": 20, "ready": 30}
WORKER = {"scheduled": 10, "started": 40, "joined": 45, "ready": 170}
ANSWERED = 171.5
WHOLE = {
    "source": 3.0,
    "schedule": 7.0,
    "image": 30.0,
    "ray": 5.0,
    "engine": 125.0,
    "firstAnswer": 1.5,
}


def at(second: float) -> datetime:
    return NOW + timedelta(seconds=second)


def dated(second: float) -> str:
    return timestamp(at(second))


def since(type: str, second: int | None) -> list[dict[str, Any]]:
    if second is None:
        return []
    return [{"type": type, "status": "True", "lastTransitionTime": dated(second)}]


def ran(second: int | None) -> list[dict[str, Any]]:
    return [] if second is None else [{"state": {"running": {"startedAt": dated(second)}}}]


def created(body: dict[str, Any], second: float) -> dict[str, Any]:
    return with_field(body, "metadata.creationTimestamp", dated(second))


def head(made: int = MADE, **times: int) -> dict[str, Any]:
    conditions = since("PodScheduled", times.get("scheduled")) + since("Ready", times.get("ready"))
    found = pod("head", conditions=conditions, containerStatuses=ran(times.get("started")))
    return created(found, made)


def worker(name: str = "", made: int = MADE, **times: int) -> dict[str, Any]:
    """Its init container waits for the head."""
    found = pod(
        "worker",
        name,
        conditions=since("PodScheduled", times.get("scheduled"))
        + since("Ready", times.get("ready")),
        initContainerStatuses=ran(times.get("started")),
        containerStatuses=ran(times.get("joined")),
    )
    return created(found, made)


def made(second: float = MADE, hash: str = HASH) -> dict[str, Any]:
    return created({"metadata": metadata(f"smollm2-{hash}", hash), "status": {}}, second)


def until(second: float, before: dict[str, Any] | None = None, **seen: Any) -> Observed:
    """The usual start as it is seen at this second: what is later has not come yet."""

    def so_far(times: dict[str, int]) -> dict[str, int]:
        return {key: value for key, value in times.items() if value <= second}

    given: dict[str, Any] = {
        "rayservices": (made(),) if second >= MADE else (),
        "pods": (head(**so_far(HEAD)), worker(**so_far(WORKER))) if second >= MADE else (),
        "controller_revisions": (created(dict(KEPT), VERIFIED),) if second >= VERIFIED else (),
        "checks": {"own": right(ANSWERED)} if second >= ANSWERED else {},
    }
    found = scene(**{**given, **seen})
    body = created(dict(found.md_body), APPLIED)
    if before is not None:
        body = with_field(body, "status", {"observedGeneration": 1, "startup": before})
    return replace(found, md_body=body)


def right(second: float, hash: str = HASH) -> CheckResult:
    return CheckResult(revision=hash, ok=True, reason=reasons.READY, message="", at=at(second))


def told(
    observed: Observed, promotion: Promotion = NOBODY, awaited: bool = False, now: float = 1000
) -> dict[str, Any]:
    return startup(observed, promotion, awaited=awaited, now=at(now)) or {}


def promoted(second: float, is_prompt: bool = True, hash: str = HASH) -> Promotion:
    return Promotion(Turn(hash, dated(second)), is_prompt)


@pytest.mark.parametrize(
    ("second", "phases"),
    [
        (5, ["source"]),
        (9, ["source"]),
        (39, ["source", "schedule"]),
        (44, ["source", "schedule", "image"]),
        (169, ["source", "schedule", "image", "ray"]),
        (171, ["source", "schedule", "image", "ray", "engine"]),
        (172, list(WHOLE)),
    ],
)
def test_a_phase_is_told_when_it_is_over_on_the_slowest_of_what_is_needed(
    second: float, phases: list[str]
) -> None:
    found = told(until(second))
    assert seconds(found) == {each: WHOLE[each] for each in phases}
    assert found["revision"] == HASH == CURRENT.hash
    assert (found["since"], found["created"]) == (dated(APPLIED), dated(MADE))


def test_the_phases_add_up_to_the_time_from_apply_to_first_answer() -> None:
    assert sum(seconds(told(until(ANSWERED))).values()) == ANSWERED - APPLIED


def test_watched_or_seen_at_its_end_it_is_the_same() -> None:
    before: dict[str, Any] = told(until(0), awaited=True, now=0)
    assert before == {"pendingSince": dated(APPLIED)}
    for second in (3, 4, 8, 21, 41, 60, 170, 172):
        awaited = second < MADE
        before = told(until(second, before), awaited=awaited, now=second)
    assert before == told(until(ANSWERED))


def test_nothing_is_known_of_what_has_not_begun() -> None:
    assert startup(until(3), NOBODY, awaited=False, now=at(3)) is None


def test_one_that_goes_on_says_in_which_phase_and_since_when() -> None:
    assert current(told(until(100))) == ("engine", at(WORKER["joined"]))
    assert current(told(until(ANSWERED))) is None


def test_what_is_over_stays_when_pods_are_replaced_later() -> None:
    before = told(until(60))
    late = {"scheduled": 500, "started": 510, "joined": 520, "ready": 600}
    replaced = (head(made=490, scheduled=495, started=500, ready=510), worker(made=490, **late))
    found = told(until(700, before, pods=replaced, checks={"own": right(601)}))
    kept = ("source", "schedule", "image", "ray")
    assert {each: seconds(found)[each] for each in kept} == {each: WHOLE[each] for each in kept}
    assert sum(seconds(found).values()) == 601


def test_a_start_that_is_over_is_never_written_anew() -> None:
    before = told(until(ANSWERED))
    again = until(900, before, pods=(worker(made=800, scheduled=801),), checks={"own": right(899)})
    assert told(again, promoted(172)) == before
    assert told(until(900, before, rayservices=(), pods=()), promoted(172)) == before


def test_a_worker_that_comes_later_does_not_count() -> None:
    late = {"scheduled": 300, "started": 310, "joined": 320, "ready": 400}
    pods = (head(**HEAD), worker("a", **late), worker("b", **WORKER))
    assert seconds(told(until(ANSWERED, pods=pods))) == WHOLE


def test_a_container_that_was_started_again_counts_from_the_first_time() -> None:
    ended = {"terminated": {"startedAt": dated(20), "finishedAt": dated(25)}}
    crashed = head(**HEAD)
    crashed["status"]["containerStatuses"] = [
        {"state": {"running": {"startedAt": dated(100)}}, "lastState": ended}
    ]
    pods = (crashed, worker(**WORKER))
    assert seconds(told(until(ANSWERED, pods=pods)))["image"] == WHOLE["image"]


def test_the_head_is_ready_when_the_raycluster_says_so_too() -> None:
    lasting = {**HEAD, "ready": 160}
    cluster = created({"metadata": metadata("c", HASH)}, MADE)
    cluster["status"] = {"conditions": since("HeadPodReady", 50)}
    seen = until(ANSWERED, pods=(head(**lasting), worker(**WORKER)), rayclusters=(cluster,))
    assert seconds(told(seen))["ray"] == 50 - WORKER["started"]


def test_pods_of_the_start_before_are_not_of_this_one() -> None:
    before = told(until(ANSWERED))
    seen = until(500, before, rayservices=(made(300),), checks={})
    assert told(seen, promoted(172)) == {
        "revision": HASH,
        "since": dated(300),
        "created": dated(300),
        "sourceSeconds": 0.0,
    }


def test_another_revision_counts_from_when_the_operator_saw_its_spec() -> None:
    before = told(until(ANSWERED))
    fetching = until(1000, before)
    body = with_field(dict(fetching.md_body), "metadata.generation", 2)
    pending = told(replace(fetching, md_body=body), promoted(172), awaited=True, now=1000)
    assert pending == {**before, "pendingSince": dated(1000)}
    kept = with_field(created(dict(KEPT), 1010), "metadata.labels", metadata("", OTHER)["labels"])
    rayservices = (made(), made(1040, OTHER))  # it waited for another one to go
    seen = until(1041, pending, rayservices=rayservices, controller_revisions=(kept,))
    assert told(seen, promoted(172)) == {
        "revision": OTHER,
        "since": dated(1000),
        "created": dated(1040),
        "sourceSeconds": 10.0,
    }


def test_a_spec_of_the_same_revision_starts_nothing() -> None:
    before = told(until(ANSWERED))
    seen = until(1001, {**before, "pendingSince": dated(1000)})
    assert told(seen, promoted(172)) == before


def test_while_a_revision_is_awaited_its_date_stays_until_another_spec_comes() -> None:
    before = {"pendingSince": dated(1000)}
    seen = until(0, before)
    assert told(seen, awaited=True, now=1200) == before
    newer = replace(seen, md_body=with_field(dict(seen.md_body), "metadata.generation", 2))
    assert told(newer, awaited=True, now=1200) == {"pendingSince": dated(1200)}


def test_that_the_source_was_verified_ends_its_phase_for_a_revision_that_was_there_before() -> None:
    verified = {**since("SourceVerified", 1005)[0], "reason": "Verified"}
    seen = until(
        1021,
        {"pendingSince": dated(1000)},
        rayservices=(made(1020),),
        pods=(),
    )
    body = with_field(dict(seen.md_body), "status.conditions", [verified])
    assert told(replace(seen, md_body=body))["sourceSeconds"] == 5.0


def test_without_a_status_the_objects_tell_all_that_they_can() -> None:
    whole = told(until(1000, checks={}), promoted(172))
    assert seconds(whole) == {**WHOLE, "firstAnswer": 2.0}


def test_what_was_not_promoted_at_once_does_not_tell_when_it_answered() -> None:
    found = told(until(1000, checks={}), promoted(500, is_prompt=False))
    assert not is_over(found)
    assert seconds(found) == {each: WHOLE[each] for each in list(WHOLE)[:-1]}


def test_pods_that_came_after_the_promotion_tell_nothing_of_the_start() -> None:
    late = {"scheduled": 500, "started": 510, "joined": 520, "ready": 600}
    pods = (head(**HEAD), worker(made=490, **late))
    found = told(until(1000, pods=pods, checks={}), promoted(172))
    assert seconds(found) == {"source": 3.0}


def test_what_began_before_anybody_noted_it_has_no_source_phase() -> None:
    later = with_field(dict(until(0).md_body), "metadata.generation", 4)
    seen = replace(until(ANSWERED), md_body=later)
    found = told(seen)
    assert "sourceSeconds" not in found
    assert found["since"] == dated(MADE)
    assert sum(seconds(found).values()) == ANSWERED - MADE


def test_an_active_revision_that_is_started_again_is_over_when_clients_get_an_answer() -> None:
    begun = told(until(5, {"revision": HASH, "created": dated(-900)}), promoted(-900))
    assert seconds(begun) == {"source": 0.0}
    seen = until(180, begun, checks={"stable": right(173)})
    found = told(seen, promoted(-900))
    assert seconds(found)["firstAnswer"] == 3.0
    assert sum(seconds(found).values()) == 173 - MADE


def test_an_answer_that_is_remembered_is_dated_by_the_status() -> None:
    begun = told(until(5, {"revision": HASH, "created": dated(-900)}), promoted(-900))
    seen = until(5000, begun, checks={"stable": right(5000)})
    serving = {"type": "Serving", "status": "True", "lastTransitionTime": dated(172)}
    body = with_field(dict(seen.md_body), "status.conditions", [serving])
    assert seconds(told(replace(seen, md_body=body), promoted(-900)))["firstAnswer"] == 2.0


def test_a_wrong_answer_is_none() -> None:
    wrong = replace(right(171), ok=False, reason=reasons.WRONG_ANSWER)
    assert not is_over(told(until(1000, checks={"own": wrong})))


def test_the_start_told_last_stays_when_what_was_started_is_taken_away() -> None:
    failed = {"revision": OTHER, "since": dated(900), "created": dated(900), "sourceSeconds": 0.0}
    assert told(until(1000, failed), promoted(172)) == failed


def test_a_start_counts_once_and_only_if_it_was_seen_under_way() -> None:
    underway, over = told(until(60)), told(until(ANSWERED))
    assert finished(underway, over) == WHOLE
    assert finished(over, over) is None
    assert finished({}, over) is None
    assert finished(underway, underway) is None
    assert finished({**underway, "created": dated(-900)}, over) is None
