"""kopf, on an API server that sends what a tenant has made too large for it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from bastaix.api import names, sizes
from bastaix.reconcile.index import Index, Name
from bastaix.reconcile.kinds import MODELDEPLOYMENT
from bastaix.watch import watch

GROUP_VERSION = MODELDEPLOYMENT.api_version
VERSION = {"groupVersion": GROUP_VERSION, "version": names.VERSION}
MANY = "[" + ",".join(["{}"] * 380_000) + "]"
DEEP = "[" * 3000 + "]" * 3000


def text_of(name: str, args: str, version: int = 1) -> str:
    metadata = {"name": name, "namespace": "demo", "uid": f"u-{name}", "generation": 1}
    head = json.dumps({"metadata": {**metadata, "resourceVersion": str(version)}})
    return f'{head[:-1]},"spec":{{"app":{{"args":{{"a":{args}}}}}}}}}'.replace(": ", ":")


class Server:
    """As much of an API server as kopf asks for one kind: discovery, a listing and a watch."""

    def __init__(self, *items: str) -> None:
        self._items = items
        self.events: asyncio.Queue[str] = asyncio.Queue()

    @asynccontextmanager
    async def running(self, folder: Path) -> AsyncIterator[Path]:
        """Gives a kubeconfig."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        config = folder / "config"
        cluster = {"name": "a", "cluster": {"server": f"http://{host}:{port}"}}
        user = {"name": "a", "user": {"token": "none"}}
        context = {"name": "a", "context": {"cluster": "a", "user": "a"}}
        parts = {"clusters": [cluster], "users": [user], "contexts": [context]}
        config.write_text(yaml.safe_dump({**parts, "current-context": "a"}))
        try:
            yield config
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path.endswith(MODELDEPLOYMENT.plural):
            return await (self._watch if request.query.get("watch") else self._list)(request)
        resource = {
            "name": MODELDEPLOYMENT.plural,
            "kind": MODELDEPLOYMENT.name,
            "singularName": "modeldeployment",
            "namespaced": True,
            "verbs": ["list", "watch", "get", "patch"],
        }
        group = {"name": names.GROUP, "versions": [VERSION], "preferredVersion": VERSION}
        namespaces = {"name": "namespaces", "singularName": "", "kind": "Namespace"}
        core = {**namespaces, "namespaced": False, "verbs": ["list", "watch"]}
        answers: dict[str, Any] = {
            "/api": {"versions": ["v1"]},
            "/api/v1": {"resources": [core]},
            "/apis": {"groups": [group]},
            f"/apis/{GROUP_VERSION}": {"resources": [resource]},
        }
        return web.json_response(answers.get(path, {}), status=200 if path in answers else 404)

    async def _list(self, request: web.Request) -> web.Response:
        begin, limit = int(request.query.get("continue", 0)), int(request.query["limit"])
        end = begin + limit
        metadata: dict[str, str] = {"resourceVersion": "9"}
        if end < len(self._items):
            metadata["continue"] = str(end)
        items = ",".join(self._items[begin:end])
        return web.Response(
            text=f'{{"items":[{items}],"metadata":{json.dumps(metadata)}}}',
            content_type="application/json",
        )

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write((await self.events.get() + "\n").encode())


@asynccontextmanager
async def watching(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Index, asyncio.Queue[Name]]]:
    index, woken = Index(), asyncio.Queue[Name]()
    async with server.running(folder) as config:
        monkeypatch.setenv("KUBECONFIG", str(config))
        kinds = frozenset({MODELDEPLOYMENT})
        task = asyncio.create_task(
            watch(
                kinds,
                frozenset(),
                index,
                woken.put_nowait,
                lambda kind, body: None,
                lambda plural: None,
                lambda: None,
            )
        )
        try:
            yield index, woken
        finally:
            task.cancel()
            await asyncio.wait({task})


async def test_what_is_too_large_or_too_deep_stops_the_watch_of_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(text_of("deep", DEEP), text_of("many", MANY), text_of("good", "1"))
    async with watching(server, tmp_path, monkeypatch) as (index, woken), asyncio.timeout(20):
        assert {(await woken.get())[1] for _ in range(3)} == {"deep", "many", "good"}
        assert sizes.is_stub(index.body(MODELDEPLOYMENT, ("demo", "deep")) or {})
        assert index.is_left_out(MODELDEPLOYMENT, ("demo", "many")), "it is read when needed"
        changed = text_of("good", '{"b":2}', version=10)
        deep = text_of("deep", DEEP, version=10)
        await server.events.put(f'{{"type":"MODIFIED","object":{deep}}}')
        await server.events.put(f'{{"type":"MODIFIED","object":{changed}}}')
        assert {(await woken.get())[1] for _ in range(2)} == {"deep", "good"}
        good = index.body(MODELDEPLOYMENT, ("demo", "good")) or {}
        assert good["spec"] == {"app": {"args": {"a": {"b": 2}}}}
        assert good["kind"] == "ModelDeployment"
