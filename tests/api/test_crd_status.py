"""Every bound of `status.rollout` and `status.source.artifacts`, on a real API server.

Both are relied on and may become large, and an operator that is older or newer than the CRD writes
them as well.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from kubernetes.client import CustomObjectsApi
from kubernetes.client.exceptions import ApiException

from tests.api.crd_cases import MINIMAL
from tests.api.crd_status_cases import ARTIFACTS, BOUNDS, ROLLOUT, Bound, bounds, status_with

CRD = Path(__file__).parents[2] / "crds" / "modeldeployments.yaml"
KIND = ("serving.bastaix.dev", "v1alpha1", "default", "modeldeployments")


@pytest.fixture(scope="module")
def model(objects: CustomObjectsApi) -> Iterator[dict[str, Any]]:
    created = objects.create_namespaced_custom_object(*KIND, MINIMAL)
    yield cast(dict[str, Any], created)
    objects.delete_namespaced_custom_object(*KIND, MINIMAL["metadata"]["name"])


def write_status(
    objects: CustomObjectsApi, model: dict[str, Any], status: dict[str, Any]
) -> dict[str, Any]:
    """What would then stand there: nothing is kept."""
    written = objects.replace_namespaced_custom_object_status(
        *KIND,
        model["metadata"]["name"],
        {**model, "status": status},
        dry_run="All",
        field_validation="Strict",
    )
    return cast(dict[str, Any], written)


@pytest.mark.parametrize("bound", BOUNDS, ids=str)
def test_takes_a_status_that_keeps_the_bound(
    objects: CustomObjectsApi, model: dict[str, Any], bound: Bound
) -> None:
    status = status_with(bound.field, bound.good)
    written = write_status(objects, model, status)["status"]
    assert {part: written[part] for part in status} == status


@pytest.mark.parametrize("bound", BOUNDS, ids=str)
def test_refuses_a_status_that_breaks_the_bound(
    objects: CustomObjectsApi, model: dict[str, Any], bound: Bound
) -> None:
    with pytest.raises(ApiException) as refused:
        write_status(objects, model, status_with(bound.field, bound.bad))
    assert refused.value.status == 422
    said = str(refused.value.body).replace('\\"', '"')
    assert bound.says in said
    assert f"status.{bound.field.split('[')[0]}" in said


def test_each_bound_of_the_crd_is_tried() -> None:
    (version,) = yaml.safe_load(CRD.read_text())["spec"]["versions"]
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    rollout, artifacts = status["rollout"], status["source"]["properties"]["artifacts"]
    found = (*bounds(rollout, ROLLOUT), *bounds(artifacts, ARTIFACTS))
    tried = {(bound.field, bound.keyword) for bound in BOUNDS}
    assert tried == {(field, keyword) for field, keyword, _ in found}
