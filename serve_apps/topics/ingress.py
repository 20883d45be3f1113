"""The app's HTTP side: Ray's OpenAI ingress with one path more.

`POST /topics` asks the model as a client of `/v1/chat/completions` would, so both have the same
errors of the engine, the same routing and the same series. What is asked stands in `topics`.
"""

import json
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from ray.serve.llm.ingress import OpenAiIngress
from ray.serve.llm.openai_api_models import ChatCompletionRequest
from topics import Limits, Refused, answer, completion, question

ENDPOINTS = {
    "topics": lambda app: app.post("/topics"),
    "chat": lambda app: app.post("/v1/chat/completions"),
    "completions": lambda app: app.post("/v1/completions"),
    "models": lambda app: app.get("/v1/models"),
    "model_data": lambda app: app.get("/v1/models/{model:path}"),
}


class TopicsIngress(OpenAiIngress):
    """One replica of what stands before the model."""

    def __init__(self, *arguments: Any, model: str, limits: Limits, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._model = model
        self._limits = limits

    async def topics(self, request: Request) -> Response:
        try:
            asked = question(await request.body(), self._limits)
            wanted = completion(asked, model=self._model, limits=self._limits)
            response = await self.chat(ChatCompletionRequest(**wanted), request)
            return JSONResponse(answer(json.loads(response.body), asked, self._limits))
        except Refused as error:
            return JSONResponse(error.body, status_code=error.status)
