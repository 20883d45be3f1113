"""/metrics, /healthz and /readyz: three pages, each computed when asked for."""

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from bastaix import metrics
from bastaix.settings import BadSetting, Common

Complaints = Callable[[], Sequence[str]]
"""What is wrong just now, a line each; nothing when all is well."""


async def serve(
    settings: Common,
    page: Callable[[], bytes],
    health: Complaints,
    readiness: Complaints,
    notes: Complaints = lambda: (),
) -> web.AppRunner:
    """Serve until the runner is cleaned up; `notes` are added to the page of readiness."""
    app = web.Application()

    async def show_metrics(_: web.Request) -> web.Response:
        return web.Response(body=page(), headers={"Content-Type": metrics.CONTENT_TYPE})

    app.router.add_get("/metrics", show_metrics)
    app.router.add_get("/healthz", _verdict(health))
    app.router.add_get("/readyz", _verdict(readiness, notes))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host or None, settings.port).start()
    except OSError as error:
        await runner.cleanup()
        raise BadSetting(f"cannot listen on {settings.host}:{settings.port}: {error}") from error
    return runner


def _verdict(
    complaints: Complaints, notes: Complaints = lambda: ()
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def judge(_: web.Request) -> web.Response:
        found = complaints()
        lines = [*(found or ["ok"]), *notes()]
        return web.Response(status=503 if found else 200, text="\n".join(lines) + "\n")

    return judge
