"""Every rule of the ModelDeployment's CRD, once kept and once broken, on a real API server."""

import copy
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from kubernetes.client import CustomObjectsApi
from kubernetes.client.exceptions import ApiException

from tests.api.crd_cases import MINIMAL, RULES, UNKNOWN, Rule, volume, with_field, written

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*/in.yaml"))


def create(objects: CustomObjectsApi, body: dict[str, Any]) -> dict[str, Any]:
    """As kubectl does it, unknown fields refused, and nothing kept."""
    created = objects.create_namespaced_custom_object(
        "serving.bastaix.dev",
        "v1alpha1",
        "default",
        "modeldeployments",
        body,
        dry_run="All",
        field_validation="Strict",
    )
    return cast(dict[str, Any], created)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_accepts_what_keeps_the_rule(objects: CustomObjectsApi, rule: Rule) -> None:
    create(objects, written(rule, rule.good))


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_refuses_what_breaks_the_rule_and_says_what_is_right(
    objects: CustomObjectsApi, rule: Rule
) -> None:
    with pytest.raises(ApiException) as refused:
        create(objects, written(rule, rule.bad))
    assert refused.value.status in (400, 422)
    assert rule.says in str(refused.value.body)


@pytest.mark.parametrize("field", UNKNOWN)
def test_refuses_a_field_that_does_not_exist(objects: CustomObjectsApi, field: str) -> None:
    body = copy.deepcopy(MINIMAL)
    with_field(body, field, {})
    with pytest.raises(ApiException) as refused:
        create(objects, body)
    assert f'unknown field \\"{field}\\"' in str(refused.value.body)


@pytest.mark.parametrize("kind", ["hostPath", "nfs", "projected", "csi"])
def test_refuses_a_volume_of_a_kind_that_is_not_listed(
    objects: CustomObjectsApi, kind: str
) -> None:
    body = copy.deepcopy(MINIMAL)
    with_field(body, "spec.runtime.volumes", volume(**{kind: {}}))
    with pytest.raises(ApiException) as refused:
        create(objects, body)
    assert f'unknown field \\"spec.runtime.volumes[0].{kind}\\"' in str(refused.value.body)


def test_gives_defaults_to_nothing_that_is_part_of_a_revision(objects: CustomObjectsApi) -> None:
    created = create(objects, MINIMAL)
    assert created["spec"] == {
        **MINIMAL["spec"],
        "scaling": {"minReplicas": 1, "targetOngoingRequests": 16},
        "rollout": {
            "strategy": "BlueGreen",
            "progressDeadlineSeconds": 1800,
            "capacityGraceSeconds": 120,
            "drainSeconds": 60,
            "bakeSeconds": 60,
            "pauseBeforePromotion": False,
            "onFailure": "Rollback",
        },
        "suspend": False,
    }


def test_keeps_that_the_code_is_in_the_image(objects: CustomObjectsApi) -> None:
    body = copy.deepcopy(MINIMAL)
    with_field(body, "spec.source", {"image": {}})
    assert create(objects, body)["spec"]["source"] == {"image": {}}


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.parent.name)
def test_accepts_what_is_rendered_elsewhere(objects: CustomObjectsApi, golden: Path) -> None:
    body = yaml.safe_load(golden.read_text())
    body["metadata"] = {"name": body["metadata"]["name"]}
    create(objects, body)


def test_keeps_arguments_as_they_are(objects: CustomObjectsApi) -> None:
    body = copy.deepcopy(MINIMAL)
    args = {"llm_configs": [{"engine_kwargs": {"a": None, "b": [1, {"c": 1.5}]}}]}
    with_field(body, "spec.app.args", args)
    with_field(body, "spec.model.engineArgs", {"x": None})
    created = create(objects, body)
    assert created["spec"]["app"]["args"] == args
    assert created["spec"]["model"]["engineArgs"] == {"x": None}
