"""The cluster as the plugin's user sees it: one look at a ModelDeployment, one write of a request.

What keeps a user from an answer is told as a `Trouble`, in one line with what to do.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import aiohttp

from bastaix.api import names
from bastaix.kube.cluster import TOO_LARGE, Client, NoCluster
from bastaix.plugin.around import EVENT, LABELLED, Around, Unread, belonging, concerning
from bastaix.plugin.asking import Asking
from bastaix.plugin.seen import Object, Seen, gathered, newest_first
from bastaix.reconcile.cluster import Refused
from bastaix.reconcile.kinds import CONTROLLERREVISION, MODELDEPLOYMENT, POD, SERVICE, Kind

AGENT: Final = "kubectl-bastaix"
MERGE_PATCH: Final = "application/merge-patch+json"
ATTEMPTS: Final = 5
PAGE: Final = 500
PAGING: Final = ("limit", "continue")
SMALLER: Final = 25
"""How many times fewer objects are asked for, where a page is too large."""
MOST_REQUESTS: Final = 200
MOST_LISTED: Final = 64 * 1024 * 1024
"""Bytes of all objects of one listing, and requests for it: what is beyond is not read."""
EXPIRED: Final = 410
MOST_NAMES: Final = 20


class Trouble(Exception):
    """Why there is no answer."""


class Unreachable(Trouble):
    """The API server does not answer; it may soon."""


@dataclass(frozen=True, kw_only=True)
class Where:
    """As the user said it; None: as the kubeconfig says."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None


class Session:
    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    async def look(self, name: str, *, revisions: bool = True, events: bool = False) -> Seen:
        """The object, and with it what is asked for."""
        with self._told():
            body = await self._read(name)
            look = Seen(body)
            if revisions:
                labelled = {"labelSelector": f"{names.NAME_LABEL}={name}"}
                found = await self._list(CONTROLLERREVISION, labelled)
                service = await self._service(name)
                look = gathered(body, found, service)
            return replace(look, events=await self._events(name)) if events else look

    async def around(self, name: str) -> Around:
        """The object with all that belongs to it, as far as it may be read."""
        with self._told():
            body = await self._read(name)
        labelled = {"labelSelector": f"{names.NAME_LABEL}={name}"}
        objects: dict[Kind, tuple[Object, ...]] = {}
        unread: dict[Kind, Unread] = {}
        for kind in LABELLED:
            found = await self.listed(kind, labelled)
            if isinstance(found, Unread):
                unread[kind] = found
            else:
                objects[kind] = found
        service = None
        with self._told():
            try:
                service = await self._service(name)
            except Refused as refused:
                unread[SERVICE] = _unread(refused, SERVICE)
        seen = gathered(body, objects.get(CONTROLLERREVISION, ()), service)
        found = await self.listed(EVENT, {})
        if isinstance(found, Unread):
            unread[EVENT] = found
            return belonging(replace(seen, events=None), objects, service, unread)
        around = belonging(seen, objects, service, unread)
        events = newest_first(concerning(around, found))
        return replace(around, seen=replace(seen, events=events))

    async def listed(
        self, kind: Kind, query: Mapping[str, str], *, everywhere: bool = False
    ) -> tuple[Object, ...] | Unread:
        """All of a kind that fit, with what they are, or why they cannot be read.

        No answer at all is a trouble: then nothing can be read.
        """
        with self._told():
            try:
                items = await self._list(kind, query, everywhere=everywhere)
            except Refused as refused:
                return _unread(refused, kind, "in all namespaces" if everywhere else "here")
        what = {"apiVersion": kind.api_version, "kind": kind.name}
        return tuple({**what, **each} for each in items)

    async def fetched(self, path: str) -> Object | Unread:
        """Whatever the API server says at an address."""
        with self._told():
            try:
                return await self._client.request("GET", path)
            except Refused as refused:
                return Unread("failed", f"the cluster refused it ({refused.status})")

    async def log(self, pod: str, query: Mapping[str, str]) -> bytes | Unread:
        """What a container has written. A node that does not answer is no trouble for the rest."""
        path = POD.path(self._namespace, pod, "log")
        try:
            return await self._client.content(path, query)
        except Refused as refused:
            if refused.status == 403:
                return Unread("forbidden", "you may not read logs (pods/log) here")
            return Unread("failed", f"{refused.message or refused.reason} ({refused.status})")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Unread("failed", str(error) or type(error).__name__)

    async def ask(self, name: str, asking: Callable[[Seen], Asking]) -> Asking:
        """Write what is found to be sensible, unless the spec changes meanwhile.

        A status is written often during a rollout, and each time the decision is made anew on
        what is there now; another generation is another spec, which the user has not seen.
        """
        generation = None
        for _ in range(ATTEMPTS):
            seen = await self.look(name)
            if generation not in (None, seen.generation):
                raise Trouble(
                    f"the spec of {name} changed meanwhile (generation {generation} to"
                    f" {seen.generation}): look at its status, then ask again"
                )
            generation, asked = seen.generation, asking(seen)
            if await self._wrote(seen, asked.text):
                return asked
        raise Trouble(f"{name} is changed all the time, {ATTEMPTS} writes met a change: ask again")

    async def _wrote(self, seen: Seen, text: str) -> bool:
        """False: it is not any more what was seen."""
        patch = {
            "metadata": {
                "resourceVersion": seen.body["metadata"]["resourceVersion"],
                "annotations": {names.REQUEST_ANNOTATION: text},
            }
        }
        with self._told():
            try:
                answer = await self._client.request(
                    "PATCH",
                    MODELDEPLOYMENT.path(self._namespace, seen.name),
                    patch,
                    query={"fieldManager": names.PLUGIN_FIELD_MANAGER},
                    content_type=MERGE_PATCH,
                )
                self._object(answer)
            except Refused as refused:
                if refused.status == 409:
                    return False
                raise
        return True

    async def _read(self, name: str) -> Object:
        try:
            path = MODELDEPLOYMENT.path(self._namespace, name)
            return self._object(await self._client.request("GET", path))
        except Refused as refused:
            if refused.status != 404:
                raise
            raise Trouble(await self._absent(name)) from refused

    async def _absent(self, name: str) -> str:
        """What there is instead."""
        try:
            items = await self._list(MODELDEPLOYMENT, {})
        except Refused as refused:
            if refused.status != 404:
                return f"there is no ModelDeployment {name} in namespace {self._namespace}"
            return (
                "this cluster has no ModelDeployments: Bastaix is not installed there; is it the"
                " right context? (--context)"
            )
        there = sorted(str(each["metadata"]["name"]) for each in items)
        more = f" and {len(there) - MOST_NAMES} more" if len(there) > MOST_NAMES else ""
        instead = f"it has {', '.join(there[:MOST_NAMES])}{more}" if there else "it has none"
        return (
            f"there is no ModelDeployment {name} in namespace {self._namespace}: {instead}"
            " (-n chooses another namespace)"
        )

    async def _service(self, name: str) -> Object | None:
        try:
            path = SERVICE.path(self._namespace, names.service_name(name))
            return self._object(await self._client.request("GET", path))
        except Refused as refused:
            if refused.status != 404:
                raise
            return None

    async def _events(self, name: str) -> tuple[Object, ...] | None:
        about = f"involvedObject.kind={names.KIND},involvedObject.name={name}"
        try:
            return newest_first(await self._list(EVENT, {"fieldSelector": about}))
        except Refused as refused:
            if refused.status not in (403, TOO_LARGE):
                raise
            return None

    async def _list(
        self, kind: Kind, query: Mapping[str, str], *, everywhere: bool = False
    ) -> list[Any]:
        items: list[Any] = []
        path = kind.path(None if everywhere else self._namespace)
        query, size = {**query, "limit": str(PAGE)}, 0
        for _ in range(MOST_REQUESTS):
            try:
                page = await self._client.request("GET", path, query=query)
            except Refused as refused:
                limit = int(query.get("limit", "1"))
                if refused.status == TOO_LARGE and limit > 1:
                    # objects that somebody has made large, down to one by one
                    query["limit"] = str(limit // SMALLER or 1)
                    continue
                if refused.status != EXPIRED or "continue" not in query:
                    raise
                # it took too long for pages of one state: all of it at once, as kubectl does
                items, query = [], {k: v for k, v in query.items() if k not in PAGING}
                continue
            if "items" not in page or not isinstance(page.get("metadata"), Mapping):
                raise self._stranger()
            items += page["items"] or ()
            size += len(json.dumps(page["items"]))
            more = page["metadata"].get("continue")
            if not more:
                return items
            if size > MOST_LISTED:
                break
            query["continue"] = more
            if "limit" in query:  # what was large may be behind
                query["limit"] = str(min(PAGE, int(query["limit"]) * SMALLER))
        raise Refused(TOO_LARGE, "RequestEntityTooLarge", "it is too much to be read")

    def _object(self, answer: Object) -> Object:
        """It was granted; whether by Kubernetes shows only in what came with it."""
        metadata = answer.get("metadata")
        if not isinstance(metadata, Mapping) or not {"name", "uid"} <= set(metadata):
            raise self._stranger()
        return answer

    def _stranger(self) -> Trouble:
        return Trouble(
            f"what answers at {self._client.server} is not the Kubernetes API, but perhaps a proxy"
            " or a login page: log in to it, or choose another server (--context, HTTPS_PROXY)"
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except Refused as refused:
            raise Trouble(_refusal(refused, self._namespace)) from refused
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = str(error) or type(error).__name__
            raise Unreachable(
                f"no answer from the cluster at {self._client.server}: {why}"
            ) from error


def _unread(refused: Refused, kind: Kind, where: str = "here") -> Unread:
    """Without a credential that counts nothing can be read, so that is raised."""
    if refused.status == 401:
        raise refused
    if refused.status == 403:
        return Unread("forbidden", f"you may not read {kind.plural} {where}")
    if refused.status == 404:
        return Unread("absent", f"the cluster has no kind {kind.api_version} {kind.name}")
    said = refused.message or refused.reason or "without a reason"
    return Unread("failed", f"the cluster refused it ({refused.status}): {said}")


def _refusal(refused: Refused, namespace: str) -> str:
    if refused.status == 401:
        return "the cluster does not accept your credential (401): log in to it again"
    if refused.status == 403:
        return (
            f"you may not do this: {refused.message}. Reading takes the role `view` in namespace"
            f" {namespace}, asking for something the role `edit`"
        )
    said = refused.message or refused.reason or "without a reason"
    return f"the cluster refused it ({refused.status}): {said}"


@asynccontextmanager
async def opened(where: Where) -> AsyncIterator[Session]:
    try:
        client, namespace = await Client.login_as_user(
            AGENT, kubeconfig=where.kubeconfig, context=where.context
        )
    except NoCluster as error:
        raise Trouble(
            f"{error}. Set KUBECONFIG, or give --kubeconfig FILE and --context NAME"
        ) from error
    try:
        yield Session(client, where.namespace or namespace)
    finally:
        await client.close()
        # a closed connection is told to its transport only when the loop runs once more
        await asyncio.sleep(0)
