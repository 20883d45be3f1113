"""What a server said, whole or as a stream, as the text that is judged; pure.

Only the first choice counts. Of a body that is no OpenAI answer, the text is the body itself.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Format = Literal["chat", "text", "raw"]
"""Of /v1/chat/completions, of /v1/completions, and of anything else."""

Kind = Literal["unreachable", "timeout", "broken", "server", "refused", "malformed", "not asked"]
"""server: 5xx, or too many requests. refused: any other status that is not 200. malformed: it
is not what an endpoint of the format answers."""

INFRASTRUCTURE: Final[frozenset[Kind]] = frozenset(
    {"unreachable", "timeout", "broken", "server", "not asked"}
)
"""Another time it may be otherwise; of the model's answers it says nothing."""

_BUSY: Final = frozenset({408, 425, 429})
_DONE: Final = "[DONE]"


class Malformed(Exception):
    """It is not what an answer of this format looks like. Nothing of it is in the message."""


class BrokenOff(Exception):
    """A stream ended before the answer did."""


class ServerSaid(Exception):
    """The server reports in an answer that it has failed."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


@dataclass(frozen=True)
class Said:
    text: str
    finish_reason: str | None


@dataclass(frozen=True)
class Answer:
    text: str
    finish_reason: str | None
    ttft: float
    """Seconds to the first token; to the whole answer, of one that came in one piece."""
    latency: float
    """Seconds to its end."""


@dataclass(frozen=True)
class Failure:
    """A request without an answer."""

    kind: Kind
    message: str
    """Of a few words, and never the server's."""


def status_failure(status: int) -> Failure:
    kind: Kind = "server" if status >= 500 or status in _BUSY else "refused"
    return Failure(kind, f"HTTP {status}")


def whole(format: Format, data: bytes) -> Said:
    """An answer that came in one piece."""
    text = data.decode(errors="replace")
    body = _json(text)
    if format == "raw":
        return Said(text if body is None else canonical(body), _finish_reason(body))
    if not isinstance(body, dict):
        raise Malformed("the answer is no JSON object")
    _refuse_error(body)
    choice = _first_choice(body)
    if choice is None:
        raise Malformed("the answer has no choices")
    said = choice.get("text") if format == "text" else _map(choice.get("message")).get("content")
    return Said(said if isinstance(said, str) else "", _finish_reason(body))


def canonical(value: Any) -> str:
    """The one way in which a JSON value is compared as a text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@dataclass
class Stream:
    """Server-sent events, as they come: each a piece of the answer."""

    format: Format
    finish_reason: str | None = None
    _pieces: list[str] = field(default_factory=list)
    _rest: bytes = b""
    _done: bool = False

    def feed(self, data: bytes) -> bool:
        """Whether there was a token in it, spoken, thought or of a call of a tool."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        tokens = [self._line(line) for line in lines]  # all of them, whatever the first was
        return True in tokens

    def end(self) -> Said:
        self._line(self._rest)
        if not self._done and self.finish_reason is None:
            raise BrokenOff
        return Said("".join(self._pieces), self.finish_reason)

    def _line(self, line: bytes) -> bool:
        name, _, value = line.decode(errors="replace").strip().partition(":")
        if name != "data" or self._done:
            return False
        value = value.strip()
        if value == _DONE:
            self._done = True
            return False
        chunk = _json(value)
        if not isinstance(chunk, dict):
            raise Malformed("an event of the stream is no JSON object")
        _refuse_error(chunk)
        self.finish_reason = _finish_reason(chunk) or self.finish_reason
        choice = _first_choice(chunk) or {}
        delta = choice if self.format == "text" else _map(choice.get("delta"))
        said = delta.get("text" if self.format == "text" else "content")
        if isinstance(said, str) and said:
            self._pieces.append(said)
            return True
        return any(delta.get(key) for key in ("reasoning_content", "reasoning", "tool_calls"))


def _refuse_error(body: dict[str, Any]) -> None:
    error = body.get("error")
    if not error:
        return
    code = _map(error).get("code")
    raise ServerSaid(code if isinstance(code, int) and 400 <= code <= 599 else 500)


def _first_choice(body: Any) -> dict[str, Any] | None:
    choices = _map(body).get("choices")
    found = (
        [each for each in choices if isinstance(each, dict)] if isinstance(choices, list) else []
    )
    return next((each for each in found if each.get("index", 0) == 0), None)


def _finish_reason(body: Any) -> str | None:
    reason = (_first_choice(body) or {}).get("finish_reason")
    return reason if isinstance(reason, str) else None


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _json(text: str) -> Any:
    """None: it is none (or null, which nobody compares)."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
