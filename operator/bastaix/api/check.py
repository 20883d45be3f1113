"""The request that an app must answer before it counts as serving.

It comes from the spec, and from what is remembered of a revision. Both are text that somebody
wrote, and the operator sends it: so there is one reader, and what it refuses is never sent. The
size of the body is measured in `sizes`, with all else that is free-form.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bastaix.api import reasons
from bastaix.api.errors import Stalled
from bastaix.api.fields import Fields

METHODS: Final = ("GET", "POST")
LONGEST_TEXT: Final = 1024

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
    if body is not None and method != "POST":
        raise _wrong(check, "body", "sent by POST")
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


def _wrong(fields: Fields, key: str, wanted: str) -> Stalled:
    return Stalled(reasons.INVALID_SPEC, f"{fields.path}.{key} must be {wanted}")
