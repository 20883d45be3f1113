"""What is too much for every Pod there may be, by amounts: what only waits goes on waiting."""

from typing import Any

import pytest

from bastaix.api import reasons
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe import resources
from bastaix.observe.diagnose import diagnose
from bastaix.render.raycluster import raycluster
from tests.unit.bodies import DIGEST, MD, with_field
from tests.unit.observe import scenes
from tests.unit.observe.scenes import HASH, ready, running, scene

ON_A_BUSY_NODE = (
    '[{"CPU": 2.0, "GPU": 0.0}]',
    '[{"GPU": 0.0, "CPU": 2.0}]',
    '{"CPU": 2, "GPU": 0}',
)
"""What Serve said of a model without a GPU whose worker was late, or slow."""


def said(asked: str, free: str = "{}") -> str:
    return (
        "Deployment 'LLMServer:smollm2' in application 'smollm2' has 1 replicas that have taken"
        " more than 30s to be scheduled. This may be due to waiting for the cluster to auto-scale"
        f" or for a runtime environment to be installed. Resources required for each replica:"
        f" {asked}, total resources available: {free}. Use `ray status` for more details."
    )


def cluster(**spec: Any) -> dict[str, Any]:
    """The RayCluster of the usual ModelDeployment, with these fields of its spec."""
    body = MD
    for field, value in spec.items():
        body = with_field(body, f"spec.{field}", value)
    return {"spec": raycluster(ModelDeployment.from_body(body), HASH, DIGEST)}


def excess(asked: str, found: dict[str, Any], free: str = "{}") -> str | None:
    demand = resources.demand(said(asked, free))
    assert demand is not None
    return resources.excess(demand, found)


WITHOUT_GPU = {"resources": {"cpu": "2", "memory": "8Gi"}}
TWO_GPUS = {"resources": {"cpu": "2", "memory": "8Gi", "gpu": {"count": 2}}}
PART_OF_A_GPU = {
    "resources": {"cpu": "2", "gpu": {"count": 1, "resourceName": "nvidia.com/mig-1g.5gb"}}
}


@pytest.mark.parametrize("asked", ON_A_BUSY_NODE)
def test_a_model_without_a_gpu_on_a_busy_node_is_waited_for(asked: str) -> None:
    observed = scene(
        rayservice=scenes.app("DEPLOYING", LLM=("UPDATING", said(asked))),
        rayclusters=({**scenes.raycluster(), **cluster(**WITHOUT_GPU)},),
        pods=(ready("head"), running("worker")),
    )
    found = diagnose(observed, HASH)
    assert found.reason is reasons.SCHEDULING
    assert asked in found.message


def test_what_is_free_is_not_told_of_a_placement_group_as_serve_never_says_it() -> None:
    rayservice = scenes.app("DEPLOYING", LLM=("UPDATING", said('[{"CPU": 2.0}]')))
    found = diagnose(scene(rayservice=rayservice, pods=(ready("head"), running("worker"))), HASH)
    assert found.message == 'LLM: a replica asks for [{"CPU": 2.0}]'


@pytest.mark.parametrize(
    ("asked", "spec"),
    [
        pytest.param('{"CPU": 3}', WITHOUT_GPU, id="all of a worker"),
        pytest.param('[{"CPU": 3}, {"CPU": 3}, {"CPU": 3}]', WITHOUT_GPU, id="three workers"),
        pytest.param('{"CPU": 1, "GPU": 0.5}', TWO_GPUS, id="half a GPU"),
        pytest.param('[{"GPU": 2, "CPU": 1}]', TWO_GPUS, id="all GPUs"),
        pytest.param('{"GPU": 1, "accelerator_type:L4": 0.001}', TWO_GPUS, id="a kind of GPU"),
        pytest.param('{"GPU": 4}', PART_OF_A_GPU, id="parts of a GPU"),
        pytest.param('{"memory": 1e15, "CPU": 1}', WITHOUT_GPU, id="memory, which Ray measures"),
        pytest.param('{"node:__internal_head__": 0.001}', WITHOUT_GPU, id="the head itself"),
        pytest.param("{}", WITHOUT_GPU, id="nothing"),
        pytest.param("[]", WITHOUT_GPU, id="no bundles"),
        pytest.param('{"CPU": "many", "GPU": null}', WITHOUT_GPU, id="no numbers"),
        pytest.param('{"CPU": NaN, "GPU": Infinity}', WITHOUT_GPU, id="no amounts"),
        pytest.param('{"CPU": }', WITHOUT_GPU, id="no JSON"),
        pytest.param(
            '{"magic": 1}',
            WITHOUT_GPU
            | {"runtime": {"env": [{"name": "RAY_OVERRIDE_RESOURCES", "value": '{"magic": 1}'}]}},
            id="a resource by a variable",
        ),
        pytest.param(
            '{"GPU": 1}',
            WITHOUT_GPU | {"runtime": {"runtimeClassName": "nvidia"}},
            id="a GPU that the runtime class shows",
        ),
    ],
)
def test_what_a_pod_may_have_is_waited_for(asked: str, spec: dict[str, Any]) -> None:
    assert excess(asked, cluster(**spec)) is None


@pytest.mark.parametrize(
    ("asked", "spec", "says"),
    [
        ('{"CPU": 4}', WITHOUT_GPU, "4 CPU where a Pod has 3"),
        ('[{"CPU": 1}, {"CPU": 4}]', WITHOUT_GPU, "4 CPU where a Pod has 3"),
        ('{"CPU": 1, "GPU": 0.01}', WITHOUT_GPU, "0.01 GPU where a Pod has 0"),
        ('{"GPU": 3}', TWO_GPUS, "3 GPU where a Pod has 2"),
        ('{"magic": 1}', WITHOUT_GPU, "1 magic where a Pod has 0"),
        ('{"accelerator_type:L4": 0.001}', WITHOUT_GPU, "0.001 accelerator_type:L4 where"),
        ('{"CPU": 4}', WITHOUT_GPU | {"runtime": {"worker": {"rayCPUs": 2}}}, "a Pod has 2"),
    ],
)
def test_what_no_pod_will_ever_have_is_told(asked: str, spec: dict[str, Any], says: str) -> None:
    found = excess(asked, cluster(**spec))
    assert found is not None
    assert says in found


def test_what_ray_has_it_has_whatever_the_spec_says() -> None:
    """A node's runtime may show GPUs to a Pod that asks for none."""
    assert excess('{"GPU": 1}', cluster(**WITHOUT_GPU), free='{"GPU": 4.0}') is None


def test_nothing_is_known_of_a_cluster_that_is_not_there() -> None:
    assert excess('{"GPU": 1}', {}) is None


def test_a_message_of_an_app_may_be_long_and_nested() -> None:
    assert resources.demand(said("[" * 100_000)) is None
    assert resources.demand(said('{"a":' * 100_000)) is None


@pytest.mark.parametrize(
    "amount", ["9" * 1900, f"-{'9' * 1900}", "9" * 3900, "1e999", "NaN", "-Infinity", "null", '"1"']
)
@pytest.mark.parametrize("form", ['{"CPU": %s}', '[{"CPU": %s}]'])
def test_an_amount_that_can_be_none_of_a_node_is_no_demand(form: str, amount: str) -> None:
    demand = resources.demand(said(form % amount))
    assert demand is None or not any(demand.bundles)


def test_what_is_nested_without_end_is_no_demand() -> None:
    assert not any(bundle for bundle in nested().bundles)


def nested() -> resources.Demand:
    demand = resources.demand(said("[" + '{"":' * 990 + "1" + "}" * 30 + "]"))
    assert demand is not None
    return demand
