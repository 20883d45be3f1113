"""Which requests make sense when, what is written for them, and what is promised."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from bastaix.plugin.asking import Asking, Senseless, pause, promote, retry, rollback
from bastaix.plugin.seen import Seen, Unclear
from bastaix.rollout import wish
from tests.unit.plugin.examples import (
    ACTIVE,
    BAD,
    CANDIDATE,
    FAILED,
    GOOD,
    OLD,
    PROMOTED,
    PROMOTED_BEFORE,
    READY,
    READY_SEEN,
    body,
    condition,
    failed,
    going,
    seen,
    trial,
)

PAUSING = {"rollout": {"pauseBeforePromotion": True}}
back = partial(rollback, given=None)


def to(given: str) -> Callable[[Seen], Asking]:
    return partial(rollback, given=given)


SUSPENDED = Seen(body(conditions=READY, spec={"suspend": True}))
FIRST = seen(
    body(conditions=going("LoadingModel", "it loads"), candidate={**CANDIDATE, "phase": "X"})
)
UNSEEN = trial("Paused", stalled=True, observed=6)
ROLLED_BACK = seen(
    body(
        conditions=going("RolledBack", "as was asked for", "Stalled"),
        active={**ACTIVE, "revision": OLD},
        request=f"rollback:{OLD}@7",
    )
)
RETURNING = seen(
    body(
        conditions=going("LoadingModel", "it loads"),
        active=ACTIVE,
        candidate={"revision": OLD, "phase": "LoadingModel"},
        request=f"rollback:{OLD}@7",
        spec=PAUSING,
    )
)
RETURN_FAILED = {**FAILED, **PROMOTED_BEFORE, "outcome": "Failed", "request": f"rollback:{OLD}@7"}


def return_failed(
    *, of_spec: bool, request: str = f"rollback:{OLD}@7", bad: dict[str, Any] | None = None
) -> Seen:
    """A rollback to the oldest was asked for, and failed; is the active one the spec's?"""
    promoted = condition("Promoted", str(of_spec), "Promoted", "", "2026-01-02T11:55:00Z")
    conditions = [*going("EvaluationFailed", "pass rate 0.71", "Stalled"), promoted]
    given = body(conditions=conditions, active=ACTIVE, request=request)
    return seen(given, bad=bad, old=RETURN_FAILED)


TAKEN_IN = replace(wish.current(RETURNING.body, None), rollback=OLD, request=f"rollback:{OLD}@7")
OVERWRITTEN = replace(
    seen({**RETURNING.body, "metadata": {**RETURNING.body["metadata"], "annotations": {}}}),
    wish=TAKEN_IN,
)
"""The rollback is in force, whatever has become of the annotation."""
PAUSED_SINCE = trial("LoadingModel", request="pause@7")

ONLY_ONE = seen(body(conditions=READY, active=ACTIVE), old={})


@pytest.mark.parametrize(
    ("asking", "given", "text"),
    [
        (promote, trial("Paused", stalled=True, spec=PAUSING), f"promote:{BAD}@7"),
        (promote, trial("Evaluating", spec=PAUSING), f"promote:{BAD}@7"),
        (promote, trial("Paused", stalled=True, request="pause@7"), f"promote:{BAD}@7"),
        (pause, trial("Evaluating"), "pause@7"),
        (pause, trial("Paused", spec=PAUSING, request=f"promote:{BAD}@7"), "pause@7"),
        (pause, trial("LoadingModel", observed=6), "pause@7"),
        (retry, failed(), "retry@7"),
        (retry, ROLLED_BACK, "retry@7"),
        (retry, RETURNING, "retry@7"),
        (retry, return_failed(of_spec=False), "retry@7"),
        (retry, OVERWRITTEN, "retry@7"),
        (back, READY_SEEN, f"rollback:{OLD}@7"),
        (back, trial("Evaluating"), f"rollback:{GOOD}@7"),
        (back, trial("Held"), f"rollback:{GOOD}@7"),
        (to("9f1"), trial("Evaluating"), f"rollback:{OLD}@7"),
        (to("active"), trial("Evaluating"), f"rollback:{GOOD}@7"),
    ],
)
def test_what_makes_sense_is_written(
    asking: Callable[[Seen], Asking], given: Seen, text: str
) -> None:
    assert asking(given).text == text


@pytest.mark.parametrize(
    ("asking", "given", "why"),
    [
        (
            promote,
            READY_SEEN,
            "no candidate of smollm2 waits for a promotion: revision 9f0c2d1a",
        ),
        (promote, UNSEEN, "the operator has not looked at generation 7 yet"),
        (promote, trial("Held"), "has failed and is held; nothing is promoted past the gate"),
        (promote, trial("Evaluating"), "gets the traffic by itself when it has passed the gate"),
        (promote, FIRST, "gets the traffic by itself"),
        (promote, RETURNING, "a return needs no promotion"),
        (to(OLD), OVERWRITTEN, "revision 9f1e0000 comes back already"),
        (
            promote,
            trial("Evaluating", spec=PAUSING, request=f"promote:{BAD}@7"),
            "the promotion of revision 77aa01bc has been asked for already",
        ),
        (pause, READY_SEEN, "no rollout of smollm2 is under way: revision 9f0c2d1a is active"),
        (pause, FIRST, "the first revision is never paused"),
        (pause, trial("Held"), "has failed and is held, off the traffic"),
        (pause, trial("Evaluating", request="pause@7"), "paused already; `kubectl bastaix promote"),
        (pause, trial("Evaluating", spec=PAUSING), "paused already"),
        (pause, RETURNING, "as was asked for, and a return is not paused"),
        (retry, READY_SEEN, "nothing failed: revision 9f0c2d1a is active, Ready is True"),
        (retry, trial("LoadingModel"), "no revision of this spec has failed: revision 9f0c2d1a"),
        (
            retry,
            seen(body(conditions=going("InvalidSpec", "wrong", "Stalled"), active=ACTIVE)),
            "a retry would find the same, so change the spec",
        ),
        (retry, failed(request="retry@7"), "revision 77aa01bc is being tried again already"),
        (to(GOOD), READY_SEEN, "revision 9f0c2d1a is the active one already"),
        (to(BAD), READY_SEEN, "revision 77aa01bc was never promoted, so it cannot be returned to"),
        (back, ONLY_ONE, "there is none to return to"),
        (back, RETURNING, "revision 9f1e0000 comes back already"),
        (promote, SUSPENDED, "smollm2 is suspended: set spec.suspend to false first"),
        (pause, SUSPENDED, "is suspended"),
        (retry, SUSPENDED, "is suspended"),
        (back, SUSPENDED, "is suspended"),
    ],
)
def test_what_would_change_nothing_is_refused_with_what_would(
    asking: Callable[[Seen], Asking], given: Seen, why: str
) -> None:
    with pytest.raises(Senseless) as error:
        asking(given)
    assert why in str(error.value)
    assert "\n" not in str(error.value)


def test_a_revision_that_is_not_kept_is_told_with_those_that_are() -> None:
    with pytest.raises(Unclear, match="kept are: 77aa01bc, 9f0c2d1a, 9f1e0000"):
        rollback(READY_SEEN, "abcd")


@pytest.mark.parametrize(
    ("request_before", "record_request", "text"),
    [
        (None, None, "retry@7"),
        ("retry@6", None, "retry@7"),
        ("pause@7", None, "retry@7"),
        ("retry@7", "retry@7", "retry@7.2"),
        ("retry@7.9", "retry@7.9", "retry@7.10"),
        # another request stands there by now, but it failed under this one
        ("pause@7", "retry@7.2", "retry@7.3"),
        ("no request at all", None, "retry@7"),
    ],
)
def test_a_request_is_never_written_twice_in_the_same_words(
    request_before: str | None, record_request: str | None, text: str
) -> None:
    assert retry(failed(request_before, {**FAILED, "request": record_request})).text == text


def test_without_a_name_rollback_goes_to_what_was_promoted_last_and_did_not_fail() -> None:
    spoilt = {**PROMOTED, "outcome": "RolledBack", "promoted": "2026-01-02T00:00:00Z"}
    given = seen(body(conditions=READY, active=ACTIVE), bad=spoilt, old=PROMOTED_BEFORE)
    assert rollback(given, None).text == f"rollback:{OLD}@7"
    named = rollback(given, BAD)
    assert named.text == f"rollback:{BAD}@7"
    assert "It failed when it was tried last" in named.promise


@pytest.mark.parametrize(
    ("asked", "promise"),
    [
        (
            promote(trial("Paused", stalled=True, spec=PAUSING)),
            "revision 77aa01bc (commit 0b1c2d3e4f50) gets the traffic now,"
            " in the place of 9f0c2d1a",
        ),
        (
            promote(trial("Evaluating", spec=PAUSING)),
            "revision 77aa01bc (commit 0b1c2d3e4f50) gets the traffic when it has passed the gate"
            " (now: Evaluating), in the place of 9f0c2d1a",
        ),
        (
            retry(failed()),
            "revision 77aa01bc (commit 0b1c2d3e4f50) is tried again;"
            " it failed at 2026-01-02T11:48:00Z: EvaluationFailed",
        ),
        (
            rollback(READY_SEEN, None),
            "revision 9f1e0000 (commit aa00bb11cc22) becomes active again once it answers;"
            " revision 9f0c2d1a serves until then; it stays until the spec changes,"
            " or `kubectl bastaix retry`",
        ),
        (
            rollback(trial("Evaluating"), None),
            "candidate 77aa01bc is given up and revision 9f0c2d1a stays active,"
            " until the spec changes, or `kubectl bastaix retry`",
        ),
    ],
)
def test_it_is_said_what_will_happen(asked: Asking, promise: str) -> None:
    assert asked.promise == promise


@pytest.mark.parametrize("bad", [None, FAILED])
def test_a_retry_after_a_return_that_failed_goes_to_the_spec(bad: dict[str, Any] | None) -> None:
    promise = retry(return_failed(of_spec=False, bad=bad)).promise
    assert promise == (
        "the rollback to revision 9f1e0000 is given up (it failed at 2025-12-30T12:00:00Z:"
        " EvaluationFailed; `kubectl bastaix rollback smollm2 9f1e0000` tries that again);"
        " the revision of the spec (generation 7) is tried"
    )
    stays = retry(return_failed(of_spec=True, bad=bad)).promise
    assert stays.endswith("; revision 9f0c2d1a stays active, as the spec asks for")


def test_a_retry_ends_a_return_that_is_under_way() -> None:
    assert retry(RETURNING).promise == (
        "the rollback to revision 9f1e0000 is given up;"
        " the revision of the spec (generation 7) is tried"
    )


def test_a_rollback_to_what_is_not_kept_any_more_is_none() -> None:
    record = {**FAILED, "request": "rollback:deadbeef@7"}
    assert "revision 77aa01bc (commit 0b1c2d3e4f50) is tried again" in (
        retry(failed("rollback:deadbeef@7", record)).promise
    )


@pytest.mark.parametrize(
    ("strategy", "had_no_room", "cost"),
    [
        ("Recreate", False, "goes first, and nothing serves meanwhile"),
        ("Auto", True, "goes first, and nothing serves meanwhile"),
        ("Auto", False, "serves until then, or goes first where there is no room for both"),
        ("BlueGreen", True, "serves until then"),
    ],
)
def test_the_cost_of_recreate_is_said(strategy: str, had_no_room: bool, cost: str) -> None:
    spec = {"rollout": {"strategy": strategy}}
    old = {**PROMOTED_BEFORE, "recreate": had_no_room}
    promise = back(seen(body(conditions=READY, active=ACTIVE, spec=spec), old=old)).promise
    assert f"; revision 9f0c2d1a {cost}; it stays until" in promise


def recreating(strategy: str, *, serves: bool) -> Seen:
    """The candidate found no room beside the active revision, which has made it, or is about to."""
    said = going("LoadingModel", "it loads")
    conditions = [said[0], {**said[1], "status": str(serves)}, *said[2:]]
    candidate = {**CANDIDATE, "phase": "LoadingModel"}
    spec = {"rollout": {"strategy": strategy}}
    given = body(conditions=conditions, active=ACTIVE, candidate=candidate, spec=spec)
    return seen(given, bad={"recreate": True})


@pytest.mark.parametrize(
    ("strategy", "serves", "comes"),
    [
        ("Recreate", False, "starts anew, and nothing serves until it answers; it stays, until"),
        ("Auto", False, "starts anew, and nothing serves until it answers; it stays, until"),
        ("Recreate", True, "stays active, until"),
        # beside a candidate that runs, an active one that does not answer is still there
        ("BlueGreen", False, "stays active, until"),
    ],
)
def test_giving_up_a_recreate_starts_what_has_made_room(
    strategy: str, serves: bool, comes: str
) -> None:
    promise = back(recreating(strategy, serves=serves)).promise
    assert promise.startswith(f"candidate 77aa01bc is given up and revision 9f0c2d1a {comes}")


@pytest.mark.parametrize(
    ("strategy", "serves", "comes"),
    [
        ("Recreate", False, "has gone already, and nothing serves meanwhile"),
        ("Recreate", True, "goes first, and nothing serves meanwhile"),
        ("Auto", False, "starts anew beside it, and nothing serves until one answers"),
    ],
)
def test_returning_further_back_from_a_recreate_tells_who_serves(
    strategy: str, serves: bool, comes: str
) -> None:
    promise = to(OLD)(recreating(strategy, serves=serves)).promise
    assert f"becomes active again once it answers; revision 9f0c2d1a {comes}; it stays" in promise


def test_a_rollback_in_force_is_shown_beside_what_is_asked_for_since() -> None:
    assert OVERWRITTEN.requested == f"rollback:{OLD}@7"
    assert RETURNING.requested == f"rollback:{OLD}@7"
    assert replace(PAUSED_SINCE, wish=TAKEN_IN).requested == f"rollback:{OLD}@7, pause@7"
