"""The last start on the screen: a bar for each phase, and the one that it is in."""

from typing import Any

import pytest

from bastaix.plugin.phases import rows, told
from bastaix.plugin.screen import changes, screen
from bastaix.plugin.seen import Seen
from tests.unit.plugin.examples import (
    ACTIVE,
    BAD,
    CANDIDATE,
    GOOD,
    NOW,
    READY,
    body,
    condition,
    going,
    trial,
)

TOOK = {
    "sourceSeconds": 3,
    "scheduleSeconds": 12,
    "imageSeconds": 120,
    "raySeconds": 25,
    "engineSeconds": 210.5,
    "firstAnswerSeconds": 1.5,
}
NOT_SERVING = condition("Serving", "False", "NotAnswering", "", "2026-01-02T11:55:00Z")


def startup(revision: str, since: str, *phases: str) -> dict[str, Any]:
    took = {f"{phase}Seconds": TOOK[f"{phase}Seconds"] for phase in phases}
    return {"revision": revision, "since": since, "created": since, **took}


OVER = {**startup(GOOD, "2026-01-01T11:53:00Z"), **TOOK}
UNDERWAY = startup(BAD, "2026-01-02T11:56:00Z", "source", "schedule", "image")


def serving(startup: dict[str, Any]) -> Seen:
    return Seen(body(conditions=READY, active=ACTIVE, startup=startup))


def under_way(startup: dict[str, Any], phase: str = "StartingRay") -> Seen:
    return trial(phase, startup=startup)


def test_a_start_that_is_over_says_where_its_time_went() -> None:
    assert "\n".join(rows(serving(OVER), NOW, 80)) == (
        """\
Startup    9f0c2d1a: 6m12s to the first answer
           source        3s     #
           scheduling    12s    ##
           image         2m00s    #############
           Ray           25s                   ##
           engine        3m30s                   #######################
           first answer  1.5s                                          #"""
    )


def test_one_under_way_says_in_which_phase_and_for_how_long() -> None:
    assert "\n".join(rows(under_way(UNDERWAY), NOW, 80)) == (
        """\
Startup    77aa01bc: for 4m00s so far, StartingRay
           source      3s     #
           scheduling  12s    ##
           image       2m00s    ####################
           Ray         1m45s                        .................."""
    )


def test_one_of_which_nothing_is_over_yet_says_so_too() -> None:
    assert "\n".join(rows(under_way(startup(BAD, "2026-01-02T11:59:50Z")), NOW, 80)) == (
        """\
Startup    77aa01bc: for 10s so far, StartingRay
           scheduling  10s  ........................................"""
    )


def test_a_phase_that_took_no_time_has_no_row() -> None:
    lines = rows(serving({**OVER, "sourceSeconds": 0}), NOW, 80)
    assert not any("source" in line for line in lines)


def test_a_revision_that_is_awaited_is_told_before_the_last_start() -> None:
    fetching = going("FetchingSource", "waiting for the source controller")
    given = {**OVER, "pendingSince": "2026-01-02T11:59:15Z"}
    seen = Seen(body(conditions=fetching, active=ACTIVE, startup=given))
    assert rows(seen, NOW, 80) == ["Startup    a revision is awaited for 45s, FetchingSource"]


def test_what_was_given_up_is_not_told_as_under_way() -> None:
    stalled = going("ServeFailed", "KeyError: 1", "Stalled")
    seen = Seen(body(conditions=stalled, active=ACTIVE, startup=UNDERWAY))
    lines = rows(seen, NOW, 80)
    assert lines[0] == "Startup    77aa01bc: it has not answered; what it got through took"
    assert not any("." in line for line in lines[1:])


def test_what_is_left_of_an_old_start_is_not_told_as_under_way() -> None:
    lines = rows(serving(startup(GOOD, "2026-01-01T11:53:00Z", "source")), NOW, 80)
    assert lines[0] == "Startup    9f0c2d1a: what is still known of its start"
    assert len(lines) == 2


def test_an_active_revision_that_is_started_again_is_under_way() -> None:
    conditions = [each for each in going("LoadingModel", "") if each["type"] != "Serving"]
    given = startup(GOOD, "2026-01-02T11:59:00Z", "source")
    seen = Seen(body(conditions=[*conditions, NOT_SERVING], active=ACTIVE, startup=given))
    assert rows(seen, NOW, 80)[0] == "Startup    9f0c2d1a: for 1m00s so far, LoadingModel"


@pytest.mark.parametrize("given", [{}, None])
def test_without_a_start_there_is_nothing_to_say(given: dict[str, Any] | None) -> None:
    seen = Seen(body(conditions=READY, active=ACTIVE, startup=given))
    assert rows(seen, NOW, 80) == []
    assert told(seen) == ""


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("seen", [serving(OVER), under_way(UNDERWAY)])
def test_each_bar_is_whole_at_any_width(seen: Seen, width: int) -> None:
    lines = rows(seen, NOW, width)
    assert max(map(len, lines[1:])) <= width
    assert all(line[-1] in "#." for line in lines[1:])


def test_it_stands_on_the_screen_between_the_revisions_and_the_history() -> None:
    lines = screen(serving(OVER), NOW, 80)
    assert lines.index("Replicas   2 of 2 ready") < lines.index(rows(serving(OVER), NOW, 80)[0])


def test_each_phase_that_ends_is_a_change_and_time_alone_is_none() -> None:
    later = {**UNDERWAY, "raySeconds": 25}
    assert changes(under_way(UNDERWAY), under_way(UNDERWAY)) == []
    assert changes(under_way(UNDERWAY), under_way(later)) == [
        f"Startup: {BAD}: source 3s, scheduling 12s, image 2m00s, Ray 25s"
    ]
    assert told(serving(OVER)).endswith("first answer 1.5s, 6m12s in all")
    assert told(under_way({"revision": CANDIDATE["revision"]})) == f"{BAD}: begun"
