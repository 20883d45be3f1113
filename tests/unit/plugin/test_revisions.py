"""The kept revisions: which is meant, as a table, and what two differ in."""

import pytest

from bastaix.plugin.difference import difference
from bastaix.plugin.history import history
from bastaix.plugin.seen import Kept, Unclear, age, gathered, happened, meant, newest_first
from bastaix.rollout.record import Record
from tests.unit.plugin.examples import (
    BAD,
    FAILED,
    GOOD,
    NOW,
    OLD,
    READY,
    READY_SEEN,
    REVISIONS,
    body,
    event,
    failed,
    service,
    trial,
)


def test_history_says_what_became_of_each_the_newest_first() -> None:
    assert "\n".join(history(failed())) == (
        """\
NUMBER  REVISION  COMMIT        OUTCOME   REASON            AT                    PASS-RATE  NOW
7       77aa01bc  0b1c2d3e4f50  Failed    EvaluationFailed  2026-01-02T11:48:00Z  0.71
3       9f0c2d1a  3f9c2a7d51c4  Promoted  -                 2026-01-01T12:00:00Z  0.98       active
2       9f1e0000  aa00bb11cc22  Promoted  -                 2025-12-30T12:00:00Z  -"""
    )


def test_history_names_the_candidate() -> None:
    row = history(trial("Evaluating"))[1]
    assert row.split() == ["7", BAD, "0b1c2d3e4f50", "-", "-", "-", "-", "candidate"]


def test_what_is_of_an_object_that_had_the_name_before_is_not_shown() -> None:
    theirs = [{"uid": "another uid", "controller": True}]
    records = service({GOOD: FAILED})
    records["metadata"]["ownerReferences"] = theirs
    ours = body(conditions=READY)
    assert [each.record for each in gathered(ours, REVISIONS, records).kept] == [Record()] * 3
    ours["metadata"]["uid"] = "another uid"
    assert gathered(ours, REVISIONS, None).kept == ()


@pytest.mark.parametrize(
    ("given", "hash"), [("77", BAD), (GOOD, GOOD), ("9f1", OLD), ("active", GOOD)]
)
def test_a_revision_is_meant_by_its_first_digits_or_its_part(given: str, hash: str) -> None:
    assert meant(READY_SEEN, given).hash == hash


def test_the_candidate_is_meant_by_its_part() -> None:
    assert meant(trial("Evaluating"), "candidate").hash == BAD


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("9f", "'9f' fits several revisions, write more of it: 9f0c2d1a, 9f1e0000"),
        ("12", "no revision '12' of smollm2 is kept; kept are: 77aa01bc, 9f0c2d1a, 9f1e0000"),
        ("", "no revision '' of smollm2 is kept"),
        ("candidate", "smollm2 has no candidate revision now; kept are: 77aa01bc"),
    ],
)
def test_what_is_meant_by_nothing_is_told_with_what_there_is(given: str, message: str) -> None:
    with pytest.raises(Unclear) as error:
        meant(READY_SEEN, given)
    assert str(error.value).startswith(message)


def test_a_difference_is_said_as_diff_says_it() -> None:
    assert "\n".join(difference(of(GOOD), of(BAD))) == (
        f"""\
--- revision 9f0c2d1a
+++ revision 77aa01bc
@@ -1,5 +1,5 @@
-commit: "{"3f9c2a7d51c4" * 3}"
+commit: "{"0b1c2d3e4f50" * 3}"
 template:
-  image: "ray:1"
+  image: "ray:2"
   serveConfig:
-    hash: "9f0c2d1a"
+    hash: "77aa01bc\""""
    )


def test_a_revision_does_not_differ_from_itself() -> None:
    assert difference(of(GOOD), of(GOOD)) == []


def of(hash: str) -> Kept:
    return meant(READY_SEEN, hash)


def test_the_time_of_an_event_is_the_last_that_it_names() -> None:
    early = event("a", "2026-01-01T00:00:00Z", "One", "")
    late = {
        **event("b", "2025-01-01T00:00:00Z", "Two", ""),
        "lastTimestamp": "2026-01-02T00:00:00Z",
    }
    assert happened(late) == "2026-01-02T00:00:00Z"
    assert newest_first([early, late]) == (late, early)


@pytest.mark.parametrize(
    ("since", "text"),
    [
        ("2026-01-02T11:59:58Z", "2s"),
        ("2026-01-02T11:58:00Z", "2m"),
        ("2026-01-02T09:00:00Z", "3h"),
        ("2025-12-30T12:00:00Z", "3d"),
        ("2026-01-02T12:00:09Z", "0s"),
        ("yesterday", ""),
        (None, ""),
    ],
)
def test_ages_are_short(since: str | None, text: str) -> None:
    assert age(since, NOW) == text
