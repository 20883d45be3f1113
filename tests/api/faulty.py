"""An API server that fails, and watches that break: a proxy that answers in its place.

Which requests fail is told by namespace, so that stories with other faults, or none, run beside
one another. A request is refused, answered by nothing, or cut off, before it was carried out or
after. Watches are of all namespaces: they are spoilt together, or not at all.
"""

import asyncio
import json
import re
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal

from aiohttp import web

from tests.api.proxy import WRITES, Answer, Proxy

REASONS: Final = {
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
LATE_SECONDS: Final = 1.0
GAP_SECONDS: Final = 0.5
LATEST_SECONDS: Final = 40.0
"""Whoever asked has given up by then."""


@dataclass(frozen=True)
class Fault:
    how: int | Literal["time-out", "cut"]
    """A number is the status of the answer."""
    is_done: bool = False
    """The request was carried out, and its answer is what is lost."""

    def __str__(self) -> str:
        return f"{self.how}{'-done' if self.is_done else ''}"


FAULT: Final = web.RequestKey("fault", Fault)
REFUSALS = tuple(Fault(status) for status in (409, 410, 429, 500, 503))
CUTS = (Fault("cut"), Fault("cut", is_done=True), Fault(504, is_done=True))
TIME_OUTS = (Fault("time-out"), Fault("time-out", is_done=True))


@dataclass
class Plan:
    """Every other time that the same is written, and the first time that it is read, it fails."""

    fault: Fault
    meant: Callable[[web.Request], bool] = lambda _: True
    failed: list[str] = field(default_factory=list)
    _calls: Counter[str] = field(default_factory=Counter)

    def fails(self, request: web.Request) -> bool:
        call = f"{request.method} {request.path} {request.query.get('dryRun', '')}"
        if not self.meant(request):
            return False
        self._calls[call] += 1
        number = self._calls[call]
        is_due = number % 2 == 1 if request.method in WRITES else number == 1
        if is_due:
            self.failed.append(call)
        return is_due


class FaultyProxy(Proxy):
    def __init__(self, server: str, tls: ssl.SSLContext) -> None:
        super().__init__(server, tls)
        self.plans: dict[str, Plan] = {}
        self.moods: Random | None = None
        """Of the watches; none while they are left alone."""
        self.spoilt: Counter[str] = Counter()
        """What has befallen them so far."""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if self.moods is not None and _is_watch(request) and self.moods.random() < 0.2:
            self.spoilt["refused"] += 1
            return await _failed(request, self.moods.choice((*REFUSALS, CUTS[0])))
        place = re.search("/namespaces/([^/]+)/", request.path)
        plan = self.plans.get(place[1]) if place else None
        if plan is not None and plan.fails(request):
            if not plan.fault.is_done:
                return await _failed(request, plan.fault)
            request[FAULT] = plan.fault
        return await self.forward(request)

    async def answered(self, request: web.Request, status: int) -> web.StreamResponse | None:
        fault = request.get(FAULT)
        return None if fault is None else await _failed(request, fault)

    async def copy(
        self, request: web.Request, answer: Answer, response: web.StreamResponse
    ) -> None:
        if not _is_watch(request):
            return await super().copy(request, answer, response)
        async for line in answer.content:
            mood = 1.0 if self.moods is None else self.moods.random()
            if mood < 0.15:
                self.spoilt["cut"] += 1
                return _cut(request)
            if mood < 0.3:  # what comes meanwhile is lost with this one
                self.spoilt["expired"] += 1
                await asyncio.sleep(GAP_SECONDS)
                return await response.write(EXPIRED)
            if mood < 0.5:
                self.spoilt["late"] += 1
                await asyncio.sleep(LATE_SECONDS)
            await response.write(line)
            if 0.5 <= mood < 0.65:
                self.spoilt["repeated"] += 1
                await response.write(line)
        return None


async def _failed(request: web.Request, fault: Fault) -> web.StreamResponse:
    await request.read()
    if fault.how == "cut":
        _cut(request)
    elif fault.how == "time-out":
        await asyncio.sleep(LATEST_SECONDS)
    else:
        return web.json_response(_status(fault.how), status=fault.how)
    return web.Response()


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _is_watch(request: web.Request) -> bool:
    return "watch" in request.query


def _status(code: int) -> dict[str, object]:
    """As the API server says that something did not succeed."""
    told = {"message": f"it is so in this test: {REASONS[code]}", "reason": REASONS[code]}
    return {"apiVersion": "v1", "kind": "Status", "status": "Failure", **told, "code": code}


EXPIRED: Final = json.dumps({"type": "ERROR", "object": _status(410)}).encode() + b"\n"
