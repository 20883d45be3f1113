"""What Ray Serve is asked to run: one app, from one artifact or from the image.

Scaling is not in it. Everything in `args` is part of Serve's code version, so a replica
count there would restart every engine; `scaled` lays it over under `deployments` instead,
which Serve applies to running replicas.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import yaml

from bastaix.api import names
from bastaix.api.patterns import MODEL_ID
from bastaix.api.v1alpha1 import Model, ModelDeployment
from bastaix.api.yaml_reader import read_yaml
from bastaix.render import code, model_source

# High enough that the engine's own queue, not Serve's, decides what runs together.
MAX_ONGOING_REQUESTS: Final = 1024
# Ray's 10 s get a busy engine killed.
HEALTH_CHECK_TIMEOUT_SECONDS: Final = 30
LONGEST_TEXT: Final = 256 * 1024
"""Characters of a configuration that is read: ours has 64 KiB and what is around it."""


def serve_config(md: ModelDeployment, digest: str | None) -> dict[str, Any]:
    """Serve's configuration as an object, without scaling."""
    application: dict[str, Any] = {
        "name": md.name,
        "route_prefix": "/",
        "import_path": md.spec.app.import_path,
    }
    if digest is not None:
        # in the Pod already: no download and no credential stand between a worker and its code
        file = f"{code.SOURCE_PATH}/{names.artifact_file(digest)}"
        application["runtime_env"] = {"working_dir": f"file://{file}"}
    args = _args(md)
    if args:
        application["args"] = args
    return {
        "proxy_location": "EveryNode",
        "http_options": {"host": "0.0.0.0", "port": names.SERVE_PORT},
        "applications": [application],
    }


def scaled(config: Mapping[str, Any], md: ModelDeployment, name: str) -> dict[str, Any]:
    """The configuration with the replicas of the one deployment that scales, by its name."""
    scaling = md.spec.scaling
    deployment = {
        "name": name,
        "autoscaling_config": {
            "min_replicas": scaling.min_replicas,
            "max_replicas": scaling.max_replicas,
            "target_ongoing_requests": scaling.target_ongoing_requests,
        },
    }
    (application,) = config["applications"]
    return {**config, "applications": [{**application, "deployments": [deployment]}]}


def deployment_name(md: ModelDeployment) -> str:
    """Ray's LLM builder names the deployment after the model, without `/` and `.`."""
    if md.spec.scaling.deployment is not None:
        return md.spec.scaling.deployment
    assert md.spec.model is not None, "from_body asks for one of the two"
    return "LLMServer:" + md.spec.model.id.replace("/", "--").replace(".", "_")


@lru_cache(maxsize=64)
def scaled_deployment(text: str) -> str | None:
    """The deployment that a configuration scales, as it stands in a RayService; None if unclear.

    Who may change RayServices may have written it, and it is read at every look.
    """
    try:
        (application,) = read_yaml(text, LONGEST_TEXT)["applications"]
        (deployment,) = application["deployments"]
        return str(deployment["name"])
    except (yaml.YAMLError, LookupError, TypeError, ValueError):
        return None


def model_id(config: Mapping[str, Any]) -> str | None:
    """By which name clients ask for the model of a kept configuration; None: none can be read."""
    try:
        (application,) = config["applications"]
        id = application["args"]["llm_configs"][0]["model_loading_config"]["model_id"]
    except (LookupError, TypeError, ValueError):
        return None
    return id if isinstance(id, str) and MODEL_ID.fits(id) else None


def _args(md: ModelDeployment) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if md.spec.model is not None:
        given = {"llm_configs": [_llm_config(md, md.spec.model)]}
    merged = merge(given, md.spec.app.args)
    assert isinstance(merged, dict)
    return merged


def _llm_config(md: ModelDeployment, model: Model) -> dict[str, Any]:
    source = model_source.parse(model.source)
    loading = {"model_id": model.id}
    if source.location is not None:
        loading["model_source"] = source.location
    gpu = md.spec.resources.gpu
    engine: dict[str, Any] = {}
    if gpu is not None and gpu.count > 1:
        engine["tensor_parallel_size"] = gpu.count
    if source.revision is not None:
        # Ray passes no revision of its own on to the engine.
        engine["revision"] = source.revision
    config: dict[str, Any] = {
        "model_loading_config": loading,
        "engine_kwargs": {**engine, **model.engine_args},
        "deployment_config": {
            "max_ongoing_requests": MAX_ONGOING_REQUESTS,
            "health_check_timeout_s": HEALTH_CHECK_TIMEOUT_SECONDS,
        },
    }
    if gpu is None:
        config["accelerator_config"] = {"kind": "cpu"}
    return config


def merge(given: Any, over: Any) -> Any:
    """Maps are merged key by key and lists of maps entry by entry; anything else replaces."""
    if isinstance(given, Mapping) and isinstance(over, Mapping):
        merged = dict(given)
        for key, value in over.items():
            merged[key] = merge(given[key], value) if key in given else value
        return merged
    if _maps(given) and _maps(over):
        paired = [merge(a, b) for a, b in zip(given, over, strict=False)]
        return [*paired, *given[len(over) :], *over[len(given) :]]
    return over


def _maps(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(each, Mapping) for each in value)
    )
