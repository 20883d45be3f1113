"""An API server that fails changes neither how a story ends nor what is said of what serves.

Each story is told without a fault, which counts its calls, and then once for each call with that
call, and those by which it is tried again, failing in all ways in turn.
"""

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from bastaix.api import reasons
from tests.unit.reconcile.faulty import FAULTS, LOST_ANSWERS, Fault, Operator
from tests.unit.reconcile.test_killed import ERROR, STORIES, Story, ending, prepared, settled

SEEDS = 3
QUICK = ("turned-back",)
"""What stands for all stories where there is no time for each: the others' calls are in it."""
LONG = [pytest.param(name, marks=pytest.mark.long) for name in STORIES if name not in QUICK]
EACH = [*QUICK, *LONG]


def told(
    story: Story,
    first: int | None = None,
    faults: Sequence[Fault] = (),
    random: Random | None = None,
    skew: timedelta = timedelta(),
) -> tuple[dict[str, Any], Operator]:
    """How a story ends when the calls from the first on fail so."""
    stage, _ = prepared(story)
    operator = Operator(stage, random, skew)
    operator.server.first, operator.server.faults = first, list(faults)
    stage.reconciler = operator  # type: ignore[assignment]
    settled(stage, story)
    return ending(stage), operator


def said(operator: Operator, type: str) -> set[tuple[str, str]]:
    conditions = (each for status in operator.server.statuses for each in status["conditions"])
    return {(each["status"], each["reason"]) for each in conditions if each["type"] == type}


def demand_alike(operator: Operator, clean: Operator, story: Story, what: str) -> None:
    """Only what is said without a fault is said, or that work goes on; and it serves as without."""
    assert said(operator, "Serving") <= said(clean, "Serving"), what
    new = said(operator, "Ready") - said(clean, "Ready")
    if ERROR in story.results:  # true, and so short that not each look finds it
        new -= {("False", reasons.EVALUATION_ERROR.name)}
    assert all(reasons.BY_NAME[reason].heals == "itself" for _, reason in new), f"{what}: {new}"


def test_the_stories_ask_for_all_kinds_that_are_read() -> None:
    asked = told(STORIES["turned-back"])[1].server.asked
    assert {"events", "persistentvolumeclaims", "services"} <= asked


@pytest.mark.parametrize("name", EACH)
def test_faults_at_any_call_change_nothing_about_the_end(name: str, record_property: Any) -> None:
    story = STORIES[name]
    wanted, clean = told(story)
    assert clean.failures == 0
    assert clean.server.calls > 5
    if not story.spoils and story.rollout.get("strategy") != "Recreate":
        assert {status for status, _ in said(clean, "Serving")} == {"True"}
    count, faults = 0, (*FAULTS, *LOST_ANSWERS)
    for call in range(1, clean.server.calls + 1):
        end, operator = told(story, call, faults)
        count += len(faults) - len(operator.server.faults)
        what = f"from call {call} of {clean.server.calls}"
        assert end == wanted, what
        demand_alike(operator, clean, story, what)
    record_property("faults", count)
    print(f"{name}: {count} faults at {clean.server.calls} calls")
    assert count > clean.server.calls


@pytest.mark.long
@pytest.mark.parametrize("fault", [*FAULTS, *LOST_ANSWERS], ids=str)
@pytest.mark.parametrize("name", STORIES)
def test_each_fault_alone_at_any_call_changes_nothing_about_the_end(
    name: str, fault: Fault
) -> None:
    story = STORIES[name]
    wanted, clean = told(story)
    for call in range(1, clean.server.calls + 1):
        end, operator = told(story, call, [fault])
        assert end == wanted, f"{fault} at call {call}"
        demand_alike(operator, clean, story, f"{fault} at call {call}")


@pytest.mark.parametrize("name", EACH)
def test_events_that_are_lost_repeated_and_late_change_nothing_about_the_end(name: str) -> None:
    story = STORIES[name]
    wanted, clean = told(story)
    for seed in range(SEEDS):
        end, operator = told(story, random=Random(seed))
        assert end == wanted, f"seed {seed}"
        demand_alike(operator, clean, story, f"seed {seed}")


@pytest.mark.parametrize("name", EACH)
def test_events_and_calls_that_fail_together_change_nothing_about_the_end(name: str) -> None:
    story = STORIES[name]
    wanted, clean = told(story)
    for seed in range(SEEDS):
        random = Random(seed)
        faults = random.choices([*FAULTS, *LOST_ANSWERS], k=10)
        end, operator = told(story, random.randint(1, clean.server.calls), faults, random)
        assert end == wanted, f"seed {seed}"
        demand_alike(operator, clean, story, f"seed {seed}")


@pytest.mark.parametrize("hours", [-2, 2])
@pytest.mark.parametrize("name", EACH)
def test_a_local_clock_that_is_hours_off_changes_no_decision(name: str, hours: int) -> None:
    story = STORIES[name]
    wanted, clean = told(story)
    end, operator = told(story, skew=timedelta(hours=hours))
    assert end == wanted
    for type in ("Ready", "Serving", "Stalled", "Promoted"):
        assert said(operator, type) == said(clean, type)
