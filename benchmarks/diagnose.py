"""How long a failure goes without its name: for each cause that can be provoked on the node.

From the moment when its evidence is in any object of the cluster to the condition of the
ModelDeployment. Both are seen by one kubectl that asks over and over, so a figure is right to
about half a second. A failure that is known by what stays away has no such moment. The baseline
is the goal.
"""

import sys
from statistics import median

from benchmarks.report import Figure, report
from tests.corpus.cause import Cause
from tests.corpus.provoke import Provoker, Seen
from tests.corpus.record import called, observed, provoker

LONGEST_SECONDS = 5.0
MEDIAN_SECONDS = 2.0


def main(names: list[str]) -> int:
    chosen = called(names)
    with provoker() as made:
        outcomes = [(cause, _provoked(made, cause)) for cause in chosen]
    for cause, seen in outcomes:
        print(_row(cause.name, seen))
    seconds = [seen.seconds for _, seen in outcomes if seen.seconds is not None]
    unnamed = sum(seen.named_at is None for _, seen in outcomes)
    unmeasured = sum(bool(cause.evidence) and seen.seconds is None for cause, seen in outcomes)
    figures = [
        Figure("causes", len(outcomes), "provoked"),
        Figure("causes_not_named", unnamed, "of them"),
        Figure("causes_whose_evidence_was_not_seen", unmeasured, "of them"),
    ]
    if seconds:
        figures += [
            Figure("evidence_to_condition_median", median(seconds), "s", baseline=MEDIAN_SECONDS),
            Figure("evidence_to_condition_slowest", max(seconds), "s", baseline=LONGEST_SECONDS),
        ]
    report("diagnose" if not names else "diagnose-some", *figures)
    return 1 if unnamed or unmeasured else 0


def _provoked(made: Provoker, cause: Cause) -> Seen:
    with made.provoked(cause) as deployed:
        return observed(made, cause, deployed)


def _row(name: str, seen: Seen) -> str:
    seconds = "-" if seen.seconds is None else f"{seen.seconds:.1f}"
    reason = seen.reason if seen.named_at is not None else f"not named ({seen.reason})"
    return f"{name:32} {reason:24} {seconds:>5} s  {seen.message[:100]}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
