"""When what happened in a rollout, told by the events of its objects."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from benchmarks.stage import Stage
from benchmarks.watched import Event

OLD, NEW = "0a0a0a0a", "1b1b1b1b"
REVISION = "serving.bastaix.dev/revision"


@dataclass(frozen=True)
class Recorded:
    """A watch that has told all."""

    events: tuple[Event, ...] = ()


def labelled(at: float, name: str, revision: str, *, deleted: bool = False) -> Event:
    labels = {REVISION: revision} if revision else {}
    return Event(at, deleted, {"metadata": {"name": name, "labels": labels}})


def service(at: float, name: str, *, selects: str = "", ip: str = "192.0.2.1") -> Event:
    selector = {REVISION: selects} if selects else {}
    body = {"metadata": {"name": name}, "spec": {"selector": selector, "clusterIP": ip}}
    return Event(at, False, body)


def deployment(at: float, *, generation: int = 2, commit: str = "a", **stalled: Any) -> Event:
    conditions = [{"type": "Stalled", "reason": "GateFailed", "message": "no", **stalled}]
    ready = [{"type": "Ready", "status": "False", "reason": "GateFailed", "message": "no"}]
    status = {"active": {"commit": commit}, "conditions": (conditions if stalled else []) + ready}
    metadata = {"name": "echo", "generation": generation}
    return Event(at, False, {"metadata": metadata, "status": status})


def stage(**told: list[Event]) -> Stage:
    empty = Recorded()
    all_empty = Stage("echo", OLD, empty, empty, empty, empty, empty)
    return replace(all_empty, **{kind: Recorded(tuple(events)) for kind, events in told.items()})


def test_the_candidates_pods_came_with_the_first_of_another_revision() -> None:
    old, other = labelled(1, "old", OLD), labelled(2, "other", "")
    assert stage(pods=[old, other]).pods_came() is None
    new = [labelled(3, "head", NEW), labelled(4, "worker", NEW)]
    assert stage(pods=[old, other, *new]).pods_came() == 3


def test_the_candidate_is_asked_at_its_own_service() -> None:
    pods = [labelled(1, "old", OLD), labelled(2, "new", NEW)]
    services = [
        service(1, "echo", selects=OLD),
        service(1, f"echo-{OLD}-serve-svc", ip="192.0.2.2"),
    ]
    assert stage(pods=pods, services=services).candidate_url() == ""
    services.append(service(3, f"echo-{NEW}-serve-svc", ip="192.0.2.3"))
    assert stage(pods=pods, services=services).candidate_url() == "http://192.0.2.3:8000"
    assert stage(pods=pods[:1], services=services).candidate_url() == ""


def test_the_selector_of_the_stable_service_alone_promotes() -> None:
    before = [service(1, "echo", selects=OLD), service(2, f"echo-{NEW}-serve-svc", selects=NEW)]
    assert stage(services=before).promoted() is None
    turned = [service(5, "echo", selects=NEW), service(6, "echo", selects=NEW)]
    assert stage(services=before + turned).promoted() == 5


def test_the_old_revision_is_gone_with_its_rayservice_and_its_last_pod() -> None:
    pods = [labelled(1, "old", OLD), labelled(2, "new", NEW)]
    rayservices = [labelled(1, f"echo-{OLD}", OLD), labelled(2, f"echo-{NEW}", NEW)]
    assert not stage(pods=pods, rayservices=rayservices).old_is_gone()
    rayservices.append(labelled(8, f"echo-{OLD}", OLD, deleted=True))
    assert not stage(pods=pods, rayservices=rayservices).old_is_gone()
    pods.append(labelled(9, "old", OLD, deleted=True))
    pods.append(labelled(10, "new", NEW))
    found = stage(pods=pods, rayservices=rayservices)
    assert found.old_is_gone()
    assert found.old_went() == 9


def test_the_status_says_which_commit_is_active() -> None:
    told = [deployment(1, commit="a"), deployment(2, commit="b")]
    assert stage(deployments=told).is_active("b")
    assert not stage(deployments=told).is_active("a")


def test_waiting_ends_when_the_operator_has_given_up_on_this_generation() -> None:
    stage().refuse_stalled()
    stage(deployments=[deployment(1)]).refuse_stalled()
    stage(deployments=[deployment(1, status="True", observedGeneration=1)]).refuse_stalled()
    stalled = stage(deployments=[deployment(1, status="True", observedGeneration=2)])
    with pytest.raises(RuntimeError, match="the rollout has ended: GateFailed: no"):
        stalled.refuse_stalled()


def test_it_is_complete_when_each_kind_has_told_something() -> None:
    one = [labelled(1, "one", OLD)]
    kinds = ("deployments", "rayservices", "pods", "services", "slices")
    assert stage(**dict.fromkeys(kinds, one)).is_complete()
    for kind in kinds:
        assert not stage(**(dict.fromkeys(kinds, one) | {kind: []})).is_complete()
