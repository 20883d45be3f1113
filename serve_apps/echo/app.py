"""An OpenAI-compatible app without a model: it answers with the user's last message.

For tests that need an endpoint in seconds, and for people without a model. It takes the arguments
of a vLLM app and names its deployment the same way, so that whatever deploys one deploys the
other. What an argument means stands in `settings`, what an answer looks like in `answers`; here
they meet Ray Serve. Requests are never logged.
"""

import asyncio
import inspect
import json
import time
from collections.abc import AsyncIterator
from uuid import uuid4

from answers import (
    Answer,
    Endpoint,
    Refused,
    error_body,
    events,
    model_card,
    model_list,
    question,
)
from arguments import refuse, unknown_keys
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from ray import serve
from ray.serve.config import AutoscalingConfig
from series import Series
from settings import Settings, known_keys, read, wrong_values
from starlette.exceptions import HTTPException

api = FastAPI(openapi_url=None)


@api.exception_handler(Refused)
async def refused(_: Request, error: Refused) -> JSONResponse:
    """What this app refuses."""
    return JSONResponse(error.body, status_code=error.status)


@api.exception_handler(HTTPException)
async def no_such_route(_: Request, error: HTTPException) -> JSONResponse:
    """What the router refuses, in the same shape."""
    body = error_body(str(error.detail), status=error.status_code)
    return JSONResponse(body, status_code=error.status_code)


# Serve copies the class here and now: a helper defined below it would not exist in a replica.
@serve.deployment(ray_actor_options={"num_cpus": 2}, max_ongoing_requests=256)
@serve.ingress(api)
class Echo:
    """One replica."""

    def __init__(self, settings: Settings) -> None:
        time.sleep(settings.seconds_to_start)
        settings.crash_in("constructor")
        self._settings = settings
        self._series = Series(settings.model)
        self._created = int(time.time())
        self._started = time.monotonic()

    @api.get("/v1/models")
    async def models(self) -> Response:
        return JSONResponse(model_list(self._settings.model, self._created))

    @api.get("/v1/models/{model:path}")
    async def model(self, model: str) -> Response:
        if model != self._settings.model:
            raise Refused(f"the model {model!r} does not exist", status=404, code="model_not_found")
        return JSONResponse(model_card(model, self._created))

    @api.post("/v1/chat/completions")
    async def chat_completions(self, request: Request) -> Response:
        return await self._respond(request, "chat")

    @api.post("/v1/completions")
    async def completions(self, request: Request) -> Response:
        return await self._respond(request, "text")

    async def _respond(self, request: Request, endpoint: Endpoint) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError as error:
            raise Refused("the body is not JSON") from error
        asked = question(body, endpoint=endpoint, model=self._settings.model)
        if time.monotonic() - self._started >= self._settings.fail_after_seconds:
            raise Refused("this app fails because echo.fail_after_seconds asks for it", status=500)
        answer = Answer(
            asked, id=uuid4().hex, created=int(time.time()), instead=self._settings.answer
        )
        tokens = self._series.measured(self._spoken(answer))
        if asked.stream:
            return StreamingResponse(events(answer, tokens), media_type="text/event-stream")
        async for _ in tokens:
            pass
        return JSONResponse(answer.whole())

    async def _spoken(self, answer: Answer) -> AsyncIterator[str]:
        await asyncio.sleep(self._settings.seconds_to_first_token)
        for token in answer.tokens:
            await asyncio.sleep(self._settings.seconds_per_token)
            yield token


def build(arguments: dict) -> serve.Application:
    """Build the app; without arguments it serves a model called `echo`."""
    options = set(inspect.signature(serve.deployment).parameters) - {"_func_or_class"}
    refuse(unknown_keys(arguments, known_keys(options, AutoscalingConfig.model_fields)))
    refuse(wrong_values(arguments))
    settings = read(arguments)
    settings.crash_in("build")
    deployment = {**settings.deployment, "name": settings.deployment_name}
    return Echo.options(**deployment).bind(settings)
