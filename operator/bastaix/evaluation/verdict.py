"""What is to be thought of the figures: the thresholds, and what was not measured at all; pure.

Failed is said only of answers. Where the infrastructure kept requests from being answered and
their answers could have changed the verdict, it is an Error, which is tried again.
"""

import math
from dataclasses import dataclass
from typing import Final

from bastaix.api.evaluation import MAX_MESSAGE, Outcome
from bastaix.evaluation.figures import Figures

MOST_UNMEASURED: Final = 0.1
"""The share of requests above which a pass rate says nothing, whatever it is."""
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    min_pass_rate: float
    max_regression: float | None = None
    ttft_p95: float | None = None
    """Seconds."""


@dataclass(frozen=True)
class Verdict:
    outcome: Outcome
    message: str


def verdict(
    found: Figures, thresholds: Thresholds, baseline: Figures | float | None = None
) -> Verdict:
    """`baseline`: the figures, or the pass rate, of what serves now, on the same cases."""
    if isinstance(baseline, Figures) and _refuses_all(baseline):
        baseline = None  # it cannot do what is asked for: nothing is lost by another
    hindrance = _hindrance(found)
    unmeasured = _cannot_be_measured(baseline) if isinstance(baseline, Figures) else None
    missed, maybe = _missed(found, thresholds, None if unmeasured else baseline)
    if hindrance is not None and hindrance.outcome == "Inconclusive":
        return hindrance
    if missed:
        return said("Failed", "; ".join(missed) + _failed(found))
    if hindrance is not None:
        return hindrance
    if maybe:
        return said("Error", f"{maybe[0]}, but {_unanswered(found)}")
    return unmeasured or said("Passed", _summary(found))


def certain(found: Figures, thresholds: Thresholds) -> bool:
    """Whether no baseline can change the verdict: then none need be measured."""
    return verdict(found, thresholds).outcome != "Passed"


def _hindrance(found: Figures) -> Verdict | None:
    if not found.cases:
        return said("Inconclusive", "there is no case in the data set")
    if not found.weight:
        return said("Inconclusive", "all cases have the weight 0")
    if not found.answered and found.infrastructure_rate <= MOST_UNMEASURED:
        return said("Inconclusive", f"no request was answered: {_failures(found)}")
    if found.infrastructure_rate > MOST_UNMEASURED:
        return said("Error", _unanswered(found))
    return None


def _missed(
    found: Figures, thresholds: Thresholds, baseline: Figures | float | None
) -> tuple[list[str], list[str]]:
    """The thresholds that are missed for sure, and those that may be only for want of answers."""
    missed: list[str] = []
    maybe: list[str] = []
    least = [(thresholds.min_pass_rate, f"minPassRate {_rate(thresholds.min_pass_rate)}")]
    if baseline is not None and thresholds.max_regression is not None:
        rate = baseline if isinstance(baseline, float) else baseline.measured_rate
        most = f"maxRegression {_rate(thresholds.max_regression)}"
        least.append((rate - thresholds.max_regression, f"{_rate(rate)} of the baseline, {most}"))
    for bound, name in least:
        if found.pass_rate >= bound - _ROUNDING:
            continue
        by = _gap(bound - found.pass_rate)
        text = f"pass rate {_rate(found.pass_rate)} is {by} too low ({name})"
        (maybe if found.best_rate >= bound - _ROUNDING else missed).append(text)
    slow = thresholds.ttft_p95
    if slow is not None and found.ttft_p95 is not None and found.ttft_p95 > slow:
        missed.append(f"TTFT p95 {found.ttft_p95:.3f} s is over {slow:g} s")
    return missed, maybe


def _refuses_all(baseline: Figures) -> bool:
    return not baseline.answered and baseline.infrastructure_rate <= MOST_UNMEASURED


def _cannot_be_measured(baseline: Figures) -> Verdict | None:
    if baseline.infrastructure_rate > MOST_UNMEASURED:
        return said("Error", f"the baseline could not be measured: {_unanswered(baseline)}")
    return None


def _summary(found: Figures) -> str:
    ttft = "" if found.ttft_p95 is None else f", TTFT p95 {found.ttft_p95:.3f} s"
    return f"pass rate {_rate(found.pass_rate)} of {_cases(found.cases)}{ttft}"


def _failed(found: Figures) -> str:
    count = len(found.failed)
    return f": {count} of {_cases(found.cases)} failed" if count else ""


def _cases(count: int) -> str:
    return "1 case" if count == 1 else f"{count} cases"


def _unanswered(found: Figures) -> str:
    missing = found.cases - found.answered
    return f"{missing} of {found.cases} requests were not answered: {_failures(found)}"


def _failures(found: Figures) -> str:
    shown = [f"{count}x {why}" for why, count in found.failures[:3]]
    return ", ".join([*shown, *(["…"] if len(found.failures) > 3 else [])])


def _rate(rate: float) -> str:
    """Rounded down, so that what is too low never looks as if it were not."""
    return f"{math.floor(rate * 10_000 + 1e-6) / 10_000:g}"


def _gap(gap: float) -> str:
    return f"{max(gap, 0.0001):.4f}".rstrip("0").rstrip(".")


def said(outcome: Outcome, message: str) -> Verdict:
    """With its message as one line of bounded length."""
    message = "".join(char if char.isprintable() else " " for char in message)
    short = message if len(message) <= MAX_MESSAGE else f"{message[: MAX_MESSAGE - 1]}…"
    return Verdict(outcome, short)
