"""One case with what came of it: whether the answer fulfils what it must; pure."""

from dataclasses import dataclass, replace
from typing import Final

from bastaix.evaluation import assertions
from bastaix.evaluation.answers import Answer, Failure
from bastaix.evaluation.dataset import Case
from bastaix.evaluation.timelimit import TooSlow, limited

JUDGING_SECONDS: Final = 1.0
"""For all assertions on one answer."""


@dataclass(frozen=True)
class Result:
    case: Case
    reply: Answer | Failure
    why: tuple[str, ...]
    """What is not fulfilled; empty: it passed."""

    @property
    def passed(self) -> bool:
        return not self.why

    def without_text(self) -> "Result":
        if isinstance(self.reply, Failure):
            return self
        return replace(self, reply=replace(self.reply, text=""))


def judged(case: Case, reply: Answer | Failure) -> Result:
    return Result(case, reply, _why(case, reply))


def _why(case: Case, reply: Answer | Failure) -> tuple[str, ...]:
    """The assertions that the reply does not fulfil, or why there is no answer to judge."""
    if isinstance(reply, Failure):
        return (reply.message,)
    missed: list[str] = []
    try:
        with limited(JUDGING_SECONDS):
            for index, assertion in enumerate(case.assertions):
                if (reason := assertions.judge(assertion, reply)) is not None:
                    missed.append(f"assert[{index}] {assertion.type}: {reason}")
    except TooSlow:
        missed.append(f"the assertions were not judged within {JUDGING_SECONDS:g} s")
    return tuple(missed)
