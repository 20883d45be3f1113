"""What is remembered comes back as it was, and nobody's text makes a memory that breaks a look."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bastaix.api import names
from bastaix.render.service import Turn
from bastaix.rollout import memory, mirror, record
from bastaix.rollout.memory import Memory, fields, recalled, recorded
from bastaix.rollout.record import LONGEST_MESSAGE, Record
from bastaix.rollout.wish import Wish

A, B = "aaaaaaaa", "bbbbbbbb"
AT = "2026-01-01T12:00:00Z"
FAILURE: dict[str, Any] = {
    "outcome": "RolledBack",
    "reason": "WrongAnswer",
    "message": "3 times in a row",
    "at": AT,
    "generation": 3,
    "failures": 2,
}
CHECK = {
    "method": "POST",
    "path": "/v1/chat/completions",
    "body": {"model": "a", "n": None},
    "expect": {"status": 200, "contains": None},
}
EVALUATION = {"outcome": "Passed", "passRate": 1.0, "cases": 500}
FORGED = {
    "outcome": "Promoted",
    "at": AT,
    "promoted": AT,
    "check": {**CHECK, "path": "@169.254.169.254/"},
    "evaluation": EVALUATION,
    "evaluated": "0123456789abcdef",
    "passed": "uid-1",
    "job": "uid-2",
    "sha256": "a" * 64,
}


def status(**rollout: Any) -> dict[str, Any]:
    return {"metadata": {"generation": 3}, "status": {"rollout": rollout}}


def service(records: object = None, wish: object = None, **annotations: str) -> dict[str, Any]:
    given = {names.RECORDS_ANNOTATION: records, names.WISH_ANNOTATION: wish}
    texts = {key: json.dumps(value) for key, value in given.items() if value is not None}
    return {"metadata": {"annotations": {**texts, **annotations}}}


def test_all_of_it_comes_back_as_it_was() -> None:
    known = Memory(
        records={
            A: Record(
                outcome="Promoted",
                at=AT,
                promoted=AT,
                check=CHECK,
                evaluation=EVALUATION,
                evaluated="0123456789abcdef",
                evaluated_sha256="0123456789abcdef" * 4,
                job="uid-1",
                job_sha256="b" * 64,
                sha256="a" * 64,
            ),
            B: Record(**FAILURE, least=2, recreate=True, left=AT, attempts=3, passed="uid-2"),
        },
        wish=Wish(spec="0" * 16, generation=2, last=3, rollback=A, request="rollback@3"),
        turn=Turn(A, AT, B, "2026-01-01T11:00:00Z"),
    )
    found = recorded(status(**json.loads(json.dumps(fields(known)))))
    assert found is not None
    assert fields(found) == fields(known)
    assert (found.turn, found.wish, found.records[B]) == (known.turn, known.wish, known.records[B])
    assert found.records[A].check == {**CHECK, "expect": {"status": 200}}


def test_that_nothing_is_remembered_is_remembered_too() -> None:
    """Else a Service that somebody has annotated since would be believed."""
    found = recalled(status(**fields(Memory())), service({A: FAILURE}))
    assert found == Memory()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("outcome", "Excellent"),
        ("at", "2026-01-01T12:00:00"),
        ("at", 1),
        ("promotedAt", "2026-W01-1T12:00:00+00:00"),
        ("supersededAt", "yesterday"),
        ("failures", "x"),
        ("failures", -1),
        ("failures", 10**400),
        ("generation", True),
        ("request", ["retry"]),
        ("request", "a" * 129),
        ("needsRecreate", "no"),
        ("check", "GET /"),
        ("evaluation", [1]),
        ("sha256", "abc"),
        ("message", 1),
    ],
)
def test_a_record_with_a_field_of_another_form_is_forgotten_and_no_other(
    field: str, value: object
) -> None:
    good = {"revision": A, "outcome": "Failed", "at": AT}
    found = recorded(status(revisions=[{**good, "revision": B, field: value}, good]))
    assert found is not None
    assert found.records == {A: Record(outcome="Failed", at=AT)}


def test_a_reason_that_is_not_known_is_dropped_and_a_long_message_is_cut() -> None:
    given = {"revision": A, "outcome": "Failed", "reason": "x" * 100, "message": "y" * 5000}
    found = recorded(status(revisions=[given]))
    assert found is not None
    assert found.records[A].reason is None
    assert len(found.records[A].message or "") == LONGEST_MESSAGE


def test_no_more_revisions_are_written_than_the_crd_takes_and_the_latest_of_them() -> None:
    records = {
        f"{number:08x}": Record(outcome="Failed", at=f"2026-01-01T12:00:{number:02}Z")
        for number in range(20)
    }
    revisions = fields(Memory(records=records))["revisions"]
    assert len(revisions) == memory.MOST_REVISIONS
    assert revisions[0]["revision"] == "00000008"


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*FORGED, *FAILURE, "revision", "body", A]), inner)
    ),
    max_leaves=12,
)


@given(ANY, ANY, ANY)
def test_whatever_stands_there_makes_no_look_fail(revisions: Any, intent: Any, turn: Any) -> None:
    found = recorded(status(revisions=[revisions, {"revision": A, "check": intent}], intent=intent))
    assert found is not None
    fields(found)
    listed = status(revisions=revisions, traffic=turn)
    listed["status"]["history"] = revisions
    recalled(listed, None)
    del listed["status"]["rollout"]
    recalled(listed, service({A: revisions, B: intent}, turn))


@pytest.mark.parametrize("text", ["[]", "1", "{", "null", "[" * 100_000, '{"a":1}', '"\\ud800"'])
def test_an_annotation_that_is_no_memory_is_none(text: str) -> None:
    annotations = {names.RECORDS_ANNOTATION: text, names.WISH_ANNOTATION: text}
    assert mirror.read({"metadata": {"annotations": annotations}}) == ({}, None)


def test_of_an_older_operator_failures_and_requests_are_taken() -> None:
    wish = {"spec": "0" * 16, "generation": 2, "last": 3, "rollback": A, "request": "rollback@2"}
    found = recalled({"metadata": {}}, service({B: FAILURE, A: {"attempts": 3}}, wish))
    assert found.records == {B: Record(**FAILURE), A: Record(attempts=3)}
    assert found.wish == Wish(**wish)


def test_of_an_older_operator_no_gate_no_check_and_no_promotion_is_taken() -> None:
    found = recalled({"metadata": {}}, service({A: FORGED, B: {**FORGED, **FAILURE}}))
    assert found.records == {B: Record(**FAILURE)}
    assert found.turn is None


def test_of_an_older_operator_promotions_are_taken_from_its_status() -> None:
    history = [
        {"revision": A, "outcome": "Promoted", "at": AT, "evaluation": EVALUATION},
        {"revision": B, "outcome": "Promoted", "at": AT},
        {"revision": "no-revision", "outcome": "Promoted", "at": AT},
        {"revision": "cccccccc", "outcome": "RolledBack", "at": AT},
    ]
    body = {"metadata": {}, "status": {"history": history}}
    found = recalled(body, service({B: FAILURE}))
    assert found.records == {
        A: Record(outcome="Promoted", at=AT, promoted=AT),
        B: Record(**FAILURE),
    }


def test_an_annotation_that_tells_of_no_failure_undoes_no_promotion() -> None:
    history = [{"revision": A, "outcome": "Promoted", "at": AT}]
    body = {"metadata": {}, "status": {"history": history}}
    found = recalled(body, service({A: {"attempts": 3}}))
    assert found.records == {A: Record(outcome="Promoted", at=AT, promoted=AT, attempts=3)}


def test_one_that_was_to_be_turned_away_from_still_is() -> None:
    """The older operator was replaced between remembering that and turning the Service."""
    since = {names.SINCE_ANNOTATION: AT}
    found = recalled({"metadata": {}}, service({A: {**FAILURE, "promoted": AT}}, **since))
    assert found.records[A].promoted == AT


def test_the_mirror_has_what_an_older_operator_needs_and_nothing_large() -> None:
    long = {**FAILURE, "message": "x" * LONGEST_MESSAGE}
    records = {
        f"{number:08x}": Record(**long, check=CHECK, evaluation=EVALUATION, promoted=AT)
        for number in range(12)
    }
    wish = Wish(spec="0" * 16, generation=2, last=3, request="retry@2")
    annotations = mirror.annotations(records, wish)
    given = json.loads(annotations[names.RECORDS_ANNOTATION])
    assert len(annotations[names.RECORDS_ANNOTATION]) < 8 * 1024
    assert {"outcome", "at", "generation", "failures", "promoted"} <= given[f"{0:08x}"].keys()
    assert not {"evaluation", "evaluated", "passed", "job"} & given[f"{0:08x}"].keys()
    assert json.loads(annotations[names.WISH_ANNOTATION])["request"] == "retry@2"


def test_the_mirror_has_the_check_that_what_served_is_asked_unless_it_is_large() -> None:
    large = {**CHECK, "body": {"text": "x" * mirror.LARGEST_CHECK}}
    records = {
        A: Record(promoted=AT, check=CHECK),
        B: Record(promoted=AT, check=large),
        "cccccccc": Record(outcome="Failed", check=CHECK),
    }
    text = mirror.annotations(records, None)[names.RECORDS_ANNOTATION]
    given = json.loads(text)
    assert given[A]["check"] == {**CHECK, "expect": {"status": 200}}
    assert "check" not in given[B]
    assert "check" not in given["cccccccc"]


def test_where_nothing_has_failed_and_nobody_has_asked_the_mirror_says_nothing() -> None:
    assert mirror.annotations({A: Record()}, Wish(spec="0" * 16, generation=2)) == {}


def test_a_body_of_a_check_that_is_too_deep_is_forgotten() -> None:
    deep = {**CHECK, "body": '{"a":' * 500 + "1" + "}" * 500}
    found = recorded(status(revisions=[{"revision": A, "check": deep}]))
    assert found is not None
    assert found.records[A].check is None


def test_a_body_of_a_check_is_bounded_text() -> None:
    written = record.fields(Record(check=CHECK))["check"]
    assert isinstance(written["body"], str)
    assert record.read({"check": {**written, "body": "{"}}) == Record()
    large: Mapping[str, Any] = {**written, "body": json.dumps("x" * 20_000)}
    assert record.read({"check": large}) == Record()
