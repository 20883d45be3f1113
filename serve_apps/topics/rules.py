"""What must not be given although its key is known, each with what to do instead.

Pure. The spelling of keys is checked in `arguments`; the engine's values by Ray and vLLM.
"""

from collections.abc import Collection, Iterator, Mapping

ELSEWHERE = {
    "model": "model_loading_config.model_source",
    "served_model_name": "model_loading_config.model_id",
}
# Documents and answers belong to those who send them: these switches write them to the log.
PROMPT_LOGS = ("enable_log_requests", "enable_log_outputs")


def broken_rules(arguments: Mapping[str, object], limits: Collection[str]) -> list[str]:
    """One sentence for everything that cannot be deployed although its keys are known."""
    return [
        *_config(arguments.get("llm_configs")),
        *_limits(arguments.get("topics", {}), limits),
    ]


def _config(configs: object) -> Iterator[str]:
    if not isinstance(configs, list) or len(configs) != 1 or not isinstance(configs[0], Mapping):
        yield (
            "llm_configs must be a list of exactly one mapping with model_loading_config.model_id: "
            "this app asks one model"
        )
        return
    engine = configs[0].get("engine_kwargs")
    if not isinstance(engine, Mapping):
        return
    place = "llm_configs[0]"
    for key, home in ELSEWHERE.items():
        if key in engine:
            yield f"{place}.engine_kwargs.{key} is set by {place}.{home}: use that"
    for key in PROMPT_LOGS:
        if engine.get(key):
            yield f"{place}.engine_kwargs.{key} would write prompts to the log: remove it"


def _limits(given: object, known: Collection[str]) -> Iterator[str]:
    if not isinstance(given, Mapping):
        yield f"topics must be a mapping with keys of {', '.join(known)}"
        return
    for name, value in given.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            yield f"topics.{name} must be a whole number, at least 1, not {value!r}"
