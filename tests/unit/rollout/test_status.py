"""The whole status: kstatus conditions, the active revision, and no change without a cause."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from bastaix.api import reasons
from bastaix.api.reasons import Finding, explained
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.observed import Observed
from bastaix.render.revision import Revision
from bastaix.rollout.roles import roles
from bastaix.rollout.status import refused, status
from bastaix.rollout.story import Said, said
from tests.unit.bodies import body, verified, with_field
from tests.unit.observe.scenes import (
    ANSWERING,
    CURRENT,
    HASH,
    KEPT,
    LATER,
    MD,
    NOW,
    PODS,
    SINCE,
    UP,
    app,
    check,
    pod,
    rayservice,
    ready,
    scene,
    service,
)

SUSPENDED = with_field(body(), "spec.suspend", True)
WAITING = Finding(reasons.FETCHING_SOURCE, "waiting for the source controller")


def conditions(found: dict[str, Any]) -> dict[str, str]:
    """All but Promoted, which has a test of its own."""
    every = {each["type"]: f"{each['status']}/{each['reason']}" for each in found["conditions"]}
    del every["Promoted"]
    return every


def promoted(found: dict[str, Any]) -> str:
    (condition,) = [each for each in found["conditions"] if each["type"] == "Promoted"]
    return f"{condition['status']}/{condition['reason']}"


def test_the_finding_says_in_parts_what_the_conditions_say() -> None:
    lost = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    unplaced = pod("head", conditions=[{**lost, "message": "0/1 nodes are available"}])
    assert report(scene(rayservice=rayservice(), pods=(unplaced,)))["finding"] == {
        "reason": "Unschedulable",
        "message": "head Pod p-head: 0/1 nodes are available",
        "object": "Pod/p-head",
        "hint": reasons.UNSCHEDULABLE.hint,
    }


def test_nothing_is_found_in_what_is_ready_suspended_or_was_mended() -> None:
    assert "finding" not in report(ANSWERING)
    assert "finding" not in report(Observed(md_body=SUSPENDED, service=service()))
    broken = refused(body(), Finding(reasons.INVALID_SPEC, "spec.app is missing"), NOW)
    assert broken["finding"]["message"] == "spec.app is missing"
    mended = {**ANSWERING.md_body, "status": broken}
    assert "finding" not in report(replace(ANSWERING, md_body=mended))


def test_promoted_says_whether_the_revision_of_the_spec_has_the_traffic() -> None:
    assert promoted(report(ANSWERING)) == "True/Promoted"
    assert promoted(report(scene())) == "False/StartingRay"
    assert promoted(report(ANSWERING, WAITING, None)) == "False/FetchingSource"
    assert promoted(report(Observed(md_body=SUSPENDED, service=service()))) == "False/Suspended"
    unreadable = refused(body(), Finding(reasons.INVALID_SPEC, "spec.app is missing"), NOW)
    assert promoted(unreadable) == "False/InvalidSpec"


def report(
    observed: Observed, finding: Finding | None = None, current: Revision | None = CURRENT
) -> dict[str, Any]:
    return told(ModelDeployment.from_body(observed.md_body), observed, finding, current)


def told(
    md: ModelDeployment,
    observed: Observed,
    finding: Finding | None = None,
    current: Revision | None = CURRENT,
    now: datetime = NOW,
) -> dict[str, Any]:
    """As the reconciler has it said: what a step found wrong goes before what is seen."""
    parts = roles(md, observed, current, now)
    if finding is not None:
        word: Said | None = Said(finding, finding.reason.heals == "never")
    elif md.spec.suspend or observed.kuberay == "missing":
        word = None
    else:
        word = said(observed, parts, None, None, now)
    return status(md, observed, parts, word, now)


def test_ready_is_neither_reconciling_nor_stalled() -> None:
    assert conditions(report(ANSWERING)) == {"Ready": "True/Ready", "Serving": "True/Answering"}


def test_work_that_goes_on_is_reconciling() -> None:
    assert conditions(report(scene())) == {
        "Ready": "False/StartingRay",
        "Reconciling": "True/StartingRay",
        "Serving": "False/NotAnswering",
    }


def test_what_somebody_else_must_do_is_reconciling() -> None:
    assert conditions(report(scene(kuberay="missing")))["Reconciling"] == "True/KubeRayAbsent"


def test_what_only_the_user_can_change_is_stalled() -> None:
    failed = scene(rayservice=app("DEPLOY_FAILED", "KeyError: 1"), pods=PODS, **UP)
    found = report(failed)
    assert conditions(found) == {
        "Ready": "False/ServeFailed",
        "Stalled": "True/ServeFailed",
        "Serving": "False/NotAnswering",
    }
    (ready_condition, *_) = found["conditions"]
    assert ready_condition["message"] == f"KeyError: 1. {reasons.SERVE_FAILED.hint}"


def test_suspended_is_neither_reconciling_nor_stalled() -> None:
    found = report(Observed(md_body=SUSPENDED, service=service()))
    assert conditions(found) == {"Ready": "False/Suspended", "Serving": "False/NotAnswering"}
    assert found["replicas"] == {"desired": 0, "ready": 0}
    assert "active" not in found


def test_a_finding_of_the_reconciler_goes_before_what_is_seen() -> None:
    finding = Finding(reasons.NOT_OWNED, "Service smollm2 belongs to somebody else")
    found = conditions(report(ANSWERING, finding))
    assert found["Ready"] == "False/NotOwned"
    assert found["Serving"] == "True/Answering"


def test_an_old_revision_may_answer_while_the_new_one_does_not() -> None:
    old = "00000000"
    observed = replace(
        ANSWERING,
        pods=(*PODS, ready("worker", "old", hash=old)),
        service=service(old),
        checks={"stable": check(True, hash=old)},
        rayservices=(app("DEPLOYING"), rayservice(hash=old)),
    )
    assert conditions(report(observed)) == {
        "Ready": "False/LoadingModel",
        "Reconciling": "True/LoadingModel",
        "Serving": "True/Answering",
    }


def test_says_the_address_the_active_revision_and_the_replicas() -> None:
    found = report(ANSWERING)
    assert found["observedGeneration"] == 1
    assert found["url"] == "http://smollm2.demo.svc/v1"
    assert found["active"] == {
        "revision": HASH,
        "commit": MD.spec.source.commit,
        "since": SINCE,
    }
    assert found["replicas"] == {"desired": 2, "ready": 1}


def test_knows_the_commit_of_an_older_revision_from_what_is_kept() -> None:
    md = ModelDeployment.from_body(with_field(body(), "spec.source.git.commit", "0" * 40))
    newer = replace(CURRENT, hash="11111111", commit="0" * 40)
    observed = replace(ANSWERING, controller_revisions=(KEPT,))
    found = told(md, observed, current=newer)
    assert found["active"]["commit"] == MD.spec.source.commit


def test_of_the_commits_with_the_same_content_the_last_is_told() -> None:
    md = ModelDeployment.from_body(with_field(body(), "spec.source.git.commit", "0" * 40))
    observed = replace(ANSWERING, controller_revisions=(KEPT,))
    first = told(md, observed)
    assert first["active"]["commit"] == "0" * 40
    newest = with_field(body(), "spec.source.git.commit", "1" * 40)
    unverified = ModelDeployment.from_body(with_field(newest, "status", first))
    held = told(unverified, observed, WAITING, None)
    assert held["active"] == first["active"]


def test_code_of_the_image_has_no_commit() -> None:
    md = ModelDeployment.from_body(with_field(body(), "spec.source", {"image": {}}))
    found = told(md, ANSWERING)
    assert "commit" not in found["active"]


def test_while_no_revision_can_be_made_what_is_active_is_told_truly() -> None:
    found = report(ANSWERING, WAITING, None)
    assert conditions(found) == {
        "Ready": "False/FetchingSource",
        "Reconciling": "True/FetchingSource",
        "Serving": "True/Answering",
    }
    assert found["replicas"] == {"desired": 2, "ready": 1}


def test_suspended_is_told_though_no_revision_can_be_made() -> None:
    found = report(Observed(md_body=SUSPENDED), None, None)
    assert conditions(found)["Ready"] == "False/Suspended"


def test_what_to_do_is_said_once() -> None:
    said = explained(Finding(reasons.SOURCE_NOT_FOUND, "github.com has no acme/serving"))
    found = report(scene(), Finding(reasons.SOURCE_NOT_FOUND, said), None)
    assert found["conditions"][0]["message"] == said
    assert said.count(reasons.SOURCE_NOT_FOUND.hint) == 1


def test_what_the_source_controller_writes_is_never_claimed() -> None:
    theirs = verified(with_field(body(), "status", report(ANSWERING)))
    md = ModelDeployment.from_body(theirs)
    again = told(md, replace(ANSWERING, md_body=theirs), now=LATER)
    unreadable = refused(theirs, Finding(reasons.INVALID_SPEC, "spec.app is missing"), NOW)
    for found in (again, unreadable):
        assert "source" not in found
        assert "SourceVerified" not in conditions(found)
    assert again == report(ANSWERING)


@pytest.mark.parametrize(
    "observed", [ANSWERING, scene(), Observed(md_body=SUSPENDED), scene(kuberay="missing")]
)
def test_says_the_same_again_when_nothing_changed(observed: Observed) -> None:
    first = report(observed)
    again = with_field(dict(observed.md_body), "status", first)
    md = ModelDeployment.from_body(again)
    assert told(md, replace(observed, md_body=again), now=LATER) == first


def test_a_spec_that_cannot_be_read_keeps_the_last_status() -> None:
    before = report(ANSWERING)
    unreadable = with_field(body(), "status", before)
    unreadable = with_field(unreadable, "metadata.generation", 2)
    found = refused(unreadable, Finding(reasons.INVALID_SPEC, "spec.app is missing"), NOW)
    assert found["observedGeneration"] == 2
    assert found["active"] == before["active"]
    assert conditions(found) == {
        "Ready": "False/InvalidSpec",
        "Stalled": "True/InvalidSpec",
        "Serving": "True/Answering",
    }
