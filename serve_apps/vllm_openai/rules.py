"""What must not be given although Ray knows the key, each with what to do instead.

Pure. The spelling of keys is checked in `arguments`; the rest of the values by Ray and vLLM.
"""

from collections.abc import Iterator, Mapping

ELSEWHERE = {
    "model": "model_loading_config.model_source",
    "served_model_name": "model_loading_config.model_id",
}
# Prompts and answers belong to those who send them: these switches write them to the log.
PROMPT_LOGS = ("enable_log_requests", "enable_log_outputs")


def broken_rules(arguments: Mapping[str, object]) -> list[str]:
    """One sentence for everything that cannot be deployed although its keys are known."""
    configs = arguments.get("llm_configs")
    if not isinstance(configs, list) or not configs:
        return [
            "llm_configs must be a list of at least one model configuration, "
            "each with model_loading_config.model_id"
        ]
    return [problem for index, config in enumerate(configs) for problem in _broken(config, index)]


def _broken(config: object, index: int) -> Iterator[str]:
    place = f"llm_configs[{index}]"
    if not isinstance(config, Mapping):
        yield (
            f"{place} must be a mapping, or the path of a YAML file that holds one, "
            f"not {type(config).__name__}"
        )
        return
    engine = config.get("engine_kwargs")
    if not isinstance(engine, Mapping):
        return
    for key, home in ELSEWHERE.items():
        if key in engine:
            yield f"{place}.engine_kwargs.{key} is set by {place}.{home}: use that"
    for key in PROMPT_LOGS:
        if engine.get(key):
            yield f"{place}.engine_kwargs.{key} would write prompts to the log: remove it"
