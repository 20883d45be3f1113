"""Where the code lies, what the builder gets, and text that every reader reads alike."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bastaix.api.errors import Stalled
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.render import model_source, yaml_text
from bastaix.render.serve_config import (
    deployment_name,
    merge,
    scaled,
    scaled_deployment,
    serve_config,
)
from tests.unit.bodies import DIGEST, body, with_field


def test_finds_the_code_in_the_pod_or_in_the_image() -> None:
    md = ModelDeployment.from_body(body())
    (application,) = serve_config(md, DIGEST)["applications"]
    where = f"file:///bastaix/source/{'5' * 64}.zip"
    assert application["runtime_env"] == {"working_dir": where}
    (application,) = serve_config(md, None)["applications"]
    assert "runtime_env" not in application


def test_knows_from_a_live_configuration_what_it_scales() -> None:
    md = ModelDeployment.from_body(body())
    text = yaml_text.dump(scaled(serve_config(md, DIGEST), md, deployment_name(md)))
    assert scaled_deployment(text) == deployment_name(md)


@pytest.mark.parametrize("text", ["", "applications: []", "a: [", "applications: [{}]", "[1]"])
def test_tells_no_deployment_from_what_somebody_else_wrote(text: str) -> None:
    assert scaled_deployment(text) is None


@pytest.mark.parametrize(
    ("source", "location", "hub", "revision", "claim"),
    [
        (None, None, True, None, None),
        ("hf://org/name", "org/name", True, None, None),
        ("hf://org/name@abc", "org/name", True, "abc", None),
        ("s3://bucket/a", "s3://bucket/a", False, None, None),
        ("gs://bucket/a", "gs://bucket/a", False, None, None),
        ("pvc://models/a/b", "/bastaix/model/a/b", False, None, "models"),
        ("pvc://models", "/bastaix/model", False, None, "models"),
        ("path:///models/a", "/models/a", False, None, None),
    ],
)
def test_reads_the_address_of_a_model(
    source: str | None, location: str | None, hub: bool, revision: str | None, claim: str | None
) -> None:
    assert model_source.parse(source) == model_source.ModelSource(
        location=location, hub=hub, revision=revision, claim=claim
    )


def test_refuses_an_address_that_it_does_not_know() -> None:
    with pytest.raises(Stalled, match="must begin with hf://"):
        model_source.parse("http://host/model")


@pytest.mark.parametrize(
    ("over", "merged"),
    [
        ({}, {"a": {"x": 1, "y": [1, 2]}, "l": [{"p": 1}, {"q": 2}]}),
        ({"a": {"y": [3]}}, {"a": {"x": 1, "y": [3]}, "l": [{"p": 1}, {"q": 2}]}),
        ({"a": None}, {"a": None, "l": [{"p": 1}, {"q": 2}]}),
        ({"l": [{"r": 3}]}, {"a": {"x": 1, "y": [1, 2]}, "l": [{"p": 1, "r": 3}, {"q": 2}]}),
        ({"l": []}, {"a": {"x": 1, "y": [1, 2]}, "l": []}),
    ],
)
def test_lays_arguments_over_each_other(over: dict[str, Any], merged: dict[str, Any]) -> None:
    assert merge({"a": {"x": 1, "y": [1, 2]}, "l": [{"p": 1}, {"q": 2}]}, over) == merged


def llm_config(**fields: Any) -> dict[str, Any]:
    changed = body()
    for field, value in fields.items():
        changed = with_field(changed, field.replace("__", "."), value)
    (application,) = serve_config(ModelDeployment.from_body(changed), DIGEST)["applications"]
    (config,) = application["args"]["llm_configs"]
    assert isinstance(config, dict)
    return config


def test_splits_the_model_over_the_gpus_of_a_replica() -> None:
    config = llm_config(spec__resources={"gpu": {"count": 4}})
    assert config["engine_kwargs"] == {"tensor_parallel_size": 4}
    assert "accelerator_config" not in config


def test_leaves_parallelism_to_the_user_who_set_it() -> None:
    config = llm_config(
        spec__resources={"gpu": {"count": 4}},
        spec__model={"id": "a", "engineArgs": {"tensor_parallel_size": 2}},
    )
    assert config["engine_kwargs"] == {"tensor_parallel_size": 2}


def test_computes_on_the_cpu_without_a_gpu() -> None:
    assert llm_config()["accelerator_config"] == {"kind": "cpu"}


def test_never_puts_scaling_where_it_would_restart_engines() -> None:
    scaling = {"minReplicas": 2, "maxReplicas": 3}
    changed = ModelDeployment.from_body(with_field(body(), "spec.scaling", scaling))
    assert "replicas" not in str(serve_config(changed, DIGEST))


def test_names_the_deployment_as_rays_builder_does() -> None:
    changed = with_field(body(), "spec.model.id", "tiny/tiny-1.0")
    assert deployment_name(ModelDeployment.from_body(changed)) == "LLMServer:tiny--tiny-1_0"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_text_reads_back_as_it_was(value: Any) -> None:
    assert yaml.safe_load(yaml_text.dump(value)) == value


@pytest.mark.parametrize("text", ["1e3", "y", "no", "0x1f", "1_000", "on", "~", "", "a: b", "é"])
def test_quotes_what_another_reader_might_not_take_for_text(text: str) -> None:
    assert yaml_text.dump({"key": text}).split("key: ")[1][0] in "'\""
