"""The builder: Ray's own OpenAI app on vLLM, with arguments that are checked first.

Ray does the serving. This module only reads which keys Ray and vLLM know, from their own classes,
so that it follows their versions; refuses what they would drop or find too late; and passes the
rest on unchanged. Building imports vLLM but starts no engine and asks for no GPU.
"""

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from arguments import Known, WrongArguments, refuse, unknown_keys
from pydantic import BaseModel, ValidationError
from ray import serve
from ray.llm._internal.common.placement import PlacementGroupConfig
from ray.llm._internal.serve.core.configs.accelerators import TPUConfig
from ray.llm._internal.serve.core.configs.llm_config import LoraConfig
from ray.llm._internal.serve.core.ingress.builder import IngressClsConfig

# Taken from where Ray takes them: an engine argument is known if and only if it is in one of these.
from ray.llm._internal.serve.engines.vllm.vllm_models import AsyncEngineArgs, FrontendArgs
from ray.serve.config import AutoscalingConfig
from ray.serve.llm import LLMConfig, LLMServingArgs, ModelLoadingConfig, build_openai_app
from ray.serve.schema import RayActorOptionsSchema
from rules import broken_rules


def build(arguments: dict) -> serve.Application:
    """Build the app from the arguments of `ray.serve.llm:build_openai_app`."""
    arguments = _loaded(arguments)
    refuse(unknown_keys(arguments, known_keys()) + broken_rules(arguments))
    configs = [_config(one, n) for n, one in enumerate(arguments["llm_configs"])]
    with _in_one_line():
        serving = LLMServingArgs.model_validate({**arguments, "llm_configs": configs})
    return build_openai_app(serving)


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
        **_fields(LLMServingArgs),
        "llm_configs": [config],
        "ingress_cls_config": _fields(IngressClsConfig),
        "ingress_deployment_config": deployment,
    }


def _fields(model: type[BaseModel]) -> dict[str, Known]:
    return dict.fromkeys(model.model_fields)


def _loaded(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments, with the model configurations that are paths of YAML files read in."""
    configs = arguments.get("llm_configs")
    if not isinstance(configs, list):
        return dict(arguments)
    return {**arguments, "llm_configs": [_read(one, n) for n, one in enumerate(configs)]}


def _read(config: object, index: int) -> object:
    if not isinstance(config, str):
        return config
    try:
        return yaml.safe_load(Path(config).read_text())
    except (OSError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise WrongArguments(f"wrong arguments: llm_configs[{index}]: {reason}") from error


def _config(config: Mapping[str, Any], index: int) -> LLMConfig:
    with _in_one_line(f"llm_configs[{index}]"):
        checked = LLMConfig.model_validate(config)
        checked.get_engine_config()  # Ray's last check of arguments; it starts nothing
    return checked


@contextmanager
def _in_one_line(place: str = "") -> Iterator[None]:
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
            found.append(f"{path}: {said}" if path else said)
    return found
