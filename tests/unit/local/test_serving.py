"""What Serve says here is judged by the table that the cluster's status is made by."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bastaix.api import reasons
from bastaix.api.reasons import Reason
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.local import instance, serving
from bastaix.local.planning import plan
from bastaix.observe.serve import App
from tests.unit.bodies import MD

PLAN = replace(
    plan(ModelDeployment.from_body(MD), {"models": Path("/data")}, {}), worker_cpus=3, workers=2
)
THREE = '[{"CPU": 3.0}, {"CPU": 3}, {"CPU": 1}]'
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


def configured(config: dict[str, Any]) -> App:
    return App(status="RUNNING", message="", deployments={"Big": {"deployment_config": config}})


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (app("DEPLOY_FAILED", "", Echo=("DEPLOY_FAILED", CONSTRUCTOR)), reasons.CONSTRUCTOR_FAILED),
        (app("UNHEALTHY", "", Echo=("UNHEALTHY", "no")), reasons.HEALTH_CHECK_FAILING),
        (
            app(
                "DEPLOYING",
                "",
                Big=("UPDATING", unplaced(THREE)),
            ),
            reasons.RAY_RESOURCES_UNAVAILABLE,
        ),
        (
            app("DEPLOYING", "", Big=("UPDATING", unplaced('{"CPU": 1, "GPU": 1}'))),
            reasons.RAY_RESOURCES_UNAVAILABLE,
        ),
        # it runs here, where all workers are one
        (
            configured({"ray_actor_options": {"num_cpus": 4}}),
            reasons.RAY_RESOURCES_UNAVAILABLE,
        ),
        (
            configured({"placement_group_bundles": [{"CPU": 4}]}),
            reasons.RAY_RESOURCES_UNAVAILABLE,
        ),
    ],
)
def test_what_is_wrong_has_the_clusters_reason(given: App, reason: Reason) -> None:
    found = serving.verdict(given, PLAN)
    assert found is not None
    assert found.reason is reason


@pytest.mark.parametrize(
    "given",
    [
        None,
        app("RUNNING"),
        configured({"ray_actor_options": {"num_cpus": 3}}),
        configured(
            {
                "ray_actor_options": {"num_cpus": 1},
                "placement_group_bundles": [{"CPU": 3}, {"CPU": 3}],
            }
        ),
        app("DEPLOYING"),
        # a worker that imports for half a minute before there is a replica
        app("DEPLOYING", "", Big=("UPDATING", unplaced('[{"CPU": 3.0, "GPU": 0.0}]'))),
    ],
)
def test_what_may_still_come_is_waited_for(given: App | None) -> None:
    assert serving.verdict(given, PLAN) is None


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


def test_what_was_borrowed_is_taken_out_before_anything_is_cut() -> None:
    long = f"ValueError: {'x' * 290} s3cr3t-value"
    given = app("DEPLOY_FAILED", "s3cr3t-value", Echo=("DEPLOY_FAILED", long))
    found = serving.without(given, lambda text: text.replace("s3cr3t-value", "***"))
    assert "s3cr3t" not in found.said() + found.complaint()
