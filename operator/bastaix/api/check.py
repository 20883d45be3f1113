"""The request that an app must answer before it counts as serving.

It comes from the spec, and from what is remembered of a revision. Both are text that somebody
wrote, and the operator sends it: so there is one reader, and what it refuses is never sent.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bastaix.api import reasons
from bastaix.api.errors import Stalled
from bastaix.api.fields import Fields

METHODS: Final = ("GET", "POST")
LONGEST_TEXT: Final = 1024
LARGEST_BODY: Final = 64 * 1024
"""Bytes of it as JSON."""
DEEPEST_BODY: Final = 64

_PATH: Final = re.compile(r"/[!-~]*")


@dataclass(frozen=True, kw_only=True)
class Expect:
    status: int = 200
    contains: str | None = None


@dataclass(frozen=True, kw_only=True)
class Check:
    """Made by `read_check` wherever it comes from outside."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    expect: Expect = Expect()


def default_check(model: str | None) -> dict[str, Any]:
    """In the form of the spec: one completion of one token by this model, or the list of models."""
    if model is None:
        return {"method": "GET", "path": "/v1/models"}
    completion = {
        "model": model,
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 1,
    }
    return {"method": "POST", "path": "/v1/chat/completions", "body": completion}


def read_check(check: Fields) -> Check:
    """A check in the form of the spec, whole; Stalled names the field that cannot be sent."""
    body = check.free("body") if check.has("body") else None
    method = check.get("method", str) or ("GET" if body is None else "POST")
    path, expect = check.need("path", str), check.map("expect")
    status, contains = expect.get("status", int), expect.get("contains", str)
    if method not in METHODS:
        raise _wrong(check, "method", f"one of {', '.join(METHODS)}")
    if not _PATH.fullmatch(path) or len(path) > LONGEST_TEXT:
        wanted = f"/ and at most {LONGEST_TEXT - 1} printable ASCII characters without spaces"
        raise _wrong(check, "path", wanted)
    if body is not None and (method != "POST" or not _is_bounded(body)):
        wanted = f"sent by POST, of at most {LARGEST_BODY} bytes and {DEEPEST_BODY} levels"
        raise _wrong(check, "body", wanted)
    if status is not None and not 100 <= status <= 599:
        raise _wrong(expect, "status", "a number from 100 to 599")
    if contains is not None and not 1 <= len(contains) <= LONGEST_TEXT:
        raise _wrong(expect, "contains", f"a text of 1 to {LONGEST_TEXT} characters")
    return Check(
        method=method,
        path=path,
        body=body,
        expect=Expect(status=Expect.status if status is None else status, contains=contains),
    )


def _is_bounded(body: Mapping[str, Any]) -> bool:
    """By levels first: what is too deep cannot be written as JSON at all."""
    level: list[Any] = [body]
    for _ in range(DEEPEST_BODY):
        level = [value for item in level for value in _values(item)]
        if not level:
            return len(json.dumps(body).encode()) <= LARGEST_BODY
    return False


def _values(item: Any) -> list[Any]:
    """What is inside an object or a list."""
    values = item.values() if isinstance(item, Mapping) else item
    return list(values) if isinstance(item, Mapping | list | tuple) else []


def _wrong(fields: Fields, key: str, wanted: str) -> Stalled:
    return Stalled(reasons.INVALID_SPEC, f"{fields.path}.{key} must be {wanted}")
