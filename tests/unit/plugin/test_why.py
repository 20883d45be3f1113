"""Why it stands as it does: what decides, the chain with what is wrong in it, and what to do."""

from dataclasses import replace
from typing import Any

import pytest

from bastaix.api import reasons
from bastaix.api.reasons import Finding, explained
from bastaix.plugin.around import Around, Unread, concerning
from bastaix.plugin.why import why
from bastaix.reconcile.kinds import JOB, POD, RAYCLUSTER, RAYSERVICE
from tests.unit.observe.scenes import rayservice
from tests.unit.plugin.examples import (
    ACTIVE,
    BAD,
    CANDIDATE,
    GOOD,
    NOW,
    READY_SEEN,
    body,
    failed,
    going,
    seen,
    trial,
)
from tests.unit.plugin.surroundings import MISSING, TROUBLED, around, broken, of, running

SAID = explained(Finding(reasons.DEPENDENCY_MISSING, MISSING))
REFUSED = seen(
    body(
        conditions=going("DependencyMissing", SAID, "Stalled"),
        active=ACTIVE,
        candidate={**CANDIDATE, "phase": "Held"},
    )
)


def told(around: Around, width: int = 140) -> str:
    return "\n".join(why(around, NOW, width))


def line(text: str, part: str) -> str:
    """The one line that has it in it."""
    (found,) = [each for each in text.splitlines() if part in each]
    return found


def test_the_operators_word_comes_first_with_its_evidence_and_what_to_do() -> None:
    text = told(around(REFUSED, running(GOOD), broken(BAD)))
    assert text.splitlines()[0] == "smollm2 in demo, generation 7: DependencyMissing (error)"
    assert f"\n    {MISSING}\n" in text
    assert text.replace("\n", " ").count(reasons.DEPENDENCY_MISSING.hint) == 1
    assert "`bastaix explain DependencyMissing`" in text


def test_the_evidence_stands_in_the_text_it_was_taken_from() -> None:
    text = told(around(REFUSED, running(GOOD), broken(BAD)))
    start = text.index(f"From RayService smollm2-{BAD}, the app in Ray Serve:")
    context = text[start:].split("\n\n")[0].splitlines()
    assert context[-2:] == ["          import sentencepiece", f"    > {MISSING}"]
    assert "\x1b" not in text


def test_the_chain_goes_down_to_the_pods_and_marks_what_is_wrong() -> None:
    text = told(around(REFUSED, running(GOOD), broken(BAD)))
    start = text.index("✗ ModelDeployment smollm2")
    lines = text[start:].split("\n\n")[0].splitlines()
    assert [each.split("  ✗ ")[-1].split("─ ")[-1].split("  ")[0] for each in lines] == [
        "✗ ModelDeployment smollm2",
        f"revision {GOOD}",
        f"RayService smollm2-{GOOD}",
        f"RayCluster smollm2-{GOOD}-x1y2z",
        f"Pod smollm2-{GOOD}-head",
        f"Pod smollm2-{GOOD}-worker",
        f"revision {BAD}",
        f"✗ RayService smollm2-{BAD}",
        f"RayCluster smollm2-{BAD}-x1y2z",
        f"Pod smollm2-{BAD}-head",
        f"✗ Pod smollm2-{BAD}-worker",
    ]
    assert lines[-1].startswith("         └─ ✗ Pod")
    assert lines[4].startswith("│     " + "   ├─ Pod")
    assert "app DEPLOY_FAILED, DependencyMissing: " in line(text, f"✗ RayService smollm2-{BAD}")
    worker = line(text, f"✗ Pod smollm2-{BAD}-worker")
    assert "worker, OutOfMemory: container ray, was killed for its memory" in worker


def test_what_else_is_wrong_is_context_and_what_decides_is_not_repeated() -> None:
    text = told(around(REFUSED, running(GOOD), broken(BAD)))
    others = text[text.index("Also found") :].split("\n\n")[0]
    assert f"revision {BAD}: OutOfMemory: " in others
    assert "DependencyMissing" not in others


def test_a_status_that_lags_behind_keeps_the_first_line_and_the_rest_says_what_is_seen() -> None:
    text = told(TROUBLED)
    assert text.splitlines()[0] == "smollm2 in demo, generation 7: LoadingModel"
    assert f"revision {BAD}: DependencyMissing: {MISSING}" in text
    assert f"    > {MISSING}" in text


def test_without_a_word_of_the_operator_what_is_seen_decides() -> None:
    silent = seen(body(conditions=[], observed=0))
    text = told(around(silent, broken(BAD)))
    assert text.splitlines()[0] == "smollm2 in demo, generation 7: DependencyMissing (error)"
    assert "The operator has not said how it stands" in text
    assert MISSING in text


def test_where_nothing_has_been_made_the_operator_is_asked_for() -> None:
    text = told(Around(replace(seen(body(conditions=[], observed=0)), kept=())))
    assert "does the operator run?" in text
    assert "no revision yet" in text


def test_revisions_that_do_not_run_are_not_called_future_ones() -> None:
    text = told(around(seen(body(conditions=going("SourceUnreachable", "no answer")))))
    assert "no revision runs" in text
    assert "no revision yet" not in text


def test_where_all_is_well_nothing_is_to_be_done() -> None:
    text = told(around(READY_SEEN, running(GOOD)))
    assert text.splitlines()[0] == "smollm2 in demo, generation 7: Ready"
    for sign in ("✗", "…", "What to do", "Also found", "Not read"):
        assert sign not in text


def test_what_may_not_be_read_is_said_and_the_rest_is_shown() -> None:
    no = {
        kind: Unread("forbidden", f"you may not read {kind.plural} here")
        for kind in (RAYSERVICE, RAYCLUSTER)
    }
    text = told(around(REFUSED, broken(BAD), unread=no))
    assert "  RayServices: you may not read rayservices here" in text
    assert f"RayService smollm2-{BAD}  not read" in text
    assert f"✗ Pod smollm2-{BAD}-worker" in text
    assert "is not there" not in text


def test_an_active_revision_without_its_rayservice_is_wrong() -> None:
    text = told(around(READY_SEEN))
    assert f"✗ RayService smollm2-{GOOD}  is not there" in text


def test_a_cluster_without_kuberay_is_what_is_found() -> None:
    absent = {RAYSERVICE: Unread("absent", "the cluster has no kind ray.io/v1 RayService")}
    text = told(around(seen(body(conditions=[], observed=0, active=ACTIVE)), unread=absent))
    assert text.splitlines()[0].endswith(": KubeRayAbsent (warning)")
    assert "Not read" not in text


def test_an_evaluation_that_failed_and_what_became_of_its_revision_are_in_the_chain() -> None:
    labels = {"serving.bastaix.dev/evaluation": BAD}
    message = "Job has reached the specified backoff limit"
    job = {
        "metadata": {"name": f"smollm2-{BAD}-eval", "labels": labels},
        "status": {"conditions": [{"type": "Failed", "status": "True", "message": message}]},
    }
    text = told(around(failed(), running(GOOD), {JOB: [job]}))
    assert "failed, EvaluationFailed: pass rate 0.71" in line(text, f"✗ revision {BAD}")
    assert line(text, "✗ Job").endswith(f"the evaluation, has failed: {message}")


def event(kind: str, name: str, message: str, type: str = "Warning") -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "involvedObject": {"kind": kind, "name": name},
        "type": type,
        "reason": "FailedMount",
        "message": message,
        "lastTimestamp": "2026-01-02T11:58:30Z",
    }


def test_warnings_say_of_what_they_are_and_hold_no_secret() -> None:
    events = (
        event("Pod", f"smollm2-{BAD}-worker", "token=abcdefgh is wrong"),
        event("Pod", f"smollm2-{BAD}-head", "Pulled", type="Normal"),
    )
    text = told(around(replace(trial("LoadingModel"), events=events), broken(BAD)))
    warning = line(text, "FailedMount")
    assert warning == f"  90s  FailedMount  Pod smollm2-{BAD}-worker  token=*** is wrong"
    assert "Pulled" not in text


@pytest.mark.parametrize(
    ("kind", "name", "is_ours"),
    [
        ("ModelDeployment", "smollm2", True),
        ("Service", "smollm2", True),
        ("Pod", f"smollm2-{BAD}-worker", True),
        ("Pod", f"smollm2-{BAD}-gone-by-now", True),
        ("Pod", "smollm2-other", False),
        ("ModelDeployment", "smollm", False),
        ("ConfigMap", f"smollm2-{BAD}-x", False),
    ],
)
def test_an_event_belongs_to_it_by_what_it_is_about(kind: str, name: str, is_ours: bool) -> None:
    about = event(kind, name, "")
    assert concerning(TROUBLED, [about]) == ([about] if is_ours else [])


def test_no_line_is_wider_than_the_terminal() -> None:
    lines = why(around(REFUSED, running(GOOD), broken(BAD)), NOW, 60)
    assert max(map(len, lines)) <= 60


def test_pods_of_two_clusters_hang_below_their_own() -> None:
    both = broken(BAD)
    (first,) = both[RAYCLUSTER]
    second = {**first, "metadata": {**first["metadata"], "name": f"smollm2-{BAD}-second"}}
    head, worker = both[POD]
    for each, cluster in ((head, f"smollm2-{BAD}-x1y2z"), (worker, f"smollm2-{BAD}-second")):
        each["metadata"]["labels"]["ray.io/cluster"] = cluster
    lines = told(around(REFUSED, {**both, RAYCLUSTER: [first, second]})).splitlines()
    at = {
        name: next(i for i, each in enumerate(lines) if name in each and "─ " in each)
        for name in ("x1y2z", "second", "-head", "-worker")
    }
    assert at["-head"] == at["x1y2z"] + 1
    assert at["-worker"] == at["second"] + 1


def test_that_kuberay_says_nothing_is_found_though_the_operator_is_silent_as_well() -> None:
    unheeded = of(BAD, rayservice())
    unheeded[RAYSERVICE][0]["metadata"]["creationTimestamp"] = "2026-01-02T11:50:00Z"
    text = told(around(seen(body(conditions=[], observed=0)), unheeded))
    assert text.splitlines()[0].endswith(": KubeRayNotReconciling (warning)")


def test_what_the_cluster_says_does_not_steer_the_terminal() -> None:
    clustered = broken(BAD)
    clustered[RAYCLUSTER][0]["status"]["state"] = "ready\x1b[2J\nand"
    unread = {JOB: Unread("failed", "refused\x1b[2J\nby a webhook")}
    text = told(around(REFUSED, clustered, unread=unread))
    assert "\x1b" not in text
    assert "Jobs: refused\\u001b[2J by a webhook" in text
    assert line(text, "─ RayCluster").endswith("  ready\\u001b[2J and")


def test_suspended_nothing_is_missed_and_nothing_is_wrong() -> None:
    suspended = body(conditions=going("Suspended", "spec.suspend is true")[:1], active=ACTIVE)
    suspended["spec"] = {"suspend": True}
    text = told(around(seen(suspended)))
    assert text.splitlines()[0] == "smollm2 in demo, generation 7: Suspended"
    for sign in ("✗", "…", "is not there"):
        assert sign not in text
    assert f"revision {GOOD}  active" in text


def test_what_was_asked_for_is_not_called_wrong() -> None:
    text = told(around(seen(body(conditions=going("Paused", "it waits"), active=ACTIVE))))
    assert text.splitlines()[0] == "smollm2 in demo, generation 7: Paused"
    assert "\nModelDeployment smollm2  Ready is False: Paused" in text
    assert "What to do: Promote it with `kubectl bastaix promote smollm2`" in text
