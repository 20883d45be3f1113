"""The OpenAI API's questions and answers, for a model that says what it was told; pure.

A token is a word with the blanks after it, so the tokens joined are the text. What has no meaning
for an echo (temperature, tools, …) is ignored, as is every key that is not known.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Body = dict[str, Any]
Endpoint = Literal["chat", "text"]


class Refused(Exception):
    """A request that gets an error in the OpenAI API's shape."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = error_body(message, status=status, param=param, code=code)


def error_body(
    message: str, *, status: int, param: str | None = None, code: str | None = None
) -> Body:
    """An error as OpenAI's clients expect it."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def tokens(text: str) -> list[str]:
    """The text in words, blanks included."""
    return re.findall(r"\S+\s*|^\s+", text)


@dataclass(frozen=True)
class Question:
    """What a request asks for, already checked."""

    endpoint: Endpoint
    model: str
    text: str
    prompt_tokens: int
    max_tokens: int | None = None
    stream: bool = False
    include_usage: bool = False


def question(body: object, *, endpoint: Endpoint, model: str) -> Question:
    """Read a request's body; raise Refused where it cannot be answered."""
    if not isinstance(body, Mapping):
        raise Refused("the body must be a JSON object")
    if body.get("model", model) != model:
        raise Refused(
            f"the model {body['model']!r} does not exist; this app serves {model!r}",
            status=404,
            param="model",
            code="model_not_found",
        )
    said = _messages(body) if endpoint == "chat" else [_prompt(body)]
    options = body.get("stream_options")
    return Question(
        endpoint=endpoint,
        model=model,
        text=said[-1],
        prompt_tokens=sum(len(tokens(text)) for text in said),
        max_tokens=_max_tokens(body),
        stream=body.get("stream") is True,
        include_usage=isinstance(options, Mapping) and options.get("include_usage") is True,
    )


def _messages(body: Mapping[str, Any]) -> list[str]:
    """What was said, the last of it by the user."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not all(isinstance(one, Mapping) for one in messages):
        raise Refused("messages must be a list of objects", param="messages")
    users = [index for index, one in enumerate(messages) if one.get("role") == "user"]
    if not users:
        raise Refused("messages must hold one of the role 'user' to echo", param="messages")
    texts = [_content(one.get("content")) for one in messages]
    return [*texts[: users[-1]], *texts[users[-1] + 1 :], texts[users[-1]]]


def _content(content: object) -> str:
    """The text of a message; its pictures and sounds are not echoed."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, Mapping) for part in content):
        texts = [part.get("text") for part in content if part.get("type") == "text"]
        if all(isinstance(text, str) for text in texts):
            return "".join(texts)
    raise Refused("a message's content must be a string or a list of parts", param="messages")


def _prompt(body: Mapping[str, Any]) -> str:
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise Refused("prompt must be a string", param="prompt")
    return prompt


def _max_tokens(body: Mapping[str, Any]) -> int | None:
    for key in ("max_completion_tokens", "max_tokens"):
        limit = body.get(key)
        if limit is None:
            continue
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            raise Refused(f"{key} must be a whole number, at least 1", param=key)
        return limit
    return None


@dataclass(frozen=True)
class Answer:
    """One answer, whole or in the pieces of a stream."""

    question: Question
    id: str
    created: int
    instead: str | None = None  # of the echo
    tokens: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        said = tokens(self._text)[: self.question.max_tokens]
        object.__setattr__(self, "tokens", tuple(said))

    @property
    def _text(self) -> str:
        return self.question.text if self.instead is None else self.instead

    @property
    def finish_reason(self) -> str:
        return "stop" if "".join(self.tokens) == self._text else "length"

    @property
    def usage(self) -> Body:
        prompt, said = self.question.prompt_tokens, len(self.tokens)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": said,
            "total_tokens": prompt + said,
        }

    def whole(self) -> Body:
        """The answer in one piece."""
        text = "".join(self.tokens)
        if self.question.endpoint == "chat":
            choice: Body = {"message": {"role": "assistant", "content": text}}
        else:
            choice = {"text": text}
        return {
            **self._envelope("chat.completion"),
            "choices": [self._choice(choice, self.finish_reason)],
            "usage": self.usage,
        }

    def opening(self) -> list[Body]:
        """What a stream says before the first token."""
        if self.question.endpoint == "text":
            return []
        return [self._chunk({"delta": {"role": "assistant", "content": ""}}, None)]

    def piece(self, token: str) -> Body:
        """One token of a stream."""
        return self._chunk(self._delta(token), None)

    def closing(self) -> list[Body]:
        """What a stream says after the last token."""
        end = [self._chunk(self._delta(""), self.finish_reason)]
        if self.question.include_usage:
            usage = {"choices": [], "usage": self.usage}
            end.append({**self._envelope("chat.completion.chunk"), **usage})
        return end

    def _delta(self, token: str) -> Body:
        if self.question.endpoint == "text":
            return {"text": token}
        return {"delta": {"content": token} if token else {}}

    def _chunk(self, choice: Body, finish_reason: str | None) -> Body:
        choices = [self._choice(choice, finish_reason)]
        return {**self._envelope("chat.completion.chunk"), "choices": choices}

    def _choice(self, choice: Body, finish_reason: str | None) -> Body:
        return {"index": 0, **choice, "logprobs": None, "finish_reason": finish_reason}

    def _envelope(self, chat_object: str) -> Body:
        chat = self.question.endpoint == "chat"
        return {
            "id": f"{'chatcmpl' if chat else 'cmpl'}-{self.id}",
            "object": chat_object if chat else "text_completion",
            "created": self.created,
            "model": self.question.model,
        }


async def events(answer: Answer, tokens: AsyncIterator[str]) -> AsyncIterator[str]:
    """The answer as server-sent events, one a token, in the time that the tokens take."""
    for chunk in answer.opening():
        yield _event(json.dumps(chunk))
    async for token in tokens:
        yield _event(json.dumps(answer.piece(token)))
    for chunk in answer.closing():
        yield _event(json.dumps(chunk))
    yield _event("[DONE]")


def _event(data: str) -> str:
    return f"data: {data}\n\n"


def model_list(model: str, created: int) -> Body:
    """The answer to /v1/models."""
    return {"object": "list", "data": [model_card(model, created)]}


def model_card(model: str, created: int) -> Body:
    """The answer to /v1/models/<id>."""
    return {"id": model, "object": "model", "created": created, "owned_by": "echo"}
