"""The topics app: requests read, the model asked, its answer read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_apps.topics.topics import (
    Limits,
    Question,
    Refused,
    answer,
    completion,
    engine,
    question,
    schema,
)

LIMITS = Limits(max_documents=3, max_characters=40, max_topics=4, max_tokens=99)
ASKED = Question(documents=("Cats purr.", "Shares fell."), max_topics=2)
SECRET = "Xanthippe-4711"


def ask(**body: object) -> Question:
    return question(json.dumps(body).encode(), LIMITS)


def refused(body: object) -> Refused:
    with pytest.raises(Refused) as caught:
        question(body if isinstance(body, bytes) else json.dumps(body).encode(), LIMITS)
    return caught.value


def completed(content: object, finish_reason: str = "stop") -> dict[str, Any]:
    text = content if isinstance(content, str | None) else json.dumps(content)
    return {"choices": [{"message": {"content": text}, "finish_reason": finish_reason}]}


def unusable(content: object, finish_reason: str = "stop") -> Refused:
    with pytest.raises(Refused) as caught:
        answer(completed(content, finish_reason), ASKED, LIMITS)
    return caught.value


def test_a_document_may_be_a_topic_of_its_own_unless_told() -> None:
    assert ask(documents=["a", "b"]) == Question(("a", "b"), max_topics=2)
    assert ask(documents=["a", "b"], max_topics=None).max_topics == 2
    assert ask(documents=["a", "b"], max_topics=1).max_topics == 1


def test_a_request_as_large_as_the_limits_is_answered() -> None:
    assert ask(documents=["a" * 20, "b" * 19, "c"], max_topics=4).max_topics == 4


@pytest.mark.parametrize(
    ("body", "says", "param"),
    [
        (b"{", "the body is not JSON", None),
        (b"\xff", "the body is not JSON", None),
        (b"[" * 100_000, "the body is not JSON", None),
        ([], 'the body must be a JSON object such as {"documents": ["…"]}', None),
        (
            {"documents": ["a"], SECRET: 1},
            "the body has a key that is not known; known are documents, max_topics",
            None,
        ),
        ({}, "documents must be a list of at least one text", "documents"),
        ({"documents": []}, "documents must be a list of at least one text", "documents"),
        ({"documents": SECRET}, "documents must be a list of at least one text", "documents"),
        ({"documents": ["a", 3]}, "documents[1] must be a text that is not empty", "documents"),
        ({"documents": [" \n"]}, "documents[0] must be a text that is not empty", "documents"),
        (
            {"documents": ["a"] * 4},
            "4 documents are too many: send at most 3",
            "documents",
        ),
        (
            {"documents": [SECRET * 2, SECRET]},
            "42 characters are too long: send at most 40 in all documents together",
            "documents",
        ),
        ({"documents": ["a"], "max_topics": 0}, "max_topics must be from 1 to 4", "max_topics"),
        ({"documents": ["a"], "max_topics": 5}, "max_topics must be from 1 to 4", "max_topics"),
        (
            {"documents": ["a"], "max_topics": True},
            "max_topics must be a whole number",
            "max_topics",
        ),
    ],
)
def test_a_request_that_cannot_be_answered_is_a_bad_request(
    body: object, says: str, param: str | None
) -> None:
    error = refused(body)
    assert error.status == 400
    assert error.body == {
        "error": {"message": says, "type": "invalid_request_error", "param": param, "code": None}
    }


def test_the_model_is_shown_every_document_under_its_number() -> None:
    (system, user) = completion(ASKED, model="m", limits=LIMITS)["messages"]
    assert (system["role"], user["role"]) == ("system", "user")
    assert user["content"] == (
        "Document 0: Cats purr.\nDocument 1: Shares fell.\n\nAt most 2 topics."
    )


def test_the_model_is_held_to_the_schema_of_this_request() -> None:
    asked = completion(ASKED, model="m", limits=LIMITS)
    assert asked["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "topics", "schema": schema(ASKED), "strict": True},
    }
    assert (asked["model"], asked["max_tokens"], asked["temperature"]) == ("m", 99, 0)


def test_the_schema_has_room_for_no_other_document_and_no_more_topics() -> None:
    topics = schema(ASKED)["properties"]["topics"]
    documents = topics["items"]["properties"]["documents"]
    assert (topics["minItems"], topics["maxItems"]) == (1, 2)
    assert documents["items"] == {"type": "integer", "minimum": 0, "maximum": 1}


def test_every_object_of_the_schema_says_all_that_it_holds() -> None:
    whole = schema(ASKED)
    for each in (whole, whole["properties"]["topics"]["items"]):
        assert each["required"] == list(each["properties"])
        assert each["additionalProperties"] is False


def test_json_is_compact_unless_the_engine_is_told_otherwise() -> None:
    compact = {"backend": "xgrammar", "disable_any_whitespace": True}
    assert engine({}) == {"structured_outputs_config": compact}
    assert engine({"engine_kwargs": {"max_model_len": 8}}) == {
        "structured_outputs_config": compact,
        "max_model_len": 8,
    }
    own = {"structured_outputs_config": {"backend": "guidance"}}
    assert engine({"engine_kwargs": own}) == own


def test_the_topics_are_what_the_model_said() -> None:
    said = [{"topic": "animals", "documents": [0]}, {"topic": "money", "documents": [1]}]
    assert answer(completed({"topics": said}), ASKED, LIMITS) == {"topics": said}


def test_a_document_stands_in_a_topic_once_and_in_order() -> None:
    said = {"topics": [{"topic": " all ", "documents": [1, 0, 1]}]}
    assert answer(completed(said), ASKED, LIMITS) == {
        "topics": [{"topic": "all", "documents": [0, 1]}]
    }


def test_an_answer_that_is_cut_short_is_a_bad_gateway_that_says_what_helps() -> None:
    error = unusable('{"topics": [{"topic": "an', "length")
    assert error.status == 502
    assert error.body["error"] == {
        "message": "the model's answer was cut short after 99 tokens or at the end of its context: "
        "send fewer documents, ask for fewer topics or raise topics.max_tokens",
        "type": "server_error",
        "param": None,
        "code": "answer_cut",
    }


def topic(name: object, documents: object) -> object:
    return {"topics": [{"topic": name, "documents": documents}]}


@pytest.mark.parametrize(
    "content",
    [
        None,
        SECRET,
        [],
        {},
        {"topics": 1},
        {"topics": [SECRET]},
        {"topics": [{"topic": "a"}]},
        topic(1, [0]),
        topic("a", 0),
        topic("a", ["0"]),
        topic("a", [True]),
        topic("a", [2]),
        topic("a", [-1]),
        topic("a", [0.5]),
    ],
)
def test_an_answer_that_breaks_the_schema_is_a_bad_gateway(content: object) -> None:
    error = unusable(content)
    assert (error.status, error.body["error"]["code"]) == (502, "answer_invalid")


@given(st.text() | st.recursive(st.integers() | st.text(), st.lists) | st.none())
def test_whatever_the_model_says_is_read_or_refused(content: object) -> None:
    assert unusable(content).status == 502


def test_no_error_repeats_what_was_sent_or_said() -> None:
    errors = [
        refused({"documents": [SECRET] * 9}),
        refused({"documents": ["a"], "max_topics": SECRET}),
        refused(f'{{"{SECRET}'.encode()),
        unusable(SECRET),
        unusable(SECRET, "length"),
    ]
    assert all(SECRET not in json.dumps(error.body) for error in errors)
