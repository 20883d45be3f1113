"""What Serve says here is judged by the table that the cluster's status is made by."""

from typing import Any

import pytest

from bastaix.api import reasons
from bastaix.api.reasons import Reason
from bastaix.local import instance, serving
from bastaix.observe.serve import App

CONSTRUCTOR = (
    "The deployment failed to start 3 times in a row. Error:\nTraceback\nRuntimeError: too hot"
)


def unplaced(required: str) -> str:
    return (
        "Deployment 'Big' in application 'a' has 1 replicas that have taken more than 30s to be"
        " scheduled. This may be due to waiting for the cluster to auto-scale or for a runtime"
        f" environment to be installed. Resources required for each replica: {required}, total"
        " resources available: {}. Use `ray status` for more details."
    )


def app(status: str, message: str = "", **deployments: tuple[str, str]) -> App:
    each = {name: {"status": s, "message": m} for name, (s, m) in deployments.items()}
    return App(status=status, message=message, deployments=each)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (app("DEPLOY_FAILED", "", Echo=("DEPLOY_FAILED", CONSTRUCTOR)), reasons.CONSTRUCTOR_FAILED),
        (app("UNHEALTHY", "", Echo=("UNHEALTHY", "no")), reasons.HEALTH_CHECK_FAILING),
        (
            app("DEPLOYING", "", Big=("UPDATING", unplaced('[{"CPU": 2.0}, {"CPU": 2}]'))),
            reasons.RAY_RESOURCES_UNAVAILABLE,
        ),
        (
            app("DEPLOYING", "", Big=("UPDATING", unplaced('{"CPU": 1, "GPU": 1}'))),
            reasons.RAY_RESOURCES_UNAVAILABLE,
        ),
    ],
)
def test_what_is_wrong_has_the_clusters_reason(given: App, reason: Reason) -> None:
    found = serving.verdict(given, "app:build", 3)
    assert found is not None
    assert found.reason is reason


@pytest.mark.parametrize(
    "given",
    [
        None,
        app("RUNNING"),
        app("DEPLOYING"),
        # a worker that imports for half a minute before there is a replica
        app("DEPLOYING", "", Big=("UPDATING", unplaced('[{"CPU": 3.0, "GPU": 0.0}]'))),
    ],
)
def test_what_may_still_come_is_waited_for(given: App | None) -> None:
    assert serving.verdict(given, "app:build", 3) is None


def test_the_app_is_found_in_what_serve_says_of_all() -> None:
    details: dict[str, Any] = {
        "applications": {
            "other": {"status": "RUNNING"},
            "mine": {
                "status": "DEPLOYING",
                "message": None,
                "deployments": {"A": {"status": "UPDATING", "message": "slow"}},
            },
        }
    }
    found = instance.read(details, "mine")
    assert found is not None
    assert (found.status, found.message) == ("DEPLOYING", "")
    assert found.progress() == "A: slow"
    assert instance.read({}, "mine") is None
