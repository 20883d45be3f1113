"""What an answer must fulfil; pure.

Reading an assertion makes ready what judging needs (a compiled pattern, a schema that is one),
so a wrong one is told with its line in the data set and not after an hour of requests. What is
told of a failed one names no part of the answer.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from jsonschema import exceptions, validators
from referencing import Registry
from referencing.exceptions import Unresolvable

from bastaix.api import rollout
from bastaix.evaluation.answers import Answer
from bastaix.evaluation.timelimit import TooSlow

LONGEST_SEARCHED: Final = 64 * 1024
"""How many characters of an answer a pattern is tried on."""
MAX_VALUES: Final = 2_000
"""In a JSON schema."""

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_FINISH_REASONS: Final = ("stop", "length", "tool_calls", "function_call", "content_filter")


class WrongAssertion(Exception):
    """It cannot be judged by; the message says what would be right."""


@dataclass(frozen=True)
class Assertion:
    type: str
    value: Any
    """Ready to be judged by: a text, a pattern, a validator, seconds."""


def read(given: Any) -> Assertion:
    if not isinstance(given, Mapping):
        raise WrongAssertion('must be an object such as {"type": "contains", "value": "Rome"}')
    unknown = sorted(set(given) - {"type", "value"})
    if unknown:
        raise WrongAssertion(f"has no key {unknown[0]!r}: its keys are type and value")
    if not isinstance(given.get("type"), str) or given["type"] not in _KINDS:
        raise WrongAssertion(f"type must be one of {', '.join(_KINDS)}")
    type: str = given["type"]
    if "value" not in given:
        raise WrongAssertion(f"value is missing: what {type} compares with")
    try:
        return Assertion(type, _KINDS[type].read(given["value"]))
    except WrongAssertion as error:
        raise WrongAssertion(f"value of {type} {error}") from None


def judge(assertion: Assertion, answer: Answer) -> str | None:
    """Why it is not fulfilled; None: it is."""
    return _KINDS[assertion.type].judge(assertion.value, answer)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise WrongAssertion("must be a text that is not empty")
    return value


def _any_text(value: Any) -> str:
    if not isinstance(value, str):
        raise WrongAssertion("must be a text")
    return value


def _pattern(value: Any) -> re.Pattern[str]:
    try:
        return re.compile(_text(value))
    except (re.error, OverflowError, RecursionError) as error:
        raise WrongAssertion(f"must be a regular expression of Python: {error}") from None


def _seconds(value: Any) -> float:
    found = rollout.seconds(value) if isinstance(value, str) else value
    number = isinstance(found, int | float) and not isinstance(found, bool)
    if found is None or not number or not 0 < found < 1_000_000:
        raise WrongAssertion('must be a duration such as "1.5s" or "500ms", or seconds')
    return float(found)


def _validator(value: Any) -> Any:
    if not isinstance(value, dict):
        raise WrongAssertion("must be a JSON schema, an object")
    if value.get("$schema", _DRAFT) not in (_DRAFT, f"{_DRAFT}#"):
        raise WrongAssertion(f"must be of draft 2020-12: leave $schema out, or write {_DRAFT}")
    if _is_large(value):
        raise WrongAssertion(
            f"must be a JSON schema of at most {MAX_VALUES:,} values, all that is in it counted:"
            " shorten its enum, or take a pattern for it"
        )
    try:
        validator, why = _checked(json.dumps(value))
    except RecursionError:
        raise WrongAssertion("is no JSON schema that can be judged by: it is too deep") from None
    if why is not None:
        raise WrongAssertion(why)
    return validator


def _is_large(schema: Any) -> bool:
    """To check a schema takes time, for some keywords with the square of what they list."""
    left, count = [schema], 0
    while left and count <= MAX_VALUES:
        each = left.pop()
        count += 1
        if isinstance(each, dict):
            left.extend(each.values())
        elif isinstance(each, list):
            left.extend(each)
    return count > MAX_VALUES


@lru_cache(maxsize=256)
def _checked(text: str) -> tuple[Any, str | None]:
    """To judge by, or why not; once for a schema that many cases share."""
    schema = json.loads(text)
    outside = next((ref for ref in _refs(schema) if not ref.startswith("#")), None)
    if outside is not None:
        return None, f"must not refer to {outside!r}: only $ref within itself, by #/…"
    kind = validators.Draft202012Validator
    try:
        kind.check_schema(schema)
    except exceptions.SchemaError as error:
        return None, f"is no JSON schema: {error.json_path}: {error.message}"
    # an empty registry: without one, jsonschema would fetch what is referred to
    return kind(schema, registry=Registry()), None


def _refs(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [ref for each in schema for ref in _refs(each)]
    if not isinstance(schema, dict):
        return []
    own = [schema[key] for key in ("$ref", "$dynamicRef") if isinstance(schema.get(key), str)]
    return own + [ref for each in schema.values() for ref in _refs(each)]


def _equals(value: str, answer: Answer) -> str | None:
    return None if answer.text.strip() == value.strip() else "the answer is another"


def _contains(value: str, answer: Answer) -> str | None:
    return None if value in answer.text else "the answer lacks it"


def _not_contains(value: str, answer: Answer) -> str | None:
    return "the answer has it" if value in answer.text else None


def _matches(value: re.Pattern[str], answer: Answer) -> str | None:
    return None if value.search(answer.text[:LONGEST_SEARCHED]) else "nothing matches"


def _is_valid(value: Any, answer: Answer) -> str | None:
    try:
        parsed = json.loads(answer.text)
    except (ValueError, RecursionError):
        return "the answer is not JSON"
    try:
        error = next(value.iter_errors(parsed), None)
    except Unresolvable:
        return "a $ref of the schema leads nowhere"
    except re.error:
        return "a pattern of the schema is no regular expression of Python"
    except RecursionError:
        return "the schema or the answer is too deep"
    except TooSlow:
        raise
    except Exception:  # jsonschema raises whatever an odd schema or number makes it stumble over
        return "the schema cannot be applied to it"
    return error and f"{error.validator} is not fulfilled"


def _ends_with(value: str, answer: Answer) -> str | None:
    if answer.finish_reason == value:
        return None
    # one that nobody knows may be anything, and is the server's text
    found = answer.finish_reason if answer.finish_reason in _FINISH_REASONS else None
    return f"it is {found or ('another' if answer.finish_reason else 'absent')}"


def _in_time(value: float, answer: Answer) -> str | None:
    took = answer.latency
    return None if took <= value else f"it took {took:.3g} s, at most {value:g} s"


@dataclass(frozen=True)
class _Kind:
    read: Callable[[Any], Any]
    judge: Callable[[Any, Answer], str | None]


_KINDS: Final[Mapping[str, _Kind]] = {
    "equals": _Kind(_any_text, _equals),
    "contains": _Kind(_text, _contains),
    "not_contains": _Kind(_text, _not_contains),
    "regex": _Kind(_pattern, _matches),
    "json_schema": _Kind(_validator, _is_valid),
    "finish_reason": _Kind(_text, _ends_with),
    "max_latency": _Kind(_seconds, _in_time),
}
