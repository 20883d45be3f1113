"""One screen, word for word; and what of it counts as a change."""

from dataclasses import replace
from typing import Any

import pytest

from bastaix.plugin.screen import changes, screen
from bastaix.plugin.seen import Seen
from tests.unit.plugin.examples import (
    ACTIVE,
    BAD,
    BAD_COMMIT,
    CANDIDATE,
    FAILED,
    GOOD,
    NOW,
    PROMOTED,
    READY,
    body,
    event,
    going,
    trial,
)

HISTORY = [
    {"revision": BAD, "commit": BAD_COMMIT, **FAILED},
    {"revision": GOOD, "commit": ACTIVE["commit"], **PROMOTED},
]
EVENTS = (
    event("b", "2026-01-02T11:48:00Z", "EvaluationFailed", "pass rate 0.71", "Warning"),
    event("a", "2026-01-01T12:00:00Z", "Promoted", "revision 9f0c2d1a has the traffic"),
)


def test_a_rollout_under_way_fits_on_one_screen() -> None:
    paused = going("Paused", "revision 77aa01bc has passed the gate. Promote it.", "Stalled")
    seen = Seen(
        body(
            conditions=paused,
            active=ACTIVE,
            candidate={**CANDIDATE, "phase": "Paused"},
            history=HISTORY,
            request="pause@7",
        ),
        events=EVENTS,
    )
    assert "\n".join(screen(seen, NOW)) == (
        """\
smollm2 in demo, generation 7
http://smollm2.demo.svc/v1

Ready           False  Paused     5m
    revision 77aa01bc has passed the gate. Promote it.
Serving         True   Answering  24h
    It answers.
Stalled         True   Paused     5m
SourceVerified  True   Verified   4m
    3 files

Active     9f0c2d1a  commit 3f9c2a7d51c4  since 2026-01-01T12:00:00Z (24h)
Candidate  77aa01bc  commit 0b1c2d3e4f50  Paused  since 2026-01-02T11:57:00Z (3m)
           The candidate has passed the gate and waits for a word before it gets traffic.
Replicas   2 of 2 ready
Request    pause@7

History
  77aa01bc  0b1c2d3e4f50  Failed    EvaluationFailed  pass rate 0.71  12m ago
  9f0c2d1a  3f9c2a7d51c4  Promoted                    pass rate 0.98  24h ago

Events
  12m  Warning  EvaluationFailed  pass rate 0.71
  24h  Normal   Promoted          revision 9f0c2d1a has the traffic"""
    )


@pytest.mark.parametrize("status", [{}, {"observedGeneration": -1}])
def test_before_the_operator_has_looked_it_says_so(status: dict[str, Any]) -> None:
    new = body(conditions=[], observed=0)
    new["status"] = status
    assert "\n".join(screen(Seen(new), NOW)) == (
        """\
smollm2 in demo, generation 7
The operator has not looked at generation 7 yet: nothing is known.

Active     none
Replicas   unknown"""
    )


def test_a_status_of_the_spec_before_is_not_taken_for_news() -> None:
    lines = screen(Seen(body(conditions=READY, observed=6)), NOW)
    lag = "The operator has not looked at generation 7 yet: this is how it stood at generation 6."
    assert lines[2] == lag


def test_no_line_is_wider_than_the_terminal() -> None:
    long = going("ServeFailed", "word " * 60)
    lines = screen(Seen(body(conditions=long, active=ACTIVE), events=EVENTS), NOW, width=40)
    assert max(map(len, lines)) <= 40
    assert " ".join(" ".join(lines).split()).count("word") == 60


def test_a_held_candidate_is_explained() -> None:
    lines = screen(trial("Held"), NOW)
    assert any("stays to be looked into, off the traffic" in line for line in lines)


def test_that_events_may_not_be_read_hides_nothing_else() -> None:
    lines = screen(Seen(body(conditions=READY, active=ACTIVE), events=None), NOW)
    assert lines[-1].startswith("Events: you may not list events in this namespace")
    assert any(line.startswith("Active     9f0c2d1a") for line in lines)


def test_what_others_wrote_does_not_steer_the_terminal() -> None:
    given = Seen(body(conditions=going("ServeFailed", "\x1b[2Jgone\nnext")), events=())
    assert not any("\x1b" in line for line in screen(given, NOW))


def test_time_alone_is_no_change() -> None:
    assert changes(trial("LoadingModel"), trial("LoadingModel")) == []


def test_only_what_changed_is_said() -> None:
    before = replace(trial("LoadingModel"), events=EVENTS[1:])
    after = replace(trial("Evaluating"), events=EVENTS)
    assert changes(before, after) == [
        "Ready: False Evaluating: it is at Evaluating",
        "Reconciling: True Evaluating: it is at Evaluating",
        f"Candidate: {BAD}  commit 0b1c2d3e4f50  Evaluating",
        "Event: Warning EvaluationFailed: pass rate 0.71",
    ]


def test_what_is_gone_is_said_and_the_first_look_says_what_there_is() -> None:
    promoted = Seen(body(conditions=READY, active=ACTIVE), events=EVENTS)
    assert "Candidate: none" in changes(trial("Evaluating"), promoted)
    first = changes(None, promoted)
    assert f"Active: {GOOD}  commit 3f9c2a7d51c4" in first
    assert not any(line.startswith(("Candidate", "Event")) for line in first)
