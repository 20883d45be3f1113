"""What vegeta's results mean; the recorded ones are of the real tool."""

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.outcomes import (
    Connections,
    Count,
    Failure,
    Hit,
    Kind,
    Outcome,
    Report,
    count,
    hits,
    judged,
    pauses,
    total,
)

RECORDED = Path(__file__).parent / "recorded"
ANSWERED, FAILED, TRUNCATED = Outcome.ANSWERED, Outcome.FAILED, Outcome.TRUNCATED
CHUNK = 'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n'


def recorded(name: str, *, streaming: bool, began: datetime) -> list[Hit]:
    lines = (RECORDED / f"{name}.jsonl").read_text().splitlines()
    return list(hits(lines, streaming=streaming, began=began))


def outcome(body: str, *, streaming: bool, code: int = 200) -> Outcome:
    result = {
        "code": code,
        "error": "",
        "method": "POST",
        "body": base64.b64encode(body.encode()).decode(),
    }
    return judged(result, streaming=streaming)[0]


def test_a_recorded_stream_is_whole_cut_ended_early_or_refused() -> None:
    began = datetime(2026, 11, 27, 18, 39, 23, tzinfo=UTC)
    found = recorded("streaming", streaming=True, began=began)
    assert [(hit.outcome, hit.error) for hit in found] == [
        (ANSWERED, ""),
        (TRUNCATED, "unexpected EOF"),  # the connection was closed after one event
        (TRUNCATED, "1 events, and the last is not [DONE]"),  # a stream that ended in good order
        (ANSWERED, ""),
        (FAILED, "500 Internal Server Error"),
    ]
    assert found[0].began == pytest.approx(0.978949)
    assert found[0].ended - found[0].began == pytest.approx(0.016927273)


def test_a_recorded_whole_answer_is_cut_never_begun_given_refused_or_nobody_listens() -> None:
    found = recorded("whole", streaming=False, began=datetime(2026, 11, 27, tzinfo=UTC))
    assert [hit.outcome for hit in found] == [
        *(TRUNCATED, FAILED, ANSWERED, ANSWERED, FAILED, FAILED)
    ]
    assert found[1].error.endswith("EOF")
    assert found[5].error.endswith("connection refused")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (CHUNK + "data: [DONE]\n\n", ANSWERED),
        (CHUNK + "data: [DONE]", ANSWERED),
        (CHUNK, TRUNCATED),
        (CHUNK + "data: [DO", TRUNCATED),
        ("", TRUNCATED),
        ("data: [DONE]\n\n", FAILED),
        (CHUNK + 'data: {"error": {"message": "out of memory"}}\n\ndata: [DONE]\n\n', FAILED),
    ],
)
def test_a_stream_is_an_answer_when_it_says_something_and_its_end(
    body: str, expected: Outcome
) -> None:
    assert outcome(body, streaming=True) is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"choices": [{"message": {"content": "hi"}}]}', ANSWERED),
        ('{"choices": [{"message"', TRUNCATED),
        ("", TRUNCATED),
        ('{"choices": []}', FAILED),
        ('["choices"]', FAILED),
    ],
)
def test_a_whole_answer_is_complete_json_with_choices(body: str, expected: Outcome) -> None:
    assert outcome(body, streaming=False) is expected


@pytest.mark.parametrize("code", [301, 404, 503])
def test_a_good_body_makes_no_answer_of_another_status(code: int) -> None:
    body = '{"choices": [{"message": {"content": "hi"}}]}'
    assert outcome(body, streaming=False, code=code) is FAILED


def test_no_answer_is_quoted_in_an_error() -> None:
    for body in ("the answer", 'data: {"error": "the answer"}', '{"said": "the answer"}'):
        encoded = base64.b64encode(body.encode()).decode()
        result = {"code": 200, "error": "", "method": "POST", "body": encoded}
        for streaming in (False, True):
            assert "the answer" not in judged(result, streaming=streaming)[1]


def test_the_longest_gap_is_between_ends_of_answers_and_reaches_to_begin_and_end() -> None:
    def gap(*ends: float, seconds: float) -> float:
        return count([Hit(0, end, ANSWERED) for end in ends], seconds=seconds).longest_gap

    assert gap(1, 5, 6, seconds=7) == 4
    assert gap(3, 4, seconds=5) == 3
    assert gap(1, 2, seconds=9) == 7
    assert gap(1, 2, 4, seconds=3) == 2 - 1, "an answer may come after the end"
    assert gap(seconds=9) == 9
    lost = [Hit(0, 1, ANSWERED), Hit(1, 2, FAILED, "no"), Hit(2, 3, ANSWERED)]
    assert count(lost, seconds=3).longest_gap == 2, "a failed request is no answer"


def test_the_first_few_errors_are_kept_in_the_order_in_which_they_began() -> None:
    found = [Hit(9 - number, 9, FAILED, f"error {number}") for number in range(8)]
    counted = count([*found, Hit(0, 1, TRUNCATED, "cut")], seconds=9)
    assert (counted.total, counted.failed, counted.truncated) == (9, 8, 1)
    assert [str(failure) for failure in counted.errors[:2]] == [
        "at 0.00 s: truncated: cut",
        "at 2.00 s: failed: error 7",
    ]
    assert len(counted.errors) == 5


def test_a_report_adds_up_the_kinds_that_are_asked_for() -> None:
    report = Report(
        9.0,
        {
            Kind(Connections.NEW, True): Count(10, 1, 2, 0.5, (Failure(4, "b"),)),
            Kind(Connections.IDLE, False): Count(20, 0, 0, 2.5),
            Kind(Connections.BUSY, True): Count(40, 3, 1, 0.7, (Failure(1, "a"),)),
        },
    )
    assert report.of(Connections.NEW, Connections.IDLE) == Count(30, 1, 2, 2.5, (Failure(4, "b"),))
    assert report.of(Connections.BUSY).lost_percent == 10.0
    assert [each.text for each in report.of(*Connections).errors] == ["a", "b"]
    assert "new/streaming: 10 requests, 1 failed, 2 truncated, longest gap 0.50 s" in report.lines()
    assert report.of().lost_percent == 0


def test_counts_the_requests_that_came_after_a_pause() -> None:
    paused, at_once = Hit(1.5, 2.5, ANSWERED), Hit(2.51, 3.5, ANSWERED)
    assert pauses([at_once, Hit(0, 1, ANSWERED), paused]) == 1
    counted = count([paused], seconds=9, paused=1)
    assert total([counted, counted]).paused == 2
    assert "2 requests (2 after a pause)" in str(total([counted, counted]))
