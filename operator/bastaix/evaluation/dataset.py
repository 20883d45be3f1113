"""The data set: JSON lines, each a request and what its answer must fulfil.

All of it is checked before anything is asked. What is refused is refused with its line and with
what would be right.
"""

import hashlib
import json
import re
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from bastaix.api.evaluation import MAX_ID
from bastaix.evaluation import assertions
from bastaix.evaluation.answers import Format
from bastaix.evaluation.assertions import Assertion, WrongAssertion

MAX_BYTES: Final = 8 * 1024 * 1024
MAX_LINES: Final = 10_000
MAX_ASSERTIONS: Final = 32
MAX_WEIGHT: Final = 1_000_000
_MOST_TOLD: Final = 10
_NAMED_BY_DIGEST: Final = re.compile(r"[0-9a-f]{64}\.zip")

_DEFAULTS: Final = {"temperature": 0, "seed": 0}
_KEYS: Final = ("id", "messages", "prompt", "request", "params", "assert", "weight")
_OURS: Final = ("messages", "prompt", "stream", "stream_options", "n")
"""What params must not set, as it is said otherwise or would change how an answer is read."""


class BadDataset(Exception):
    """It cannot be used; each argument is one line that says why."""

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(map(str, self.args))


class OtherArchive(Exception):
    """The archive is not what its name says; its message is one line."""


class _Wrong(Exception):
    pass


@dataclass(frozen=True, kw_only=True)
class Case:
    id: str
    format: Format
    path: str
    body: Any
    """Of the request; for an OpenAI endpoint without model and stream."""
    assertions: tuple[Assertion, ...]
    weight: float


@dataclass(frozen=True, kw_only=True)
class Dataset:
    cases: tuple[Case, ...]
    """Those that are used."""
    total: int
    digest: str
    """Of the bytes up to the last case that is used: of the file, where all are."""


def load(file: str, archive: Path | None, limit: int) -> Dataset:
    """From a file, or from a member of a zip."""
    data = _plain(Path(file)) if archive is None else _member(archive, file)
    return read(data, file, limit)


def read(data: bytes, name: str, limit: int = MAX_LINES) -> Dataset:
    _bound(len(data), name)
    lines = data.split(b"\n")
    cases: list[Case] = []
    wrong: list[str] = []
    seen: dict[str, int] = {}
    used = len(data)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if number > MAX_LINES:
            wrong.append(f"{name} has more than {MAX_LINES:,} lines")
            break
        try:
            case = _case(line, first=number == 1)
            if case.id in seen:
                raise _Wrong(f"id {case.id!r} is taken by line {seen[case.id]}; ids are unique")
        except _Wrong as error:
            wrong.append(f"{name} line {number}: {error}")
            continue
        seen[case.id] = number
        cases.append(case)
        if len(cases) == limit:
            used = sum(len(each) + 1 for each in lines[:number])
    if wrong:
        more = [f"… and {len(wrong) - _MOST_TOLD} more"] if len(wrong) > _MOST_TOLD else []
        raise BadDataset(*wrong[:_MOST_TOLD], *more)
    part = data if len(cases) <= limit else data[:used]
    digest = f"sha256:{hashlib.sha256(part).hexdigest()}"
    return Dataset(cases=tuple(cases[:limit]), total=len(cases), digest=digest)


def _plain(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadDataset(f"{file} cannot be read: {error.strerror}") from None


def _member(archive: Path, member: str) -> bytes:
    """A file of the artifact, whose files are all in one folder; or one by its whole name."""
    try:
        with zipfile.ZipFile(_verified(archive)) as opened:
            names = opened.namelist()
            tops = {name.partition("/")[0] for name in names}
            inside = f"{min(tops)}/{member}" if len(tops) == 1 else member
            found = next((name for name in (inside, member) if name in names), None)
            if found is None:
                raise BadDataset(
                    f"{member} is not in {archive.name}: the data set must be a file of the source"
                    " that source.git.exclude does not leave out"
                )
            with opened.open(found) as file:
                return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadDataset(f"{archive} cannot be read: {error.strerror}") from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError):
        raise BadDataset(f"{archive} is no zip that can be read") from None


def _verified(archive: Path) -> Path | BytesIO:
    """An archive whose name is its sha256 is compared with it, and read from what was compared."""
    if not _NAMED_BY_DIGEST.fullmatch(archive.name):
        return archive
    data = archive.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != archive.stem:
        raise OtherArchive(f"{archive.name} has the sha256 {found}: it is not the archive it was")
    return BytesIO(data)


def _bound(size: int, name: str) -> None:
    if size > MAX_BYTES:
        raise BadDataset(f"{name} is larger than {MAX_BYTES // 1024 // 1024} MiB")


def _case(line: bytes, *, first: bool) -> Case:
    given = _object(line, "utf-8-sig" if first else "utf-8")
    unknown = sorted(set(given) - set(_KEYS))
    if unknown:
        raise _Wrong(f"there is no key {unknown[0]!r}: the keys are {', '.join(_KEYS)}")
    id = given.get("id")
    if not isinstance(id, str) or not 0 < len(id) <= MAX_ID or not id.isprintable():
        raise _Wrong(f"id must be a text of 1 to {MAX_ID} printable characters")
    format, path, body = _request(given)
    return Case(
        id=id,
        format=format,
        path=path,
        body=body,
        assertions=_assertions(given.get("assert")),
        weight=_weight(given.get("weight", 1)),
    )


def _object(line: bytes, encoding: str) -> dict[str, Any]:
    try:
        given = json.loads(
            line.decode(encoding), parse_constant=_no_number, object_pairs_hook=_once
        )
    except UnicodeDecodeError:
        raise _Wrong("must be UTF-8") from None
    except json.JSONDecodeError as error:
        raise _Wrong(f"must be one JSON object: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise _Wrong("must be one JSON object, and not so deep") from None
    except ValueError:
        raise _Wrong("must be one JSON object: a number in it has too many digits") from None
    if not isinstance(given, dict):
        raise _Wrong("must be one JSON object, in braces")
    return given


def _no_number(text: str) -> float:
    raise _Wrong(f"{text} is no number in JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise _Wrong(f"the key {twice!r} is there twice")
    return found


def _request(given: Mapping[str, Any]) -> tuple[Format, str, Any]:
    asked = [key for key in ("messages", "prompt", "request") if key in given]
    if len(asked) != 1:
        raise _Wrong("must have exactly one of messages, prompt and request")
    if asked == ["request"]:
        if "params" in given:
            raise _Wrong("params are for messages and prompt; a request has them in its body")
        return "raw", *_raw(given["request"])
    body = {**_DEFAULTS, **_params(given.get("params", {}))}
    if asked == ["prompt"]:
        if not isinstance(given["prompt"], str) or not given["prompt"]:
            raise _Wrong("prompt must be a text that is not empty")
        return "text", "/v1/completions", {**body, "prompt": given["prompt"]}
    return "chat", "/v1/chat/completions", {**body, "messages": _messages(given["messages"])}


def _raw(request: Any) -> tuple[str, Any]:
    if not isinstance(request, dict) or set(request) != {"path", "body"}:
        raise _Wrong('request must be an object such as {"path": "/topics", "body": {}}')
    path = request["path"]
    plain = isinstance(path, str) and path.isascii() and path.isprintable() and " " not in path
    if not plain or not path.startswith("/") or "#" in path or len(path) > 1024:
        raise _Wrong("request.path must begin with / and be a path as it stands in a URL")
    return path, request["body"]


def _messages(messages: Any) -> Any:
    good = isinstance(messages, list) and all(
        isinstance(each, dict) and isinstance(each.get("role"), str) for each in messages
    )
    if not good or not messages:
        raise _Wrong('messages must be a list such as [{"role": "user", "content": "Hello"}]')
    return messages


def _params(params: Any) -> dict[str, Any]:
    if not isinstance(params, dict):
        raise _Wrong('params must be an object such as {"max_tokens": 16}')
    taken = next((key for key in _OURS if key in params), None)
    if taken is not None:
        raise _Wrong(f"params must not have {taken}")
    return params


def _assertions(given: Any) -> tuple[Assertion, ...]:
    if not isinstance(given, list) or not 0 < len(given) <= MAX_ASSERTIONS:
        raise _Wrong(f"assert must be a list of 1 to {MAX_ASSERTIONS} assertions")
    found = []
    for index, each in enumerate(given):
        try:
            found.append(assertions.read(each))
        except WrongAssertion as error:
            raise _Wrong(f"assert[{index}] {_one_line(str(error))}") from None
    return tuple(found)


def _one_line(text: str) -> str:
    """jsonschema quotes the schema in what it says, which may be long."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return plain if len(plain) <= 300 else f"{plain[:299]}…"


def _weight(weight: Any) -> float:
    good = isinstance(weight, int | float) and not isinstance(weight, bool)
    if not good or not 0 <= weight <= MAX_WEIGHT:
        raise _Wrong(f"weight must be a number from 0 to {MAX_WEIGHT:,}")
    return float(weight)
