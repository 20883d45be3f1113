"""A model on the loopback that says what it is told to, whole or as a stream."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web

from bastaix.api import names
from tests.fakes.server import FakeServer

Behaviour = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


class FakeModel(FakeServer):
    def __init__(self, behaviour: Behaviour) -> None:
        super().__init__()
        self.bodies: list[tuple[str, Any]] = []
        self._behaviour = behaviour

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append((request.path, body))
        return await self._behaviour(request, body)


def streaming(*tokens: str, finish: str | None = "stop", done: bool = True) -> Behaviour:
    async def behave(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return await stream(request, [piece(body, token) for token in tokens], finish, done=done)

    return behave


def whole(text: str, finish: str = "stop") -> Behaviour:
    async def behave(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        choice = {"message": {"content": text}} if "messages" in body else {"text": text}
        return web.json_response({"choices": [{"index": 0, **choice, "finish_reason": finish}]})

    return behave


def saying(status: int, body: Any = None) -> Behaviour:
    async def behave(request: web.Request, _: dict[str, Any]) -> web.StreamResponse:
        return web.json_response(body, status=status)

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """The first request gets the first, and so on; the last stays."""
    left = list(behaviours)

    async def behave(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return await (left.pop(0) if len(left) > 1 else left[0])(request, body)

    return behave


async def never(request: web.Request, _: dict[str, Any]) -> web.StreamResponse:
    """A stream that lives and says nothing, until the one who asks has gone."""
    response = await stream(request, [], None, done=False)
    try:
        while True:
            await response.write(b": ping\n\n")
            await asyncio.sleep(0.01)
    except ConnectionError:
        return response


async def breaking_off(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    response = await stream(request, [piece(body, "Ro")], None, done=False)
    assert request.transport is not None
    request.transport.abort()
    return response


def piece(body: dict[str, Any], token: str) -> dict[str, Any]:
    said = {"delta": {"content": token}} if "messages" in body else {"text": token}
    return {"choices": [{"index": 0, **said, "finish_reason": None}]}


async def stream(
    request: web.Request, events: Sequence[Any], finish: str | None, *, done: bool
) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = "text/event-stream"
    await response.prepare(request)
    last = [{"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}] if finish else []
    for event in [*events, *last]:
        await response.write(f"data: {json.dumps(event)}\n\n".encode())
    if done:
        await response.write(b"data: [DONE]\n\n")
    return response


def job_and_pod(container: str, code: int, message: str | None) -> tuple[dict[str, Any], ...]:
    """The Job of an evaluation that is over, and its Pod, as the API server would give them."""
    over = {"type": "Failed" if code else "Complete", "status": "True"}
    terminated = {"exitCode": code, **({} if message is None else {"message": message})}
    container_status = {"name": container, "state": {"terminated": terminated}}
    job = {
        "metadata": {"uid": "u"},
        "status": {"conditions": [over], **({} if code else {"succeeded": 1})},
    }
    metadata = {
        "labels": {names.JOB_UID_LABEL: "u"},
        "ownerReferences": [{"uid": "u", "controller": True}],
    }
    return job, {"metadata": metadata, "status": {"containerStatuses": [container_status]}}
