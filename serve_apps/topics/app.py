"""The builder: a vLLM model behind an ingress that sorts documents by topic.

Ray does the serving. This module reads which keys Ray and vLLM know, from their own classes, so
that it follows their versions; refuses what they would drop or find too late; and puts Ray's
model deployment and this app's ingress together. Building starts no engine and asks for no GPU.
"""

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from arguments import Known, refuse, unknown_keys
from ingress import ENDPOINTS, TopicsIngress
from pydantic import BaseModel, ValidationError
from ray import serve
from ray.llm._internal.common.dict_utils import maybe_apply_llm_deployment_config_defaults
from ray.llm._internal.common.placement import PlacementGroupConfig
from ray.llm._internal.serve.core.configs.accelerators import TPUConfig
from ray.llm._internal.serve.core.configs.llm_config import LoraConfig
from ray.llm._internal.serve.core.configs.openai_api_models import to_model_metadata

# Taken from where Ray takes them: an engine argument is known if and only if it is in one of these.
from ray.llm._internal.serve.engines.vllm.vllm_models import AsyncEngineArgs, FrontendArgs
from ray.serve.config import AutoscalingConfig
from ray.serve.llm import LLMConfig, ModelLoadingConfig, build_llm_deployment
from ray.serve.llm.ingress import make_fastapi_ingress
from ray.serve.schema import RayActorOptionsSchema
from rules import broken_rules
from topics import LIMITS, Limits, engine


def build(arguments: dict) -> serve.Application:
    """Build the app from one model's configuration and the limits of a request."""
    refuse(unknown_keys(arguments, known_keys()) + broken_rules(arguments, LIMITS))
    config = _config(arguments["llm_configs"][0])
    name = config.model_id
    options = maybe_apply_llm_deployment_config_defaults(
        TopicsIngress.get_deployment_options([config]),
        arguments.get("ingress_deployment_config", {}),
    )
    ingress = make_fastapi_ingress(TopicsIngress, endpoint_map=ENDPOINTS)
    return serve.deployment(ingress, **options).bind(
        llm_deployments={name: build_llm_deployment(config)},
        model_cards={name: to_model_metadata(name, config)},
        model=name,
        limits=Limits(**arguments.get("topics", {})),
    )


def known_keys() -> Known:
    """Every key that somebody reads."""
    deployment = {
        **dict.fromkeys(set(inspect.signature(serve.deployment).parameters) - {"_func_or_class"}),
        "autoscaling_config": _fields(AutoscalingConfig),
        "ray_actor_options": _fields(RayActorOptionsSchema),
    }
    engine = [*dataclasses.fields(AsyncEngineArgs), *dataclasses.fields(FrontendArgs)]
    config = {
        **_fields(LLMConfig),
        "model_loading_config": _fields(ModelLoadingConfig),
        "engine_kwargs": {field.name: None for field in engine},
        "deployment_config": deployment,
        "accelerator_config": _fields(TPUConfig),  # the other kinds have fewer
        "placement_group_config": _fields(PlacementGroupConfig),
        "lora_config": _fields(LoraConfig),
    }
    return {
        "llm_configs": [config],
        "ingress_deployment_config": deployment,
        "topics": dict.fromkeys(LIMITS),
    }


def _fields(model: type[BaseModel]) -> dict[str, Known]:
    return dict.fromkeys(model.model_fields)


def _config(config: Mapping[str, Any]) -> LLMConfig:
    with _in_one_line("llm_configs[0]"):
        checked = LLMConfig.model_validate({**config, "engine_kwargs": engine(config)})
        checked.get_engine_config()  # Ray's last check of arguments; it starts nothing
    return checked


@contextmanager
def _in_one_line(place: str) -> Iterator[None]:
    """What Ray's own check of values says, in one line: the last line of its text is a link."""
    try:
        yield
    except ValidationError as error:
        refuse(_sentences(error, place))


def _sentences(error: ValidationError, place: str) -> list[str]:
    found = []
    for detail in error.errors():
        path = ".".join(filter(None, [place, *map(str, detail["loc"])]))
        raised = detail.get("ctx", {}).get("error")
        cause = getattr(raised, "__cause__", None)
        if isinstance(cause, ValidationError):
            found += _sentences(cause, path)
        else:
            said = " ".join(str(cause or raised or detail["msg"]).split())
            found.append(f"{path}: {said}")
    return found
