"""A candidate's answers decide, on the real node: the evaluation is a real Job.

Throughout, a client asks the stable Service without a pause; it must never notice.
"""

from typing import Any

import pytest

from demo import steps
from demo.kubectl import kubectl
from tests.e2e.asking import Asking
from tests.e2e.deployed import Deployed
from tests.e2e.variants import (
    MODEL,
    QUICK,
    Commit,
    change,
    rayservices,
    ready,
    revisions_with_pods,
    uids,
)

GATE = {"dataset": {"path": "evals/golden.jsonl"}, "ttftP95": "1s", "timeoutSeconds": 120}


@pytest.fixture
def gated(fresh_echo: Deployed) -> Deployed:
    """Revision A has passed its evaluation and answers."""
    fresh_echo.patch({"rollout": {**QUICK, "gate": GATE}})
    fresh_echo.wait_ready()
    return fresh_echo


def newest(deployed: Deployed) -> dict[str, Any]:
    found: dict[str, Any] = deployed.read()["status"]["history"][0]
    return found


def log_of(deployed: Deployed, revision: str) -> str:
    job = f"job/{deployed.name}-{revision}-eval"
    return kubectl("logs", job, "-n", deployed.namespace)


def withdrawn(deployed: Deployed, before: set[str], reason: str) -> str:
    """Wait until the candidate is gone for this reason; the message that says so."""
    deployed.wait(reason, lambda: ready(deployed).get("reason") == reason, 240)
    deployed.wait("B to be gone", lambda: rayservices(deployed) == before)
    deployed.wait("B's Pods to be gone", lambda: len(revisions_with_pods(deployed)) == 1)
    found = steps.conditions(deployed.read())
    assert found["Serving"]["status"] == "True"
    assert found["Stalled"]["status"] == "True"
    return str(found["Ready"]["message"])


def test_what_answers_well_gets_the_traffic_and_what_does_not_never_does(
    gated: Deployed, commit: Commit
) -> None:
    assert newest(gated)["evaluation"]["passRate"] == 1.0
    before = rayservices(gated)
    good = commit("# the next version")
    with Asking(gated.address, MODEL) as asking:
        gated.patch({"app": {"args": {"echo": {"answer": "I am lost."}}}})
        message = withdrawn(gated, before, "EvaluationFailed")
        assert "pass rate 0 is 1 too low" in message
        assert "(a-word, a-sentence, other-letters, …)" in message
        ended = newest(gated)
        assert (ended["outcome"], len(ended["evaluation"]["failed"])) == ("Failed", 6)
        log = log_of(gated, ended["revision"])
        gated.patch({"app": {"args": None}})
        change(gated, good)
        gated.wait_ready()
    assert asking.failures == []
    assert '"id": "a-sentence", "passed": false' in log
    assert "capital of Italy" not in log
    assert "I am lost" not in log
    assert gated.read()["status"]["active"]["commit"] == good
    assert newest(gated)["evaluation"] == {
        **newest(gated)["evaluation"],
        "outcome": "Passed",
        "passRate": 1.0,
        "cases": 6,
    }


@pytest.mark.long
def test_what_is_too_slow_never_gets_the_traffic(gated: Deployed) -> None:
    before = rayservices(gated)
    with Asking(gated.address, MODEL) as asking:
        gated.patch({"app": {"args": {"echo": {"seconds_to_first_token": 2.0}}}})
        message = withdrawn(gated, before, "EvaluationFailed")
    assert asking.failures == []
    assert "TTFT p95 2." in message


@pytest.mark.long
def test_going_back_in_the_middle_restarts_nothing(fresh_echo: Deployed) -> None:
    gate = {"dataset": GATE["dataset"], "concurrency": 1, "timeoutSeconds": 120}
    fresh_echo.patch({"rollout": {**QUICK, "gate": gate, "pauseBeforePromotion": True}})
    fresh_echo.wait_ready()
    before = uids(fresh_echo)
    slow = {"echo": {"seconds_to_start": 20, "seconds_to_first_token": 2.0}}
    with Asking(fresh_echo.address, MODEL) as asking:
        for phase in ("StartingRay", "LoadingModel", "Evaluating", "Paused"):
            fresh_echo.patch({"app": {"args": slow}})
            fresh_echo.wait(phase, lambda: ready(fresh_echo).get("reason") == phase)  # noqa: B023
            fresh_echo.patch({"app": {"args": None}})
            fresh_echo.wait_ready(seconds=30)
            fresh_echo.wait(
                "B's Pods to be gone", lambda: len(revisions_with_pods(fresh_echo)) == 1
            )
    assert asking.failures == []
    assert uids(fresh_echo) == before
    assert [each["outcome"] for each in fresh_echo.read()["status"]["history"]] == ["Promoted"]
