"""kopf as the informer: what happens in the cluster goes to the index and wakes the queue.

kopf's handlers of changes, its daemons, timers, finalizers and annotations are not used, and
it writes nothing: a handler that only takes note cannot fail half-way. What kopf would store
on objects is therefore switched off, which also saves it from copying each body.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

import aiohttp
import kopf

from bastaix.api import names
from bastaix.api.sizes import PACKED
from bastaix.reconcile.index import Index, Name, name_of, owner_of
from bastaix.reconcile.kinds import MODELDEPLOYMENT, POD, Kind
from bastaix.reconcile.packed import whole
from bastaix.session import response_class

CHUNK = 10
"""Objects of a page of a listing: of each kopf holds what is kept of it (see `session`)."""

Wake = Callable[[Name], None]
Note = Callable[[Kind, Mapping[str, Any]], None]
"""Takes note of each Pod that may be ours and that the watch brings, whether it is news or not."""


Listed = Callable[[str], None]
"""Called with a plural when kopf has listed anew: it tells nobody what is not there any more."""

OK = 200


class WatchEnded(Exception):
    """kopf stopped without being asked to."""


async def watch(
    kinds: frozenset[Kind],
    namespaces: frozenset[str],
    index: Index,
    wake: Wake,
    note: Note,
    listed: Listed,
    own_signals: Callable[[], None],
) -> None:
    """Inform the index of these kinds until cancelled; raises when kopf gives up."""
    root_tasks = await kopf.spawn_tasks(
        registry=_registry(kinds, index, wake, note, listed),
        settings=_settings(kinds),
        clusterwide=not namespaces,
        namespaces=sorted(namespaces),
        # unused without peering, but kopf would look up the user's name, which a Pod's has not
        identity=cast(Any, names.FIELD_MANAGER),
    )
    # kopf takes SIGTERM for itself each time it is started; what stops us is not its business
    own_signals()
    try:
        # kopf.run_tasks is not used: it would cancel every task of the process that is not its own
        ended, _ = await asyncio.wait(root_tasks, return_when=asyncio.FIRST_COMPLETED)
        error = next((task.exception() for task in ended if not task.cancelled()), None)
        raise WatchEnded("the watch ended") from error
    finally:
        for task in root_tasks:
            task.cancel()
        await asyncio.wait(root_tasks)


def _registry(
    kinds: frozenset[Kind], index: Index, wake: Wake, note: Note, listed: Listed
) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry, id="login")(_login(listed))
    for kind in sorted(kinds):
        kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=kind.plural)(
            _handler(kind, index, wake, note)
        )
    return registry


def _handler(kind: Kind, index: Index, wake: Wake, note: Note) -> Callable[..., Any]:
    async def inform(event: Mapping[str, Any], **_: Any) -> None:
        body = event["object"]  # in brief: see `session`
        if kind == POD and body.get(PACKED, body):
            note(kind, whole(body))
        metadata = body["metadata"]
        ended = event["type"] == "DELETED"
        # an end may be known already, from a read, to the index but not to who waits for it
        news = index.ended(kind, body) or ended if ended else index.told(kind, body)
        owner = owner_of(kind, metadata)
        if news and owner is not None:
            wake((name_of(metadata)[0], owner))

    return inform


def _login(listed: Listed) -> Callable[..., Any]:
    async def login(**kwargs: Any) -> kopf.AiohttpSession | None:
        """In the order in which the other half of the operator logs in (`kube.cluster`)."""
        found = kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)
        if found is None:
            return None
        session = _session(found, listed)
        return kopf.AiohttpSession(
            aiohttp_session=session, server=found.server, default_namespace=found.default_namespace
        )

    return login


def _session(info: kopf.ConnectionInfo, listed: Listed) -> aiohttp.ClientSession:
    """What kopf would make of it, with an ear on its listings: it tells of them in no other way.

    Of each object kopf gets its metadata in brief, so that it never holds a body as parsed JSON.
    """

    async def note(_: Any, __: Any, end: aiohttp.TraceRequestEndParams) -> None:
        if end.method == "GET" and "watch" not in end.url.query and end.response.status == OK:
            listed(end.url.name)

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(note)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
        headers=info.as_http_headers(),
        proxy=info.proxy_url,
        trust_env=bool(info.trust_env),
        trace_configs=[trace],
        response_class=response_class(),
    )


def _settings(kinds: frozenset[Kind]) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True  # kube.discovery does it, without cluster-wide rights
    settings.peering.standalone = True
    settings.process.ultimate_exiting_timeout = None
    settings.persistence.finalizer = f"{names.GROUP}/unused"
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.persistence.progress_storage = _NoProgress()
    settings.watching.server_timeout = 600
    settings.watching.client_timeout = 610
    settings.watching.chunk_size = CHUNK
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.queueing.error_delays = (1, 2, 5, 10, 30, 60)
    # each object that moved keeps a task, and its body in it, for so long
    settings.queueing.idle_timeout = 0.2
    for kind in kinds - {MODELDEPLOYMENT}:
        settings.watching.label_selectors[kind.group, kind.plural] = names.NAME_LABEL
    return settings


class _NoDiffBase(kopf.DiffBaseStorage):
    """kopf compares each object with a copy of it for handlers that we do not have."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: Any) -> None:
        pass


class _NoProgress(kopf.ProgressStorage):
    """kopf keeps the progress of handlers that we do not have."""

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        pass

    def purge(self, **_: Any) -> None:
        pass

    def touch(self, **_: Any) -> None:
        pass

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence
