"""The steps in a Ray of one's own: deploy, and the first answer."""

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

import aiohttp

from bastaix.api import reasons
from bastaix.api.reasons import Finding
from bastaix.kube.probe import HttpProbe
from bastaix.local import commands, instance, places
from bastaix.local.instance import Instance
from bastaix.local.places import Place
from bastaix.local.planning import HOST
from bastaix.observe import serve
from bastaix.observe.causes import cause
from bastaix.observe.serve import App
from bastaix.reconcile.cluster import Address, Answer

_EVERY: Final = 0.5
_REQUIRED: Final = re.compile(r"Resources required for each replica: (\[.*?\]|\{.*?\}), total")
# Serve's proxy learns of an app a moment after it runs.
_SECONDS_TO_ROUTE: Final = 10.0
_ENDED: Final = Finding(reasons.HEAD_LOST, "the Ray that was started here has ended")


def ray(here: Place) -> AbstractAsyncContextManager[Instance]:
    """An instance for this app alone."""
    return instance.started(
        here.interpreter.path,
        here.variables,
        cpus=here.plan.cpus,
        keep_logs=here.folder / "ray-logs",
    )


async def deployed(here: Place, ray: Instance, seconds: float, told: Callable[[str], None]) -> App:
    """Failed: Serve gives it up, or has no room for it. `told` is told what is waited for."""
    shown = commands.serving(here.shell)
    app: App | None = None
    try:
        async with asyncio.timeout(seconds):
            told("starting Ray Serve")
            await ray.deploy(places.config(here))
            while True:
                app = await _seen(here, ray) or app
                found = verdict(app, here.plan.import_path, here.plan.cpus)
                if found is not None:
                    raise places.failed(here, "deploy", found, said(app), shown)
                if app is not None and app.status == serve.RUNNING:
                    return app
                if app is not None:
                    told(here.plan.environment.hidden(app.progress()))
                if not ray.lives:
                    raise places.failed(here, "deploy", _ENDED, said(app), shown)
                await asyncio.sleep(_EVERY)
    except instance.Refused as refused:
        found = cause(str(refused), here.plan.import_path)
        raise places.failed(here, "deploy", found, str(refused), shown) from None
    except aiohttp.ClientError:
        raise places.failed(here, "deploy", _ENDED, said(app), shown) from None
    except TimeoutError:
        late = _late(app, seconds)
        raise places.failed(here, "deploy", late, said(app), shown) from None


def verdict(app: App | None, import_path: str, cpus: int) -> Finding | None:
    """What is wrong with it, by the table that the cluster's status is made by. Pure."""
    if app is None or app.status == serve.RUNNING:
        return None
    if app.status == serve.DEPLOY_FAILED:
        return cause(app.said(), import_path)
    if app.status == serve.UNHEALTHY:
        return Finding(reasons.HEALTH_CHECK_FAILING, app.complaint())
    return _without_room(app, cpus)


def _without_room(app: App, cpus: int) -> Finding | None:
    """A replica that no waiting places: Serve says the same of one that only starts slowly."""
    for name, deployment in sorted(app.deployments.items()):
        match = _REQUIRED.search(str(deployment.get("message") or ""))
        if match is None:
            continue
        required = json.loads(match[1])
        bundles = required if isinstance(required, list) else [required]
        wanted = {key: sum(each.get(key, 0) for each in bundles) for key in ("CPU", "GPU")}
        if wanted["CPU"] > cpus or wanted["GPU"] > 0:
            return Finding(
                reasons.RAY_RESOURCES_UNAVAILABLE,
                f"{name}: a replica asks for {wanted['CPU']:g} CPUs and {wanted['GPU']:g} GPUs;"
                f" Ray has {cpus} CPUs and no GPU",
            )
    return None


def _late(app: App | None, seconds: float) -> Finding:
    text = f"not done within {seconds:.0f} s (--timeout): "
    if app is None:
        return Finding(reasons.DEADLINE_EXCEEDED, f"{text}Serve says nothing of the app")
    unplaced = app.unplaced()
    if unplaced is not None:
        return Finding(reasons.RAY_RESOURCES_UNAVAILABLE, unplaced)
    return Finding(reasons.DEADLINE_EXCEEDED, text + app.progress())


def running(app: App) -> str:
    return f"{', '.join(sorted(app.deployments))}: running"


def said(app: App | None) -> str:
    return "" if app is None else app.said()


async def answered(here: Place) -> Answer:
    """Failed: not as `spec.app.check` expects it, asked as the operator asks."""
    check, plan = here.plan.check, here.plan
    probe = HttpProbe(url(here))
    address = Address(namespace="", service=plan.name, port=here.port)
    loop = asyncio.get_running_loop()
    end = loop.time() + _SECONDS_TO_ROUTE
    answer = await probe.ask(check, address)
    while answer.outcome != "right" and loop.time() < end:
        await asyncio.sleep(_EVERY)
        answer = await probe.ask(check, address)
    if answer.outcome == "right":
        return answer
    reason = reasons.WRONG_ANSWER if answer.outcome == "wrong" else reasons.PROBE_UNREACHABLE
    shown = (commands.serving(here.shell), commands.asking(check, here.port))
    raise places.failed(here, "first answer", Finding(reason, answer.message), "", *shown)


def url(here: Place) -> str:
    return f"http://{HOST}:{here.port}"


async def watched(here: Place, ray: Instance) -> Finding:
    """Until it no longer serves, and why."""
    while ray.lives:
        app = await _seen(here, ray)
        found = verdict(app, here.plan.import_path, here.plan.cpus)
        if found is not None:
            return Finding(found.reason, here.plan.environment.hidden(found.message))
        await asyncio.sleep(4 * _EVERY)
    return _ENDED


async def _seen(here: Place, ray: Instance) -> App | None:
    try:
        return await ray.app(here.plan.name)
    except (aiohttp.ClientError, TimeoutError):
        return None
