"""The API server: login, plain requests, and the index kept true by what they bring.

The only importer of `kubernetes`, and of it only login and transport are used. Its generated
classes are loaded when they are first named, and are large: CoreV1Api alone takes 94 MiB, more
than this whole process, to bring us objects that we want as JSON anyway. What to write, and
when, is decided in `reconcile`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Container, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config
from yaml import YAMLError
from yarl import URL

from bastaix.api import names
from bastaix.api.sizes import LARGE, PACKED, Limit
from bastaix.kube import older_crd
from bastaix.kube.as_yaml import as_yaml
from bastaix.kube.clock import ServerClock
from bastaix.kube.large import LargeReads
from bastaix.observe.mounting import cut, last_seen
from bastaix.observe.ownership import controller_ref
from bastaix.reconcile import budget
from bastaix.reconcile.cluster import NoAnswer, NotLeading, Refused
from bastaix.reconcile.index import Body, Index, Name, name_of, owner_of
from bastaix.reconcile.kinds import EVENT, PERSISTENTVOLUMECLAIM, POD, Kind, limit
from bastaix.reconcile.omissions import without
from bastaix.reconcile.packed import MOST_CARRIED
from bastaix.reconcile.reading import in_brief, read_answer

TIMEOUT = 30.0
IN_FLIGHT_SECONDS = 3.0
"""A write that was sent in time may take so much longer; nobody else leads before that is over."""
PAGE = 50
"""Of metadata; one may be as large as an object can be, and of such there are fewer on a page."""
MOST_PAGE_BYTES = 4 * 1024 * 1024
MOST_ALONE_BYTES = 10 * 1024 * 1024
"""Of one object: 1.5 MB in etcd, of which `<` is six bytes as JSON, even in an ownerReference."""
MOST_EVENTS = 20
"""Of one object, the newest; and of one page."""
MOST_EVENT_BYTES = 256 * 1024
"""Of a page. Who may write Events may write them as large as any object: core/v1 sets no limit."""
MOST_EVENT_REQUESTS = 16
MOST_BYTES = 32 * 1024 * 1024
"""Of any other answer."""
TOO_LARGE = 413
"""Said by `Client` itself of an answer."""
MOST_REDUCTIONS = 10
LOG_LINES = 1000
LOG_BYTES = 512 * 1024
"""Counted from the first of these lines: a bound for very long ones, by which the last are lost."""
BUSY = 429
PATIENCE = 5
LONGEST_PAUSE = 5.0
APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
YAML = "application/yaml"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

Counter = Callable[[str, str], None]
"""Called with kind and verb of each write."""


class NoCluster(Exception):
    """No API server is known; the message says where one was looked for."""


class Client:
    """JSON to the API server and back, as whoever this process is to it."""

    def __init__(self, configuration: Configuration, agent: str) -> None:
        self._client = ApiClient(configuration)
        self._client.user_agent = agent
        self._clock = ServerClock()
        self._fence: Callable[[], float] | None = None

    @classmethod
    async def login(cls, agent: str) -> "Client":
        """As the Pod's service account, or else as the kubeconfig says; `agent` is who asks."""
        configuration = Configuration()
        try:
            load_incluster_config(configuration)  # type: ignore[no-untyped-call]
        except ConfigException:
            try:
                await load_kube_config(  # type: ignore[no-untyped-call]
                    client_configuration=configuration
                )
            except ConfigException as error:
                raise NoCluster(
                    "neither in a Pod with a service account nor with a usable kubeconfig:"
                    f" set KUBECONFIG ({error})"
                ) from error
        return cls(configuration, agent)

    @classmethod
    async def login_as_user(
        cls, agent: str, *, kubeconfig: str | None, context: str | None
    ) -> tuple["Client", str]:
        """As kubectl would, and the namespace that it would look into; None: its own defaults."""
        configuration = Configuration()
        try:
            loader = await load_kube_config(  # type: ignore[no-untyped-call]
                config_file=kubeconfig, context=context, client_configuration=configuration
            )
        except (ConfigException, YAMLError, OSError) as error:
            why = " ".join(str(error).split())
            raise NoCluster(f"no usable kubeconfig: {why}") from error
        chosen = loader.current_context.get("context") or {}
        return cls(configuration, agent), str(chosen.get("namespace") or "default")

    @property
    def server(self) -> str:
        """Its address."""
        return str(self._client.configuration.host)

    def fence(self, seconds_left: Callable[[], float]) -> None:
        """From now on write only while there are seconds left, and give up soon after them."""
        self._fence = seconds_left

    def now(self) -> datetime:
        """By the API server's clock, by which its objects were made."""
        return self._clock.now()

    async def close(self) -> None:
        await self._client.close()  # type: ignore[no-untyped-call]

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        most: int = MOST_BYTES,
        limit: Limit = LARGE,
    ) -> Body:
        """One request; Refused when the API server does not grant it, else NoAnswer.

        Refused too when the answer has more than `most` bytes; what is beyond is not read. An
        object beyond the limit is a stub (`reconcile.reading`).

        Told to come back later, it does so a few times: the API server says that when it has
        too much to do, and while the storage of a new kind is being set up.
        """
        headers = {"Accept": accept, "Content-Type": content_type}
        if content_type == APPLY and isinstance(body, Mapping):
            # by that name alone the client (36) would write JSON, which is not always YAML
            headers["Content-Type"], body = f"{APPLY}; charset=utf-8", as_yaml(body)
        target = f"{path}?{urlencode(query)}" if query else path
        for left in reversed(range(PATIENCE)):
            status, data = await self._transfer(method, target, body, headers, most)
            answer = _json(data, limit)
            if status < 400:
                return answer
            if status != BUSY or not left:
                break
            after = (answer.get("details") or {}).get("retryAfterSeconds") or 1
            await asyncio.sleep(min(after, LONGEST_PAUSE))
        raise _refusal(status, answer)

    async def content(self, path: str, query: Mapping[str, str]) -> bytes:
        """What is there and no JSON, such as a log."""
        headers = {"Accept": "*/*"}
        status, data = await self._transfer("GET", f"{path}?{urlencode(query)}", None, headers)
        if status < 400:
            return data
        raise _refusal(status, _json(data))

    async def _transfer(
        self,
        method: str,
        target: str,
        body: object,
        headers: dict[str, str],
        most: int = MOST_BYTES,
    ) -> tuple[int, bytes]:
        # the login may bring another token each time, so the headers are made each time
        method, url, headers, _, _ = await self._client.param_serialize(
            method, target, header_params=dict(headers), auth_settings=["BearerToken"]
        )
        _demand_meant(url)
        timeout = self._timeout(method)
        sent = self._clock.elapsed()
        try:
            response = await self._client.call_api(
                method, url, headers, body=body, _request_timeout=timeout
            )
            self._clock.read(response.getheader("Date"), sent)  # type: ignore[no-untyped-call]
            return response.status, await _read(response.response, most)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NoAnswer(str(error) or type(error).__name__) from error

    def _timeout(self, method: str) -> float:
        """Seconds for a request; NotLeading when it is a write and there are none."""
        if method == "GET" or self._fence is None:
            return TIMEOUT
        left = self._fence()
        if left <= 0:
            raise NotLeading("another replica may lead by now, or has led since this was begun")
        return min(TIMEOUT, left + IN_FLIGHT_SECONDS)


class KubeCluster:
    """`reconcile.cluster.Cluster` over a Client."""

    def __init__(
        self, client: Client, index: Index, count: Counter, manager: str = names.FIELD_MANAGER
    ) -> None:
        """`manager` is whose the fields are that are written."""
        self._client = client
        self._index = index
        self._count = count
        self._manager = manager
        self._served: frozenset[Kind] = frozenset()
        self._status_fields = older_crd.StatusFields()
        self._large = LargeReads()
        self._events = LargeReads()

    def omitted(self) -> int:
        """How many fields of a status the CRD was found to lack."""
        return len(self._status_fields.omitted())

    def notes(self) -> Sequence[str]:
        """What whoever looks after this process should know, though it works."""
        omitted = self._status_fields.omitted()
        return [
            f"the CRD is older than this process, {older_crd.text(path)} is left out:"
            " apply the chart's CRD"
            for path in sorted(omitted)
        ]

    def serves(self, kind: Kind) -> bool:
        return kind in self._served

    def serving(self, kinds: frozenset[Kind]) -> None:
        """Take what discovery found; what is served no more is no more."""
        for kind in self._served - kinds:
            self._index.forget(kind)
        self._served = kinds

    async def read(self, kind: Kind, name: Name, *, live: bool = False) -> Body | None:
        if not live:
            body = self._index.body(kind, name)
            if body is not None or not self._index.knows(kind, name):
                return body
        known = self._index.known(kind, name)
        is_large = self._index.weight(kind, name) > MOST_CARRIED
        try:
            async with self._large.turn(name[0]) if is_large else nullcontext():
                body = await self._client.request(
                    "GET", kind.path(*name), most=MOST_ALONE_BYTES, limit=limit(kind)
                )
        except Refused as refused:
            if not refused.is_absence:
                raise
            self._index.absent(kind, name, known)
            return self._index.body(kind, name)
        if owner_of(kind, body["metadata"]) is not None:
            self._index.answered(kind, body)
        return body

    async def owned(
        self,
        kind: Kind,
        owner: Name,
        controllers: Container[str],
        revisions: Container[str] = (),
    ) -> tuple[Body, ...]:
        for name in self._index.owned(kind, owner):
            if self._index.brief(kind, name) is None:
                await self.read(kind, name)
        found = {name: self._index.brief(kind, name) for name in self._index.owned(kind, owner)}
        bodies = {name: body for name, body in found.items() if body is not None}
        ours = {
            name: body
            for name, body in bodies.items()
            if controller_ref(body).get("uid") in controllers
        }
        unpacked = budget.affordable(
            {name: self._index.weight(kind, name) for name in ours},
            budget.needed(owner, ours, revisions),
            {name for name in ours if self._index.is_left_out(kind, name)},
            most_objects=budget.most_objects(kind),
        )
        for name in ours:
            if name not in unpacked:
                bodies[name][PACKED] = ""
                continue
            body = await self.read(kind, name)
            if body is None:
                del bodies[name]
            else:
                bodies[name] = body
        return tuple(bodies.values())

    async def create(
        self, kind: Kind, manifest: Mapping[str, Any], *, is_new: bool = False
    ) -> Body:
        metadata = manifest["metadata"]
        query = {"fieldManager": self._manager}
        self._count(kind.name, "create")
        try:
            # JSON is YAML. The API server (1.35) keeps the data of a ControllerRevision that came
            # as JSON to the byte, compares it at each patch with what Go makes of it, and refuses
            # the patch, even the garbage collector's under --cascade=orphan. YAML it writes anew.
            body = await self._client.request(
                "POST",
                kind.path(metadata["namespace"]),
                as_yaml(manifest),
                query=query,
                content_type=YAML,
            )
        except Refused as refused:
            if refused.status != 409 or is_new:
                raise
            there = await self.read(kind, name_of(metadata), live=True)
            if there is None:
                raise
            return there
        self._index.answered(kind, body, manifest)
        return body

    async def apply(
        self, kind: Kind, manifest: Mapping[str, Any], *, rehearsal: bool = False
    ) -> None:
        if not rehearsal:
            self._count(kind.name, "apply")
            # should the answer be lost, what is known may be old news
            self._index.doubt(kind, name_of(manifest["metadata"]))
        body = await self._apply(kind, manifest, query={"dryRun": "All"} if rehearsal else {})
        if not rehearsal:
            self._index.answered(kind, body, manifest)

    async def apply_status(self, kind: Kind, manifest: Mapping[str, Any]) -> frozenset[str]:
        omitted, stood = self._status_fields.omitted(), frozenset[str]()
        name = name_of(manifest["metadata"])
        for _ in range(MOST_REDUCTIONS):
            status = without(manifest["status"], omitted)
            # of a large one the index has no body, and an empty one would erase what stands
            found = await self.read(kind, name) if stood else None
            live = (found or {}).get("status") or {}
            reduced = {**manifest, "status": older_crd.as_stood(status, stood, live)}
            self._count(kind.name, "status")
            known = self._index.known(kind, name)
            try:
                body = await self._apply(kind, reduced, subresource="status")
            except Refused as refused:
                if refused.is_absence:
                    self._index.absent(kind, name, known)
                    return frozenset()
                learnt = self._status_fields.learn(refused, reduced["status"])
                whole = older_crd.whole(refused, learnt)
                more = {path for path in learnt - omitted if path[0] not in whole}
                if not more and whole <= stood:
                    raise
                omitted, stood = omitted | more, stood | whole
                continue
            self._index.answered(kind, body, reduced)
            return frozenset(map(".".join, omitted))
        raise Refused(older_crd.INVALID, "Invalid", "too many fields of the status are refused")

    async def patch(self, kind: Kind, body: Mapping[str, Any], operations: Sequence[Any]) -> None:
        name = name_of(body["metadata"])
        self._count(kind.name, "patch")
        query = {"fieldManager": self._manager}
        # what was planned on may be old news by now
        self._index.doubt(kind, name)
        known = self._index.known(kind, name)
        try:
            patched = await self._client.request(
                "PATCH", kind.path(*name), list(operations), query=query, content_type=JSON_PATCH
            )
        except Refused as refused:
            if not refused.is_absence:
                raise
            self._index.absent(kind, name, known)
        else:
            self._index.answered(kind, patched, {})

    async def delete(self, kind: Kind, body: Mapping[str, Any]) -> None:
        metadata = body["metadata"]
        options = {
            "propagationPolicy": "Background",
            "preconditions": {"uid": metadata["uid"]},
        }
        self._count(kind.name, "delete")
        # should the answer be lost, what is known may be old news
        self._index.doubt(kind, name_of(metadata))
        try:
            await self._client.request("DELETE", kind.path(*name_of(metadata)), options)
        except Refused as refused:
            if refused.status not in (404, 409):
                raise
            # another one has its name, or the API server could not do it: no news would come
            if refused.status == 409 and await self._stays(kind, metadata):
                raise
        self._index.doubt(kind, name_of(metadata))

    async def _stays(self, kind: Kind, metadata: Mapping[str, Any]) -> bool:
        """Whether this very object is there, and not about to go."""
        there = await self.read(kind, name_of(metadata), live=True)
        found = {} if there is None else there["metadata"]
        return found.get("uid") == metadata["uid"] and "deletionTimestamp" not in found

    async def events(self, body: Mapping[str, Any]) -> Sequence[Body]:
        """The newest; they come by name, so all are read, within bounds. A page that is too large
        is read one by one: it must not hide what is behind it."""
        metadata, newest = body["metadata"], list[Body]()
        namespace = metadata["namespace"]
        query = {"fieldSelector": f"involvedObject.uid={metadata['uid']}"}
        is_large = False
        for _ in range(MOST_EVENT_REQUESTS):
            query["limit"] = "1" if is_large else str(MOST_EVENTS)
            try:
                # the API server looks through all Events of the namespace for each page
                async with self._events.turn(namespace, is_large=is_large):
                    page = await self._events_page(namespace, query, is_large=is_large)
            except Refused as refused:
                if refused.status != TOO_LARGE or is_large:
                    raise
                is_large = True
                continue
            newest = sorted([*newest, *page["items"]], key=last_seen)[-MOST_EVENTS:]
            query["continue"] = page["metadata"].get("continue") or ""
            if not query["continue"]:
                break
        return newest

    async def _events_page(
        self, namespace: str, query: Mapping[str, str], *, is_large: bool
    ) -> Body:
        """With what is looked at of each."""
        most = MOST_ALONE_BYTES if is_large else MOST_EVENT_BYTES
        page = await self._client.request("GET", EVENT.path(namespace), query=query, most=most)
        return {**page, "items": [cut(event) for event in page["items"] or ()]}

    async def claim(self, namespace: str, name: str) -> Body | None:
        path = PERSISTENTVOLUMECLAIM.path(namespace, name)
        try:
            found: Body = await self._client.request("GET", path)
        except Refused as refused:
            if not refused.is_absence:
                raise
            return None
        return found

    async def log(self, pod: Mapping[str, Any]) -> str:
        query = {
            "container": pod["spec"]["containers"][0]["name"],
            "tailLines": str(LOG_LINES),
            "limitBytes": str(LOG_BYTES),
        }
        path = POD.path(*name_of(pod["metadata"]), "log")
        return (await self._client.content(path, query)).decode(errors="replace")

    async def names(self, kind: Kind, namespaces: frozenset[str]) -> set[Name]:
        """Compare the index with a listing of names: cheap, and it finds what a watch missed.

        Gives the ModelDeployments that are to be looked at because of it.
        """
        metadatas: list[Mapping[str, Any]] = []
        everywhere: list[str | None] = [None]
        for namespace in sorted(namespaces) or everywhere:
            async for page in self._pages(kind, namespace):
                metadatas += [in_brief(item["metadata"]) for item in page["items"] or ()]
        return self._index.listed(kind, metadatas, namespaces)

    async def _pages(self, kind: Kind, namespace: str | None) -> AsyncIterator[Body]:
        """A listing of metadata; where a page is too large, it is asked for fewer at a time."""
        query, number = dict[str, str](), PAGE
        if kind.group != names.GROUP:
            query["labelSelector"] = names.NAME_LABEL
        while True:
            query["limit"] = str(number)
            try:
                page = await self._client.request(
                    "GET",
                    kind.path(namespace),
                    query=query,
                    accept=METADATA_LIST,
                    most=MOST_ALONE_BYTES if number == 1 else MOST_PAGE_BYTES,
                )
            except Refused as refused:
                if refused.status != TOO_LARGE or number == 1:
                    raise
                number //= 2
                continue
            yield page
            more = page["metadata"].get("continue")
            if not more:
                return
            query["continue"] = more
            number = min(PAGE, 2 * number)

    async def _apply(
        self,
        kind: Kind,
        manifest: Mapping[str, Any],
        *,
        subresource: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Body:
        metadata = manifest["metadata"]
        query = {
            "fieldManager": self._manager,
            "force": "true",
            "fieldValidation": "Strict",
            **(query or {}),
        }
        path = kind.path(metadata["namespace"], metadata["name"], subresource)
        return await self._client.request("PATCH", path, manifest, query=query, content_type=APPLY)


def _demand_meant(url: str) -> None:
    """ValueError when the HTTP library would ask for another path: it resolves dot segments."""
    meant, sent = urlsplit(url).path, URL(url).raw_path
    if list(map(unquote, sent.split("/"))) != list(map(unquote, meant.split("/"))):
        raise ValueError("a path of the API server must not be changed on its way")


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The answer; Refused when there is more of it, which is not read."""
    data = bytearray()
    async for part in response.content.iter_chunked(64 * 1024):
        data += part
        if len(data) > most:
            response.close()
            message = f"the answer has more than {most:,} bytes"
            raise Refused(TOO_LARGE, "TooLarge", message)
    return bytes(data)


def _refusal(status: int, answer: Body) -> Refused:
    causes = (answer.get("details") or {}).get("causes") or ()
    fields = [str(cause["field"]) for cause in causes if cause.get("field")]
    return Refused(status, str(answer.get("reason", "")), str(answer.get("message", "")), fields)


def _json(data: bytes, limit: Limit = LARGE) -> Body:
    """A proxy in between may answer with something else than JSON; that is told by its status."""
    try:
        answer = read_answer(data, limit)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
