"""Each assertion: what fulfils it, what does not, and that no answer gets into what is said."""

from typing import Any

import pytest

from bastaix.evaluation.answers import Answer
from bastaix.evaluation.assertions import LONGEST_SEARCHED, judge, read
from bastaix.evaluation.judging import judged
from tests.unit.evaluation.cases import case, said

SCHEMA = {
    "type": "object",
    "required": ["topics"],
    "properties": {"topics": {"type": "array", "items": {"$ref": "#/$defs/topic"}}},
    "$defs": {"topic": {"type": "string", "minLength": 1}},
}


def why(type: str, value: Any, answer: Answer | str) -> str | None:
    given = said(answer) if isinstance(answer, str) else answer
    return judge(read({"type": type, "value": value}), given)


@pytest.mark.parametrize(
    ("type", "value", "answer"),
    [
        ("equals", "Rome", " Rome\n"),
        ("equals", "", " "),
        ("contains", "Rome", "It is Rome."),
        ("not_contains", "Paris", "It is Rome."),
        ("regex", r"(?i)\brome\b", "It is Rome."),
        ("json_schema", SCHEMA, '{"topics": ["a"]}'),
        ("finish_reason", "stop", said("")),
        ("max_latency", "500ms", said("", latency=0.5)),
        ("max_latency", 1, said("", latency=0.5)),
    ],
)
def test_fulfilled(type: str, value: Any, answer: Answer | str) -> None:
    assert why(type, value, answer) is None


@pytest.mark.parametrize(
    ("type", "value", "answer", "reason"),
    [
        ("equals", "Rome", "rome", "the answer is another"),
        ("contains", "Rome", "rome", "the answer lacks it"),
        ("not_contains", "Rome", "It is Rome.", "the answer has it"),
        ("regex", "^Rome", "It is Rome.", "nothing matches"),
        ("json_schema", SCHEMA, "It is Rome.", "the answer is not JSON"),
        ("json_schema", SCHEMA, "{}", "required is not fulfilled"),
        ("json_schema", SCHEMA, '{"topics": [""]}', "minLength is not fulfilled"),
        ("json_schema", {"$ref": "#/$defs/none"}, "1", "a $ref of the schema leads nowhere"),
        ("json_schema", {"$ref": "#"}, "1", "the schema or the answer is too deep"),
        ("json_schema", {}, "[" * 100_000, "the answer is not JSON"),
        ("finish_reason", "stop", said("", finish="length"), "it is length"),
        ("finish_reason", "stop", said("", finish="my secret"), "it is another"),
        ("max_latency", "500ms", said("", latency=0.75), "it took 0.75 s, at most 0.5 s"),
    ],
)
def test_missed(type: str, value: Any, answer: Answer | str, reason: str) -> None:
    assert why(type, value, answer) == reason


def test_a_pattern_is_tried_on_the_beginning_of_a_long_answer() -> None:
    assert why("regex", "x", "a" * LONGEST_SEARCHED + "x") == "nothing matches"


def test_a_pattern_that_never_ends_costs_a_second_and_not_the_evaluation() -> None:
    endless = case(**{"assert": [{"type": "regex", "value": "(a+)+$"}]})
    result = judged(endless, said("a" * 64 + "!"))
    assert result.why == ("the assertions were not judged within 1 s",)


def test_every_assertion_that_is_missed_is_named() -> None:
    assertions = [
        {"type": "contains", "value": "Rome"},
        {"type": "contains", "value": "Italy"},
        {"type": "finish_reason", "value": "length"},
    ]
    assert judged(case(**{"assert": assertions}), said("Rome")).why == (
        "assert[1] contains: the answer lacks it",
        "assert[2] finish_reason: it is stop",
    )
