"""What runs here is what the cluster would run, but for what a laptop lacks."""

from pathlib import Path
from typing import Any

import pytest

from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.local.planning import Plan, placed, plan, split
from bastaix.render.serve_config import serve_config
from bastaix.schema.documents import Unusable
from tests.unit.bodies import MD, with_field


def md(**fields: Any) -> ModelDeployment:
    given = MD
    for field, value in fields.items():
        given = with_field(given, f"spec.{field.replace('__', '.')}", value)
    return ModelDeployment.from_body(given)


def planned(given: ModelDeployment, **volumes: str) -> Plan:
    return plan(given, {claim: Path(folder) for claim, folder in volumes.items()}, {})


def llm(made: Plan) -> Any:
    return made.args["llm_configs"][0]


def test_the_arguments_are_the_clusters() -> None:
    given = md(
        app__args={"echo": {"crash": "build"}},
        model__engineArgs={"max_model_len": 64},
        model__source="hf://org/tiny@main",
    )
    assert planned(given).args == serve_config(given, None)["applications"][0]["args"]


def test_there_is_one_replica_of_the_deployment_that_scales() -> None:
    given = md(scaling={"minReplicas": 2, "maxReplicas": 4, "deployment": "Mine"})
    (application,) = planned(given).config["applications"]
    (deployment,) = application["deployments"]
    assert deployment["name"] == "Mine"
    assert deployment["autoscaling_config"]["min_replicas"] == 1
    assert deployment["autoscaling_config"]["max_replicas"] == 1


def test_a_gpu_is_not_asked_for_and_that_is_said() -> None:
    made = planned(md(resources={"gpu": {"count": 2}}))
    assert llm(made)["accelerator_config"] == {"kind": "cpu"}
    assert "tensor_parallel_size" not in llm(made)["engine_kwargs"]
    assert "on 2 GPU in the cluster, on CPU here" in made.notes[0]


def test_a_claims_folder_stands_for_its_mount() -> None:
    given = md(
        model__source="pvc://models/org/tiny",
        app__args={"extra": ["/bastaix/model/draft", "/bastaix/models"]},
    )
    made = planned(given, models="/data")
    assert llm(made)["model_loading_config"]["model_source"] == "/data/org/tiny"
    assert made.args["extra"] == ["/data/draft", "/bastaix/models"]
    assert made.environment.literal["HF_HUB_OFFLINE"] == "1"


def test_a_claim_without_a_folder_is_refused_with_the_option_that_gives_it() -> None:
    with pytest.raises(Unusable, match=r"--volume models=DIR"):
        planned(md(model__source="pvc://models/tiny"), other="/data")


def test_what_finds_no_room_in_the_cluster_finds_none_here() -> None:
    given = md(runtime={"worker": {"rayCPUs": 5}}, scaling={"maxReplicas": 2})
    assert planned(given).cpus == 10


def test_volumes_of_ones_own_are_missed() -> None:
    given = md(
        runtime={
            "volumes": [{"name": "a", "emptyDir": {}}],
            "volumeMounts": [{"name": "a", "mountPath": "/cache"}],
        }
    )
    assert planned(given).notes == ("the volume at /cache is not mounted here",)


def test_code_and_port_are_put_in_and_nothing_listens_elsewhere() -> None:
    made = planned(md())
    config = placed(made, port=1234, artifact=Path("/x/5.zip"))
    assert config["http_options"] == {"host": "127.0.0.1", "port": 1234}
    assert config["applications"][0]["runtime_env"] == {"working_dir": "file:///x/5.zip"}
    assert "runtime_env" not in placed(made, port=1, artifact=None)["applications"][0]


@pytest.mark.parametrize(
    ("import_path", "expected"),
    [("app:build", ("app", "build")), ("a.b:c", ("a.b", "c")), ("a.b.c", ("a.b", "c"))],
)
def test_an_import_path_is_split_as_ray_does(import_path: str, expected: tuple[str, str]) -> None:
    assert split(import_path) == expected
