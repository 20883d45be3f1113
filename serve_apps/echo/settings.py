"""What the arguments mean to the echo app; pure.

The arguments are those of a vLLM app, so that a deployment can be tried without a model, plus one
section of its own, `echo`, which makes it as slow as a model, or as bad as a revision that must
never be promoted. What only an engine would read (`engine_kwargs` and the like) is accepted and
not looked at.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import Any

DEFAULT_MODEL = "echo"
DELAYS = ("seconds_to_start", "seconds_to_first_token", "seconds_per_token")
SECONDS = (*DELAYS, "fail_after_seconds")
TEXTS = ("answer", "crash_message")
ECHO = (*SECONDS, "answer", "crash", "crash_message")
CRASHES = ("build", "constructor")
# The keys of one model configuration (ray.serve.llm.LLMConfig), written out because this app also
# runs where that package's own dependencies are missing.
MODEL_CONFIG = (
    "accelerator_config",
    "accelerator_type",
    "callback_config",
    "deployment_config",
    "engine_kwargs",
    "experimental_configs",
    "llm_engine",
    "log_engine_metrics",
    "lora_config",
    "model_loading_config",
    "placement_group_config",
    "runtime_env",
    "server_cls",
)
MODEL_LOADING_CONFIG = ("model_id", "model_source", "tokenizer_source")


@dataclass(frozen=True)
class Settings:
    """One model to play, the deployment's options, and how slowly and how badly to play it."""

    model: str = DEFAULT_MODEL
    deployment: Mapping[str, Any] = field(default_factory=dict)
    seconds_to_start: float = 0.0
    seconds_to_first_token: float = 0.0
    seconds_per_token: float = 0.0
    fail_after_seconds: float = inf
    answer: str | None = None
    crash: str | None = None
    crash_message: str = "the echo app crashes because echo.crash asks for it"

    def crash_in(self, place: str) -> None:
        """Raise if this is the place where the arguments want it."""
        if self.crash == place:
            raise RuntimeError(self.crash_message)

    @property
    def deployment_name(self) -> str:
        """The name that Ray gives the deployment of a vLLM model."""
        name = self.deployment.get("name", self.model.replace("/", "--").replace(".", "_"))
        return f"LLMServer:{name}"


def known_keys(
    deployment_options: Iterable[str], autoscaling_options: Iterable[str]
) -> dict[str, Any]:
    """Every key this app accepts; the options are Ray Serve's own."""
    config: dict[str, Any] = {
        **dict.fromkeys(MODEL_CONFIG),
        "model_loading_config": dict.fromkeys(MODEL_LOADING_CONFIG),
        "deployment_config": {
            **dict.fromkeys(deployment_options),
            "autoscaling_config": dict.fromkeys(autoscaling_options),
        },
    }
    return {
        "llm_configs": [config],
        "ingress_cls_config": None,
        "ingress_deployment_config": None,
        "echo": dict.fromkeys(ECHO),
    }


def wrong_values(arguments: Mapping[str, Any]) -> list[str]:
    """One sentence for every value that cannot be used; call it once the keys are known."""
    problems = []
    if "llm_configs" in arguments:
        problems += _wrong_configs(arguments["llm_configs"])
    return [*problems, *_wrong_echo(arguments.get("echo", {}))]


def _wrong_echo(echo: object) -> list[str]:
    if not isinstance(echo, Mapping):
        return [f"echo must be a mapping with keys of {', '.join(ECHO)}"]
    problems = []
    for name in SECONDS:
        seconds = echo.get(name, 0)
        number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not number or not isfinite(seconds) or seconds < 0:
            problems.append(f"echo.{name} must be a number of seconds, 0 or more, not {seconds!r}")
    for name in TEXTS:
        if not isinstance(echo.get(name, ""), str):
            problems.append(f"echo.{name} must be a string, not {echo[name]!r}")
    if "crash" in echo and echo["crash"] not in CRASHES:
        problems.append(f"echo.crash must be {' or '.join(CRASHES)}, not {echo['crash']!r}")
    if "crash_message" in echo and "crash" not in echo:
        problems.append("echo.crash_message says nothing without echo.crash")
    return problems


def _wrong_configs(configs: object) -> list[str]:
    if not isinstance(configs, list) or len(configs) != 1 or not isinstance(configs[0], Mapping):
        return ["llm_configs must be a list of exactly one mapping: this app plays one model"]
    problems = []
    loading = configs[0].get("model_loading_config")
    model = loading.get("model_id") if isinstance(loading, Mapping) else None
    if not isinstance(model, str) or not model:
        problems.append("llm_configs[0].model_loading_config.model_id must name the model")
    if not isinstance(configs[0].get("deployment_config", {}), Mapping):
        problems.append("llm_configs[0].deployment_config must be a mapping")
    return problems


def read(arguments: Mapping[str, Any]) -> Settings:
    """The settings that checked arguments ask for."""
    config = arguments.get("llm_configs", [{}])[0]
    return Settings(
        model=config.get("model_loading_config", {}).get("model_id", DEFAULT_MODEL),
        deployment=config.get("deployment_config", {}),
        **arguments.get("echo", {}),
    )
