"""Arguments of the topics app that have known keys and are refused all the same."""

import pytest

from serve_apps.topics.rules import broken_rules
from serve_apps.topics.topics import LIMITS


def said(**arguments: object) -> list[str]:
    return broken_rules({"llm_configs": [{}], **arguments}, LIMITS)


def test_one_model_and_limits_of_its_own_are_right() -> None:
    assert said() == []
    assert said(topics={"max_documents": 1, "max_tokens": 4096}) == []


@pytest.mark.parametrize("configs", [None, [], {}, "model.yaml", ["model.yaml"], [{}, {}]])
def test_exactly_one_model_is_wanted(configs: object) -> None:
    assert said(llm_configs=configs) == [
        "llm_configs must be a list of exactly one mapping with model_loading_config.model_id: "
        "this app asks one model"
    ]


@pytest.mark.parametrize("key", ["enable_log_requests", "enable_log_outputs"])
def test_switches_that_log_documents_are_refused_and_may_be_false(key: str) -> None:
    place = f"llm_configs[0].engine_kwargs.{key}"
    assert said(llm_configs=[{"engine_kwargs": {key: True}}]) == [
        f"{place} would write prompts to the log: remove it"
    ]
    assert said(llm_configs=[{"engine_kwargs": {key: False}}]) == []


def test_a_model_named_twice_is_sent_to_the_one_place() -> None:
    engine = {"model": "a", "served_model_name": "b", "seed": 1}
    assert said(llm_configs=[{"engine_kwargs": engine}]) == [
        "llm_configs[0].engine_kwargs.model is set by "
        "llm_configs[0].model_loading_config.model_source: use that",
        "llm_configs[0].engine_kwargs.served_model_name is set by "
        "llm_configs[0].model_loading_config.model_id: use that",
    ]


@pytest.mark.parametrize("value", [0, -1, 1.5, "8", True, None])
def test_a_limit_must_be_a_whole_number(value: object) -> None:
    assert said(topics={"max_topics": value}) == [
        f"topics.max_topics must be a whole number, at least 1, not {value!r}"
    ]


def test_the_limits_must_be_a_mapping() -> None:
    (complaint,) = said(topics=8)
    assert complaint == f"topics must be a mapping with keys of {', '.join(LIMITS)}"
