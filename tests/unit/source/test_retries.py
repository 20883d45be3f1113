"""How often a Secret is looked at whose change would bring a try."""

from random import Random

import pytest

from bastaix.api import reasons
from bastaix.source.failure import SourceFailure
from bastaix.source.retries import Failed, Retries
from tests.unit.source.controller_fakes import Ticks

UNAUTHORIZED = SourceFailure(reasons.SOURCE_UNAUTHORIZED, "no")


def failing(ticks: Ticks, counts: dict[str, int]) -> tuple[Retries, dict[str, list[Failed]]]:
    retries = Retries(ticks.clock, Random(1))
    failed = {
        namespace: [
            retries.remember((namespace, str(number)), "case", UNAUTHORIZED)
            for number in range(count)
        ]
        for namespace, count in counts.items()
    }
    return retries, failed


def test_who_has_just_failed_is_noticed_fast_and_who_failed_long_ago_within_a_minute() -> None:
    ticks = Ticks()
    retries, failed = failing(ticks, {"a": 1})
    delays = []
    for _ in range(4):
        delays.append(retries.poll(("a", "0"), failed["a"][0]))
        ticks.forward(120)
    assert delays == [5, 20, 40, 60]
    again = retries.remember(("a", "0"), "case", UNAUTHORIZED)
    assert retries.poll(("a", "0"), again) == 60, "another try of the same case is no new failure"
    other = retries.remember(("a", "0"), "another case", UNAUTHORIZED)
    assert retries.poll(("a", "0"), other) == 5


def test_a_thousand_that_fail_cost_few_requests_and_other_namespaces_little() -> None:
    retries, failed = failing(Ticks(), {"many": 1000, "one": 1})
    rate = sum(1 / retries.poll(("many", "0"), each) for each in failed["many"])
    assert rate == pytest.approx(2)
    assert retries.poll(("one", "0"), failed["one"][0]) <= 60


def test_however_many_namespaces_fail_there_are_twenty_looks_a_second() -> None:
    retries, failed = failing(Ticks(), {f"n{number}": 10 for number in range(300)})
    rate = sum(1 / retries.poll((name, "0"), each) for name in failed for each in failed[name])
    assert rate <= 20.01
