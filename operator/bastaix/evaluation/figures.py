"""What all results come to, in numbers; pure."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bastaix.evaluation.answers import INFRASTRUCTURE, Answer, Failure
from bastaix.evaluation.judging import Result


@dataclass(frozen=True, kw_only=True)
class Figures:
    cases: int
    weight: float
    passed: float
    """The weight of the cases that passed."""
    unmeasured: float
    """The weight of those that the infrastructure kept from being answered."""
    answered: int
    infrastructure: int
    failures: tuple[tuple[str, int], ...]
    """Why requests were not answered, and how many; the most frequent first."""
    ttft_p95: float | None
    failed: tuple[str, ...]

    @property
    def pass_rate(self) -> float:
        return self.passed / self.weight if self.weight else 0.0

    @property
    def best_rate(self) -> float:
        """If all had passed that could not be measured."""
        return (self.passed + self.unmeasured) / self.weight if self.weight else 0.0

    @property
    def measured_rate(self) -> float:
        """Of those alone that could be measured."""
        measured = self.weight - self.unmeasured
        return self.passed / measured if measured > 0 else 0.0

    @property
    def error_rate(self) -> float:
        """The share of requests without an answer."""
        return (self.cases - self.answered) / self.cases if self.cases else 0.0

    @property
    def infrastructure_rate(self) -> float:
        return self.infrastructure / self.cases if self.cases else 0.0


def figures(results: Sequence[Result]) -> Figures:
    answers = [each.reply for each in results if isinstance(each.reply, Answer)]
    failures = [each.reply for each in results if isinstance(each.reply, Failure)]
    unmeasured = [each for each in results if _unmeasured(each)]
    return Figures(
        cases=len(results),
        weight=_weight(results),
        passed=_weight(each for each in results if each.passed),
        unmeasured=_weight(unmeasured),
        answered=len(answers),
        infrastructure=len(unmeasured),
        failures=tuple(Counter(each.message for each in failures).most_common()),
        ttft_p95=p95([answer.ttft for answer in answers]),
        failed=tuple(each.case.id for each in results if not each.passed),
    )


def p95(values: Sequence[float]) -> float | None:
    """The longest of all but one in twenty; None of none."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1] if values else None


def _unmeasured(result: Result) -> bool:
    return isinstance(result.reply, Failure) and result.reply.kind in INFRASTRUCTURE


def _weight(results: Iterable[Result]) -> float:
    return math.fsum(each.case.weight for each in results)
