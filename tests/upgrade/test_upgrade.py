"""A new version over running models: same Pods, same answers, and nothing that failed again.

The older version makes them as its users would have; then `helm upgrade` brings this one, and
`helm rollback` the older one back, while a client asks without a pause and a watch notes every word
of every status.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cluster import lifecycle
from cluster.progress import Progress
from demo import steps
from tests.e2e.asking import Asking
from tests.e2e.deployed import Deployed, applied
from tests.e2e.told import Told, told
from tests.e2e.variants import MODEL, QUICK, ready
from tests.upgrade.older import VERSIONS, Older, older

ECHO = steps.ROOT / "tests/e2e/echo.yaml"
CRASHING = {"app": {"args": {"echo": {"crash": "constructor", "crash_message": "torn"}}}}
ROLLOUT = {**QUICK, "progressDeadlineSeconds": 1800}
"""A start may take long on a busy machine, and what is slow is not broken."""
SMALL = {
    "runtime": {"head": {"resources": {"cpu": "50m", "memory": "2Gi"}}},
    "resources": {"cpu": "100m", "memory": "1Gi"},
}
"""Six clusters fit on two cores and 24 GiB: four that serve and two candidates."""
NAMES = ("serving", "held", "failed", "paused")


@dataclass(frozen=True)
class Fleet:
    """Four models, each in a state of its own that an upgrade must leave alone."""

    namespace: str
    models: dict[str, Deployed]

    def pods(self) -> set[tuple[str, str, int]]:
        """Revision, uid and restarts of each Pod of Ray."""
        return {
            (
                pod["metadata"]["labels"]["serving.bastaix.dev/revision"],
                pod["metadata"]["uid"],
                sum(each["restartCount"] for each in pod["status"].get("containerStatuses", ())),
            )
            for model in self.models.values()
            for pod in model.listed("pods")
            if "serving.bastaix.dev/revision" in pod["metadata"]["labels"]
        }

    def reasons(self) -> dict[str, str]:
        return {name: ready(model).get("reason", "") for name, model in self.models.items()}


@pytest.fixture(scope="module")
def progress() -> Progress:
    return Progress()


@pytest.fixture(scope="module")
def images(progress: Progress) -> dict[str, str]:
    lifecycle.up(progress)
    return dict(steps.built("ray", "operator", "githost", progress=progress))


@pytest.fixture(params=VERSIONS)
def before(
    request: pytest.FixtureRequest, tmp_path: Path, images: dict[str, str], progress: Progress
) -> Iterator[Older]:
    """The older version, installed alone; afterwards this one is back for whoever comes next."""
    version = older(request.param, tmp_path / "older", progress)
    steps.install_operator(images["operator"])
    steps.uninstall_operator()
    version.install()
    yield version
    steps.install_operator(images["operator"])


@pytest.fixture
def fleet(before: Older, images: dict[str, str], progress: Progress) -> Iterator[Fleet]:
    namespace = f"upgrade-{uuid.uuid4().hex[:6]}"
    commit = steps.publish(progress)
    steps.prepare_namespace(namespace)
    try:
        found = Fleet(namespace, {name: Deployed(name, namespace, progress) for name in NAMES})
        for name, model in found.models.items():  # one after another: two cores start one well
            manifest = steps.filled(
                ECHO, NAME=name, NAMESPACE=namespace, COMMIT=commit, IMAGE=images["ray"]
            )
            applied(manifest, {**SMALL, "rollout": ROLLOUT})
            model.wait_ready(900)
        break_them(found.models)
        yield found
    finally:
        steps.remove_namespace(namespace)


def break_them(models: dict[str, Deployed]) -> None:
    """Give three of them a candidate: one is held, one failed, one waits for a word."""
    changes: list[tuple[str, dict[str, Any], str]] = [
        (
            "held",
            {**CRASHING, "rollout": {**ROLLOUT, "onFailure": "Hold"}},
            "ConstructorFailed",
        ),
        ("failed", CRASHING, "ConstructorFailed"),
        (
            "paused",
            {
                "app": {"args": {"echo": {"answer": "hello, again"}}},
                "rollout": {**ROLLOUT, "pauseBeforePromotion": True},
            },
            "Paused",
        ),
    ]
    for name, change, reason in changes:
        models[name].patch(change)
        wait_reason(models[name], reason)
    failed = models["failed"]
    failed.wait("the failed candidate to be gone", lambda: len(failed.listed("rayservices")) == 1)


def wait_reason(model: Deployed, reason: str) -> None:
    model.wait(f"{model.name}: {reason}", lambda: ready(model).get("reason") == reason, 900)


def settle(fleet: Fleet) -> None:
    """Until each model has been reconciled since: a new bound of scaling is in its status."""
    for model in fleet.models.values():
        most = model.read()["spec"]["scaling"]["maxReplicas"] + 1
        model.patch({"scaling": {"maxReplicas": most}})
    for model in fleet.models.values():
        model.wait("the new generation in the status", is_observed(model), 120)
        model.wait("the new bound at the RayCluster", is_scaled(model), 60)


def is_observed(model: Deployed) -> Callable[[], bool]:
    def observed() -> bool:
        found = model.read()
        generation: int = found["metadata"]["generation"]
        said = steps.conditions(found)
        return all(
            said.get(type, {}).get("observedGeneration") == generation
            for type in ("Ready", "Serving")
        )

    return observed


def is_scaled(model: Deployed) -> Callable[[], bool]:
    def scaled() -> bool:
        most = model.read()["spec"]["scaling"]["maxReplicas"]
        active = model.read()["status"]["active"]["revision"]
        return any(
            group["maxReplicas"] == most
            for cluster in model.listed("rayclusters")
            if cluster["metadata"]["labels"]["serving.bastaix.dev/revision"] == active
            for group in cluster["spec"]["workerGroupSpecs"]
        )

    return scaled


def test_running_models_never_notice_an_upgrade_or_a_rollback(
    fleet: Fleet, before: Older, images: dict[str, str]
) -> None:
    pods, reasons = fleet.pods(), fleet.reasons()
    assert len({revision for revision, _, _ in pods}) >= 2
    with ExitStack() as stack:
        statuses = stack.enter_context(told(fleet.namespace))
        rayservices = stack.enter_context(told(fleet.namespace, "rayservices"))
        askings = [
            stack.enter_context(Asking(model.address, MODEL, pause=0.3))
            for model in fleet.models.values()
        ]
        made = {
            each["metadata"]["uid"]
            for model in fleet.models.values()
            for each in model.listed("rayservices")
        }
        steps.install_operator(images["operator"])
        settle(fleet)
        assert (fleet.pods(), fleet.reasons()) == (pods, reasons), "after helm upgrade"
        steps.roll_operator_back()
        settle(fleet)
        assert (fleet.pods(), fleet.reasons()) == (pods, reasons), "after helm rollback"
        assert [asking.failures for asking in askings] == [[]] * len(askings)
        assert all(asking.answered > 10 for asking in askings)
        # what was told is gone with the block
        assert {each["metadata"]["uid"] for each in rayservices.objects()} == made
        assert_never_said(statuses, "serving", "Ready=False")
        for name in NAMES:
            assert_never_said(statuses, name, "Serving=False")


def assert_never_said(statuses: Told, name: str, word: str) -> None:
    said: list[Any] = statuses.conditions()[name]
    assert [each for each in said if each.startswith(word)] == [], name
