"""Documents in, topics out: what a request may hold, what the model is asked, how it answers.

Pure. The model is held to a JSON schema made for each request, so that it can only name documents
that exist; its answer is checked all the same, because an answer that is cut short is no JSON and
an engine may know less of JSON schemas than the schema asks. No error repeats what was sent.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

LONGEST_NAME = 60  # characters of a topic
KEYS = ("documents", "max_topics")
INSTRUCTIONS = (
    "You sort documents by topic. Answer with JSON: a list of topics, each with a short name and "
    "the numbers of the documents that are about it. Put every document into one topic."
)
# A schema bounds everything but the blanks between the parts of the JSON, and a small model writes
# them without end.
COMPACT = {"backend": "xgrammar", "disable_any_whitespace": True}


def engine(config: Mapping[str, Any]) -> object:
    """The engine's arguments: JSON is compact unless the configuration says otherwise."""
    given = config.get("engine_kwargs") or {}
    if not isinstance(given, Mapping):
        return given  # refused by Ray, which says it better
    return {"structured_outputs_config": COMPACT, **given}


class Refused(Exception):
    """A request that gets an error, in the OpenAI API's shape as from the app's other paths."""

    def __init__(self, message: str, *, status: int, param: str | None, code: str | None) -> None:
        super().__init__(message)
        self.status = status
        kind = "server_error" if status >= 500 else "invalid_request_error"
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


def bad_request(message: str, param: str | None = None) -> Refused:
    """The client's mistake."""
    return Refused(message, status=400, param=param, code=None)


def bad_answer(message: str, code: str) -> Refused:
    """The model's."""
    return Refused(message, status=502, param=None, code=code)


@dataclass(frozen=True)
class Limits:
    """How much a request may hold and an answer may take; all of it has to fit the context."""

    max_documents: int = 32
    max_characters: int = 4000  # of all documents together
    max_topics: int = 8
    max_tokens: int = 512  # of the answer


LIMITS = tuple(limit.name for limit in fields(Limits))


@dataclass(frozen=True)
class Question:
    """What a request asks for, already checked."""

    documents: tuple[str, ...]
    max_topics: int


def question(body: bytes, limits: Limits) -> Question:
    """Read a request's body; raise Refused where it cannot be answered."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise bad_request("the body is not JSON") from error
    if not isinstance(asked, Mapping):
        raise bad_request('the body must be a JSON object such as {"documents": ["…"]}')
    if not asked.keys() <= set(KEYS):
        raise bad_request(f"the body has a key that is not known; known are {', '.join(KEYS)}")
    documents = _documents(asked.get("documents"), limits)
    return Question(documents, _max_topics(asked.get("max_topics"), documents, limits))


def _documents(documents: object, limits: Limits) -> tuple[str, ...]:
    if not isinstance(documents, list) or not documents:
        raise bad_request("documents must be a list of at least one text", "documents")
    if len(documents) > limits.max_documents:
        raise bad_request(
            f"{len(documents)} documents are too many: send at most {limits.max_documents}",
            "documents",
        )
    for index, document in enumerate(documents):
        if not isinstance(document, str) or not document.strip():
            raise bad_request(f"documents[{index}] must be a text that is not empty", "documents")
    length = sum(map(len, documents))
    if length > limits.max_characters:
        raise bad_request(
            f"{length} characters are too long: send at most {limits.max_characters} "
            "in all documents together",
            "documents",
        )
    return tuple(documents)


def _max_topics(wanted: object, documents: Sequence[str], limits: Limits) -> int:
    if wanted is None:
        return min(limits.max_topics, len(documents))
    if not isinstance(wanted, int) or isinstance(wanted, bool):
        raise bad_request("max_topics must be a whole number", "max_topics")
    if not 1 <= wanted <= limits.max_topics:
        raise bad_request(f"max_topics must be from 1 to {limits.max_topics}", "max_topics")
    return wanted


def schema(asked: Question) -> dict[str, Any]:
    """What the answer must be: no more topics than wanted, no document that is not there."""
    number = {"type": "integer", "minimum": 0, "maximum": len(asked.documents) - 1}
    topic = _object(
        topic={"type": "string", "minLength": 1, "maxLength": LONGEST_NAME},
        documents=_list(number, len(asked.documents)),
    )
    return _object(topics=_list(topic, asked.max_topics))


def _object(**properties: object) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: object, longest: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": longest}


def completion(asked: Question, *, model: str, limits: Limits) -> dict[str, Any]:
    """The chat completion that the model is asked for."""
    numbered = "\n".join(f"Document {n}: {text}" for n, text in enumerate(asked.documents))
    return {
        "model": model,
        "messages": [
            {"role": "system", "content": INSTRUCTIONS},
            {"role": "user", "content": f"{numbered}\n\nAt most {asked.max_topics} topics."},
        ],
        "temperature": 0,
        "max_tokens": limits.max_tokens,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "topics", "schema": schema(asked), "strict": True},
        },
    }


def answer(completed: Mapping[str, Any], asked: Question, limits: Limits) -> dict[str, Any]:
    """The topics in the model's chat completion; raise Refused where it holds none."""
    choice = completed["choices"][0]
    if choice["finish_reason"] == "length":
        raise bad_answer(
            f"the model's answer was cut short after {limits.max_tokens} tokens or at the end of "
            "its context: send fewer documents, ask for fewer topics or raise topics.max_tokens",
            "answer_cut",
        )
    try:
        said = json.loads(choice["message"]["content"] or "")
        found = [_topic(one, len(asked.documents)) for one in said["topics"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        reason = "the model's answer is not what its schema says"
        raise bad_answer(reason, "answer_invalid") from error
    return {"topics": found}


def _topic(said: Mapping[str, Any], count: int) -> dict[str, Any]:
    """One topic, each of its documents once; an error of any kind says that it is none."""
    name, numbers = said["topic"], said["documents"]
    if not isinstance(name, str) or not isinstance(numbers, list):
        raise TypeError
    if not all(type(number) is int and 0 <= number < count for number in numbers):
        raise ValueError
    return {"topic": name.strip(), "documents": sorted(set(numbers))}
