"""Which figures are Passed, Failed, an Error or Inconclusive, and what is said of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bastaix.evaluation.answers import Answer, Failure
from bastaix.evaluation.figures import Figures, figures, p95
from bastaix.evaluation.verdict import Thresholds, Verdict, certain, verdict
from tests.unit.evaluation.cases import results, said

RIGHT, WRONG = "Rome", "Paris"
DOWN = Failure("server", "HTTP 503")
MISSING = Failure("refused", "HTTP 404")
Reply = Answer | Failure | str


def found(*replies: Reply, weights: tuple[float, ...] = ()) -> Figures:
    return figures(results(*replies, weights=weights))


def of(
    *replies: Reply, least: float = 1, ttft: float | None = None, weights: tuple[float, ...] = ()
) -> Verdict:
    return verdict(found(*replies, weights=weights), Thresholds(min_pass_rate=least, ttft_p95=ttft))


def test_all_right() -> None:
    assert of(RIGHT, RIGHT) == Verdict("Passed", "pass rate 1 of 2 cases, TTFT p95 0.100 s")


def test_too_many_wrong_say_by_how_much() -> None:
    assert of(*[RIGHT] * 9, WRONG, least=0.95) == Verdict(
        "Failed", "pass rate 0.9 is 0.05 too low (minPassRate 0.95): 1 of 10 cases failed"
    )


def test_just_enough_is_enough() -> None:
    assert of(*[RIGHT] * 7, *[WRONG] * 3, least=0.7).outcome == "Passed"


def test_a_rate_that_is_missed_by_little_does_not_look_as_if_it_were_reached() -> None:
    weights = (0.949999, 0.050001)
    assert of(RIGHT, WRONG, least=0.95, weights=weights).message.startswith(
        "pass rate 0.9499 is 0.0001 too low (minPassRate 0.95)"
    )


def test_weights_count() -> None:
    assert of(RIGHT, WRONG, weights=(9, 1), least=0.9).outcome == "Passed"
    assert of(RIGHT, WRONG, weights=(1, 9), least=0.9).outcome == "Failed"


def test_too_slow_is_failed() -> None:
    slow = said(RIGHT, ttft=2.5)
    assert of(RIGHT, slow, ttft=1) == Verdict("Failed", "TTFT p95 2.500 s is over 1 s")
    assert of(*[RIGHT] * 19, slow, ttft=1).outcome == "Passed"


def test_all_that_is_missed_is_said() -> None:
    message = of(said(WRONG, ttft=3), ttft=1).message
    assert "minPassRate" in message
    assert "TTFT" in message


@pytest.mark.parametrize(
    ("judged", "message"),
    [
        (of(), "there is no case in the data set"),
        (of(RIGHT, weights=(0,)), "all cases have the weight 0"),
        (of(MISSING, MISSING), "no request was answered: 2x HTTP 404"),
        (
            of(MISSING, Failure("refused", "HTTP 400"), MISSING),
            "no request was answered: 2x HTTP 404, 1x HTTP 400",
        ),
    ],
)
def test_what_says_nothing_of_the_answers_is_inconclusive(judged: Verdict, message: str) -> None:
    assert judged == Verdict("Inconclusive", message)


def test_a_few_refused_requests_are_failed_cases() -> None:
    assert of(*[RIGHT] * 9, MISSING).outcome == "Failed"
    assert of(*[RIGHT] * 9, MISSING, least=0.9).outcome == "Passed"


def test_an_endpoint_that_is_down_is_an_error_whatever_the_threshold() -> None:
    message = "2 of 2 requests were not answered: 2x HTTP 503"
    assert of(DOWN, DOWN, least=0) == Verdict("Error", message)
    assert of(*[RIGHT] * 8, DOWN, DOWN, least=0.5).outcome == "Error"
    assert of(*[RIGHT] * 19, DOWN, least=0.9).outcome == "Passed"


def test_answers_that_could_have_turned_the_verdict_make_it_an_error() -> None:
    judged = of(*[RIGHT] * 19, DOWN, least=0.96)
    assert judged.outcome == "Error"
    start = "pass rate 0.95 is 0.01 too low (minPassRate 0.96), but 1 of 20"
    assert judged.message.startswith(start)


def test_answers_that_could_not_turn_it_leave_it_failed() -> None:
    assert of(*[WRONG] * 19, DOWN, least=0.96).outcome == "Failed"
    assert of(*[WRONG] * 5, *[DOWN] * 5, least=0.96).outcome == "Failed"


LENIENT = Thresholds(min_pass_rate=0, max_regression=0.1)


def test_less_than_the_baseline_allows_is_failed() -> None:
    worse, better = found(RIGHT, RIGHT, WRONG, WRONG), found(RIGHT, RIGHT, RIGHT, WRONG)
    assert verdict(worse, LENIENT, better) == Verdict(
        "Failed",
        "pass rate 0.5 is 0.15 too low (0.75 of the baseline, maxRegression 0.1):"
        " 2 of 4 cases failed",
    )
    assert verdict(worse, LENIENT, 0.75).outcome == "Failed"
    assert verdict(worse, LENIENT, 0.6).outcome == "Passed"
    assert verdict(better, LENIENT, worse).outcome == "Passed"


def test_without_a_threshold_nothing_is_compared() -> None:
    assert verdict(found(WRONG), Thresholds(min_pass_rate=0), 1.0).outcome == "Passed"


def test_a_baseline_that_cannot_be_measured_promotes_nobody() -> None:
    good = found(RIGHT, RIGHT)
    down = verdict(good, LENIENT, found(DOWN, RIGHT))
    assert down.outcome == "Error"
    assert down.message.startswith("the baseline could not be measured: 1 of 2 requests")


def test_a_baseline_that_refuses_all_of_it_is_not_compared_with() -> None:
    assert verdict(found(RIGHT, RIGHT), LENIENT, found(MISSING, MISSING)).outcome == "Passed"
    strict = Thresholds(min_pass_rate=1, max_regression=0)
    assert verdict(found(WRONG, WRONG), strict, found(MISSING, MISSING)).outcome == "Failed"


def test_what_is_settled_needs_no_baseline() -> None:
    assert certain(found(WRONG), Thresholds(min_pass_rate=1, max_regression=0))
    assert not certain(found(RIGHT), Thresholds(min_pass_rate=1, max_regression=0))


def test_p95_is_the_longest_of_all_but_one_in_twenty() -> None:
    assert p95([]) is None
    assert p95([3.0]) == 3
    assert p95([float(n) for n in range(1, 21)]) == 19
    assert p95([float(n) for n in range(200, 0, -1)]) == 190


REPLIES = st.lists(st.sampled_from([RIGHT, WRONG, DOWN, MISSING]), max_size=30)
RATES = st.floats(0, 1)


@given(REPLIES, RATES, st.none() | RATES, st.none() | RATES)
def test_a_verdict_is_one_short_line(
    replies: list[Reply], least: float, most: float | None, baseline: float | None
) -> None:
    thresholds = Thresholds(min_pass_rate=least, max_regression=most)
    judged = verdict(found(*replies), thresholds, baseline)
    assert judged.message.isprintable()
    assert 0 < len(judged.message) <= 300


@given(REPLIES, RATES)
def test_one_more_wrong_answer_never_makes_it_pass(replies: list[Reply], least: float) -> None:
    thresholds = Thresholds(min_pass_rate=least)
    if verdict(found(*replies), thresholds).outcome == "Failed":
        assert verdict(found(*replies, WRONG), thresholds).outcome == "Failed"
