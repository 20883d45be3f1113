"""ModelDeployments as those who deploy them see them: every state that is written down in tests.

Each with what kstatus has to say of it, and Argo CD with the check that the documentation gives.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, Final

import yaml

from bastaix.api import names, reasons
from bastaix.observe.observed import Observed
from bastaix.schema.structural import defaulted
from tests.corpus.recorded import FILES, recording
from tests.kstatus import courses
from tests.unit.bodies import body
from tests.unit.observe.scenes import HASH, service
from tests.unit.observe.test_diagnose import STATES
from tests.unit.rollout.test_status import report

CRD: Final = Path(__file__).parents[2] / "crds/modeldeployments.yaml"


@dataclass(frozen=True)
class Verdicts:
    kstatus: str
    argocd: str


DONE: Final = Verdicts("Current", "Healthy")
UNDERWAY: Final = Verdicts("InProgress", "Progressing")
FAILED: Final = Verdicts("Failed", "Degraded")
PAUSED: Final = Verdicts("Failed", "Suspended")
SUSPENDED: Final = Verdicts("InProgress", "Suspended")
"""Neither Reconciling nor Stalled: kstatus takes a Ready that is False for work that goes on."""


@dataclass(frozen=True)
class State:
    name: str
    made: Callable[[], dict[str, Any]]
    verdicts: Verdicts

    @cached_property
    def body(self) -> dict[str, Any]:
        """With what the API server adds to whatever it hands out."""
        read: dict[str, Any] = defaulted(_schema(), self.made())
        return read


COURSES: Final[tuple[tuple[Callable[[], dict[str, Any]], Verdicts], ...]] = (
    (courses.just_applied, UNDERWAY),
    (courses.source_is_fetched_and_the_operator_has_not_looked, UNDERWAY),
    (courses.source_is_awaited, UNDERWAY),
    (courses.source_may_heal, UNDERWAY),
    (courses.source_is_refused, FAILED),
    (courses.source_of_another_commit_is_refused_while_one_serves, FAILED),
    (courses.spec_is_invalid, FAILED),
    (courses.spec_has_become_invalid_while_one_serves, FAILED),
    (courses.first_revision_starts, UNDERWAY),
    (courses.first_revision_answers, DONE),
    (courses.first_revision_has_failed, FAILED),
    (courses.pods_are_gone, UNDERWAY),
    (courses.kuberay_is_absent, UNDERWAY),
    (courses.service_is_somebody_elses, UNDERWAY),
    (courses.api_server_denies, UNDERWAY),
    (courses.another_generation_was_not_looked_at, UNDERWAY),
    (courses.another_generation_after_a_failure_was_not_looked_at, UNDERWAY),
    (courses.another_generation_of_the_same_revision_was_looked_at, DONE),
    (courses.candidate_starts, UNDERWAY),
    (courses.candidate_waits_for_a_drain, UNDERWAY),
    (courses.candidate_has_failed, FAILED),
    (courses.candidate_is_held, FAILED),
    (courses.candidate_is_paused, PAUSED),
    (courses.candidate_was_paused_and_is_promoted, DONE),
    (courses.candidate_is_late_and_tried_again, UNDERWAY),
    (courses.candidate_finds_no_room, UNDERWAY),
    (courses.candidate_is_evaluated, UNDERWAY),
    (courses.evaluation_is_failed, FAILED),
    (courses.evaluation_says_nothing, FAILED),
    (courses.recreate_removes_what_served, UNDERWAY),
    (courses.recreate_starts, UNDERWAY),
    (courses.recreate_has_failed, FAILED),
    (courses.traffic_is_being_turned, UNDERWAY),
    (courses.promoted_and_in_the_bake, DONE),
    (courses.bake_has_failed, FAILED),
    (courses.return_that_was_asked_for_starts, UNDERWAY),
    (courses.returned_as_was_asked_for, FAILED),
    (courses.suspended, SUSPENDED),
    (courses.suspended_before_the_first_revision, SUSPENDED),
    (courses.suspension_was_not_looked_at, UNDERWAY),
    (courses.resumed, UNDERWAY),
)


def _seen(observed: Observed) -> dict[str, Any]:
    return {**observed.md_body, "status": report(observed)}


def _recorded(file: Path) -> dict[str, Any]:
    """What a real cluster said of a failure."""
    return _seen(replace(recording(file, body(), HASH).observed, service=service()))


def _by_reason(reason: reasons.Reason) -> Verdicts:
    """What is promised of a reason: whether anything goes on without its user."""
    if reason == reasons.SUSPENDED:
        return SUSPENDED
    if reason == reasons.READY:
        return DONE
    return FAILED if reason.heals == "never" else UNDERWAY


def _expected(file: Path) -> reasons.Reason:
    return reasons.BY_NAME[recording(file, body()).expected]


@cache
def _schema() -> dict[str, Any]:
    versions = yaml.safe_load(CRD.read_text())["spec"]["versions"]
    (found,) = [each for each in versions if each["name"] == names.VERSION]
    schema: dict[str, Any] = found["schema"]["openAPIV3Schema"]
    return schema


ALL: Final = (
    *(State(course.__name__, course, verdicts) for course, verdicts in COURSES),
    *(
        State(name, partial(_seen, observed), _by_reason(reason))
        for name, observed, reason, _ in STATES
    ),
    *(
        State(f"recorded {file.stem}", partial(_recorded, file), _by_reason(_expected(file)))
        for file in FILES
    ),
)
