"""The steps in a Ray of one's own: deploy, and the first answer."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, Final

import aiohttp
from yarl import URL

from bastaix.api import reasons
from bastaix.api.reasons import Finding
from bastaix.kube.probe import TOTAL_SECONDS, ask
from bastaix.local import commands, instance, places
from bastaix.local.instance import Instance
from bastaix.local.places import Place
from bastaix.local.planning import HOST, Plan
from bastaix.observe import serve
from bastaix.observe.causes import cause
from bastaix.observe.resources import Amounts, demand
from bastaix.observe.serve import App
from bastaix.reconcile.cluster import Answer

_EVERY: Final = 0.5
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
                found = verdict(app, here.plan)
                if found is not None:
                    raise places.failed(here, "deploy", found, said(app), shown)
                if app is not None and app.status == serve.RUNNING:
                    return app
                if app is not None:
                    told(app.progress())
                if not ray.lives:
                    raise places.failed(here, "deploy", _ENDED, said(app), shown)
                await asyncio.sleep(_EVERY)
    except instance.Refused as refused:
        found = places.judged(here, "deploy", str(refused))
        raise places.failed(here, "deploy", found, str(refused), shown) from None
    except aiohttp.ClientError as error:
        lost = Finding(reasons.SERVE_FAILED, f"Ray did not take the app: {type(error).__name__}")
        found = lost if ray.lives else _ENDED
        raise places.failed(here, "deploy", found, said(app), shown) from None
    except TimeoutError:
        late = _late(app, seconds)
        raise places.failed(here, "deploy", late, said(app), shown) from None


def verdict(app: App | None, plan: Plan) -> Finding | None:
    """What is wrong with it, by the table that the cluster's status is made by. Pure."""
    if app is None:
        return None
    if app.status == serve.DEPLOY_FAILED:
        return cause(app.said(), plan.import_path)
    if app.status == serve.UNHEALTHY:
        return Finding(reasons.HEALTH_CHECK_FAILING, app.complaint())
    return _without_room(app, plan)


def _without_room(app: App, plan: Plan) -> Finding | None:
    """A replica that no waiting places in the cluster; here, where it is wider, one might be."""
    for name, deployment in sorted(app.deployments.items()):
        bundles = _bundles(deployment)
        wanted = {key: sum(each.get(key) or 0 for each in bundles) for key in ("CPU", "GPU")}
        largest = max((each.get("CPU") or 0 for each in bundles), default=0)
        if wanted["CPU"] > plan.cpus or wanted["GPU"] > 0 or largest > plan.worker_cpus:
            return Finding(
                reasons.RAY_RESOURCES_UNAVAILABLE,
                f"{name}: a replica asks for {wanted['CPU']:g} CPUs and {wanted['GPU']:g} GPUs,"
                f" {largest:g} CPUs of them at once; Ray has {plan.workers} workers of"
                f" {plan.worker_cpus} CPUs and no GPU here",
            )
    return None


def _bundles(deployment: Mapping[str, Any]) -> Sequence[Amounts]:
    """What one replica asks for, each to be found in one worker: in Serve's words, else by its
    configuration; it says them only of one that waits."""
    asked = demand(str(deployment.get("message") or ""))
    if asked is not None:
        return asked.bundles
    config = deployment.get("deployment_config") or {}
    options = config.get("ray_actor_options") or {}
    actor = {"CPU": options.get("num_cpus") or 0.0, "GPU": options.get("num_gpus") or 0.0}
    # the actor is in the first of the bundles, if there are any
    return config.get("placement_group_bundles") or [actor]


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


async def answered(here: Place, ray: Instance, seconds: float) -> Answer:
    """Failed: not as `spec.app.check` expects it, asked as the operator asks.

    One that does not answer yet is asked until the time is over; one that answers wrongly, for as
    long as it may be the proxy that does.
    """
    check = here.plan.check
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        left = began + seconds - loop.time()
        patience = min(TOTAL_SECONDS, max(left, _EVERY))
        answer = await ask(check, URL(url(here)), url(here), seconds=patience)
        is_early = loop.time() - began < _SECONDS_TO_ROUTE
        if answer.outcome == "right":
            return answer
        if not ray.lives:
            raise places.failed(here, "first answer", _ENDED, "", commands.serving(here.shell))
        if left <= 0 or not (is_early or answer.outcome in ("late", "unreachable")):
            break
        await asyncio.sleep(_EVERY)
    reason = reasons.WRONG_ANSWER if answer.outcome == "wrong" else reasons.PROBE_UNREACHABLE
    shown = (commands.serving(here.shell), commands.asking(check, here.port))
    raise places.failed(here, "first answer", Finding(reason, answer.message), "", *shown)


def url(here: Place) -> str:
    return f"http://{HOST}:{here.port}"


async def watched(here: Place, ray: Instance) -> Finding:
    """Until it no longer serves, and why."""
    while ray.lives:
        app = await _seen(here, ray)
        found = verdict(app, here.plan)
        if found is not None:
            return found
        await asyncio.sleep(4 * _EVERY)
    return _ENDED


async def _seen(here: Place, ray: Instance) -> App | None:
    """Without what was borrowed: what is made of it may be a part of it."""
    try:
        app = await ray.app(here.plan.name)
    except (aiohttp.ClientError, TimeoutError):
        return None
    return None if app is None else without(app, here.plan.environment.hidden)


def without(app: App, hidden: Callable[[str], str]) -> App:
    deployments = {
        name: {**each, "message": hidden(str(each.get("message") or ""))}
        for name, each in app.deployments.items()
    }
    return replace(app, message=hidden(app.message), deployments=deployments)
