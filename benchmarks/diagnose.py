"""How long a failure goes without its name: for each cause that can be provoked on the node.

From the moment when its evidence is in any object of the cluster to the condition of the
ModelDeployment. Both are seen by one kubectl that asks over and over, so a figure is right to
about half a second. A failure that is known by what stays away has no such moment. The baseline
is the goal.
"""

import sys
from statistics import median

from benchmarks.report import Figure, report
from tests.corpus.causes import BY_NAME, CAUSES
from tests.corpus.provoke import Seen
from tests.corpus.record import observed, provoker

LONGEST_SECONDS = 5.0
MEDIAN_SECONDS = 2.0


def main(names: list[str]) -> int:
    with provoker() as made:
        outcomes = {
            cause.name: observed(made, cause)
            for cause in [BY_NAME[name] for name in names] or CAUSES
        }
    for name, seen in outcomes.items():
        print(_row(name, seen))
    seconds = [seen.seconds for seen in outcomes.values() if seen.seconds is not None]
    unnamed = sum(seen.named_at is None for seen in outcomes.values())
    figures = [Figure("causes_not_named", unnamed, "of all")]
    if seconds:
        figures += [
            Figure("evidence_to_condition_median", median(seconds), "s", baseline=MEDIAN_SECONDS),
            Figure("evidence_to_condition_slowest", max(seconds), "s", baseline=LONGEST_SECONDS),
        ]
    report("diagnose", *figures)
    return 1 if unnamed else 0


def _row(name: str, seen: Seen) -> str:
    seconds = "-" if seen.seconds is None else f"{seen.seconds:.1f}"
    reason = seen.reason if seen.named_at is not None else f"not named ({seen.reason})"
    return f"{name:32} {reason:24} {seconds:>5} s  {seen.message[:100]}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
