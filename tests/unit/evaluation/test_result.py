"""The small JSON: what is in it, that it is always small, and that the operator reads it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from bastaix.api.evaluation import EXIT_CODES, MAX_FAILED, MAX_RESULT_BYTES, Outcome
from bastaix.evaluation.figures import figures
from bastaix.evaluation.judging import judged
from bastaix.evaluation.result import encoded, result
from bastaix.evaluation.verdict import Verdict, said
from bastaix.rollout import evaluate
from tests.unit.evaluation import cases
from tests.unit.evaluation.serving import job_and_pod

DIGEST = f"sha256:{'5' * 64}"


def test_what_is_in_it() -> None:
    found = figures(cases.results("Rome", "Rome", "Paris"))
    document = result(Verdict("Failed", "too low"), found, dataset=DIGEST, baseline=0.75)
    assert document == {
        "outcome": "Failed",
        "message": "too low",
        "dataset": DIGEST,
        "cases": 3,
        "passRate": 0.666667,
        "errorRate": 0.0,
        "ttftP95Seconds": 0.1,
        "baselinePassRate": 0.75,
        "failed": ["2"],
    }


def test_of_nothing_it_still_has_its_shape() -> None:
    assert result(Verdict("Error", "no")) == {
        "outcome": "Error",
        "message": "no",
        "cases": 0,
        "passRate": 0.0,
        "errorRate": 0.0,
        "failed": [],
    }


PRINTABLE = st.characters(exclude_categories=["C", "Z"])
IDS = st.lists(st.text(PRINTABLE, min_size=1, max_size=128), max_size=30, unique=True)
LONGEST = ["😀" * 127 + chr(0x4E00 + n) for n in range(30)]


@given(IDS | st.just(LONGEST), st.text(PRINTABLE), st.sampled_from(sorted(EXIT_CODES)))
def test_it_is_small_and_the_operator_reads_it(
    ids: list[str], message: str, outcome: Outcome
) -> None:
    found = figures([judged(cases.case(id), cases.said("Paris")) for id in ids])
    data = encoded(result(said(outcome, message * 50), found, dataset=DIGEST, baseline=1 / 3))
    assert len(data) < MAX_RESULT_BYTES
    failed = json.loads(data)["failed"]
    assert failed == ids[: len(failed)]
    assert len(failed) <= MAX_FAILED
    job, pod = job_and_pod("bastaix-eval", EXIT_CODES[outcome], data.decode())
    read = evaluate.read(job, [pod])
    assert read is not None
    assert (read.outcome, read.cases, read.dataset) == (outcome, len(ids), DIGEST)
    assert read.failed == tuple(failed)
