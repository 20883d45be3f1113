"""Engine arguments that Ray knows and that are refused all the same."""

import pytest

from serve_apps.vllm_openai.rules import broken_rules


def arguments(**engine: object) -> dict[str, object]:
    return {"llm_configs": [{}, {"engine_kwargs": engine}]}


@pytest.mark.parametrize("key", ["enable_log_requests", "enable_log_outputs"])
def test_switches_that_log_prompts_are_refused(key: str) -> None:
    (complaint,) = broken_rules(arguments(**{key: True}))
    assert complaint == (
        f"llm_configs[1].engine_kwargs.{key} would write prompts to the log: remove it"
    )


@pytest.mark.parametrize("key", ["enable_log_requests", "enable_log_outputs"])
def test_the_same_switches_may_be_set_to_false(key: str) -> None:
    assert broken_rules(arguments(**{key: False})) == []


def test_a_model_named_twice_is_sent_to_the_one_place() -> None:
    assert broken_rules(arguments(model="a", served_model_name="b", seed=1)) == [
        "llm_configs[1].engine_kwargs.model is set by "
        "llm_configs[1].model_loading_config.model_source: use that",
        "llm_configs[1].engine_kwargs.served_model_name is set by "
        "llm_configs[1].model_loading_config.model_id: use that",
    ]


@pytest.mark.parametrize("configs", [None, [], {}, "model.yaml"])
def test_at_least_one_model_is_wanted(configs: object) -> None:
    (complaint,) = broken_rules({"llm_configs": configs})
    assert complaint.startswith("llm_configs must be a list of at least one model configuration")


def test_a_model_must_be_a_mapping() -> None:
    (complaint,) = broken_rules({"llm_configs": [3]})
    assert complaint.startswith("llm_configs[0] must be a mapping")
    assert complaint.endswith("not int")
