"""What the API server's refusals become for whoever asked: one line that says what to do."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bastaix.kube.cluster import Client
from bastaix.plugin.around import Unread
from bastaix.plugin.asking import Asking
from bastaix.plugin.screen import screen
from bastaix.plugin.session import Session, Trouble, Where, opened
from bastaix.reconcile.cluster import Refused
from bastaix.reconcile.kinds import POD
from tests.unit.plugin.examples import ACTIVE, NOW, READY, body

MD = "/apis/serving.bastaix.dev/v1alpha1/namespaces/demo/modeldeployments"


class Server:
    """Refuses what it is told to, by path, and otherwise has one ModelDeployment and no more."""

    server = "https://cluster.example"

    def __init__(self, refusals: dict[str, Refused]) -> None:
        self._refusals = refusals
        self.managers: list[str] = []

    async def request(self, method: str, path: str, *_: Any, **given: Any) -> Any:
        if path in self._refusals:
            raise self._refusals[path]
        if method == "PATCH":
            self.managers.append(given["query"]["fieldManager"])
        if path == f"{MD}/smollm2":
            there = body(conditions=READY, active=ACTIVE)
            there["metadata"]["resourceVersion"] = "1"
            return there
        if path.endswith("/services/smollm2"):
            raise ABSENT
        return {"items": [], "metadata": {}}


def session(**refusals: Refused) -> Session:
    paths = {
        "list": MD,
        "get": f"{MD}/smollm2",
        "events": "/api/v1/namespaces/demo/events",
        "rayservices": "/apis/ray.io/v1/namespaces/demo/rayservices",
    }
    server = Server({paths[key]: refused for key, refused in refusals.items()})
    return Session(cast(Client, server), "demo")


ABSENT = Refused(404, "NotFound", "not found")
FORBIDDEN = Refused(403, "Forbidden", 'User "ana" cannot do it')


async def test_a_cluster_without_bastaix_is_told_from_a_name_that_is_not_there() -> None:
    with pytest.raises(Trouble, match="Bastaix is not installed there; is it the right context"):
        await session(get=ABSENT, list=ABSENT).look("smollm2")
    with pytest.raises(Trouble, match="no ModelDeployment smollm2 in namespace demo: it has none"):
        await session(get=ABSENT).look("smollm2")


async def test_who_may_not_list_names_still_learns_that_this_one_is_absent() -> None:
    with pytest.raises(Trouble, match=r"^there is no ModelDeployment smollm2 in namespace demo$"):
        await session(get=ABSENT, list=FORBIDDEN).look("smollm2")


async def test_a_credential_that_is_not_accepted_is_told() -> None:
    with pytest.raises(Trouble, match="log in to it again"):
        await session(get=Refused(401, "Unauthorized", "Unauthorized")).look("smollm2")


async def test_any_other_refusal_is_told_in_the_servers_words() -> None:
    with pytest.raises(Trouble, match=r"the cluster refused it \(500\): etcd is away"):
        await session(get=Refused(500, "InternalError", "etcd is away")).look("smollm2")


async def test_status_does_without_events_that_may_not_be_read() -> None:
    seen = await session(events=FORBIDDEN).look("smollm2", events=True)
    assert seen.events is None
    assert screen(seen, NOW)[-1].startswith("Events: you may not list events in this namespace")


class Fat(Server):
    """Has eight Events, and no answer with more than `fits` of them."""

    fits = 1

    async def request(self, method: str, path: str, *_: Any, **given: Any) -> Any:
        if not path.endswith("/events"):
            return await super().request(method, path, *_, **given)
        first, limit = int(given["query"].get("continue", 0)), int(given["query"]["limit"])
        last = min(first + limit, 8)
        if last - first > self.fits:
            raise Refused(413, "RequestEntityTooLarge", "the answer is too large")
        metadata = {"continue": str(last)} if last < 8 else {}
        event = {"reason": "R" * 300, "type": "Normal", "message": "what happened"}
        return {"items": [{**event, "metadata": {}}] * (last - first), "metadata": metadata}


async def test_events_that_somebody_made_large_are_read_one_by_one() -> None:
    seen = await Session(cast(Client, Fat({})), "demo").look("smollm2", events=True)
    assert seen.events is not None
    assert len(seen.events) == 8
    last = screen(seen, NOW)[-1]
    assert "what happened" in last
    assert len(last) < 100


async def test_an_event_that_is_too_large_alone_is_told_and_the_rest_is_shown() -> None:
    fat = Fat({})
    fat.fits = 0
    seen = await Session(cast(Client, fat), "demo").look("smollm2", events=True)
    assert seen.events is None


async def test_events_without_end_that_somebody_made_large_are_not_all_read() -> None:
    class Endless(Fat):
        asked = 0

        async def request(self, method: str, path: str, *_: Any, **given: Any) -> Any:
            if not path.endswith("/events"):
                return await super().request(method, path, *_, **given)
            self.asked += 1
            assert self.asked < 1000
            if int(given["query"]["limit"]) > self.fits:
                raise Refused(413, "RequestEntityTooLarge", "the answer is too large")
            return {"items": [{"metadata": {}}], "metadata": {"continue": "more"}}

    seen = await Session(cast(Client, Endless({})), "demo").look("smollm2", events=True)
    assert seen.events is None


async def test_more_bytes_than_a_listing_may_have_are_not_held() -> None:
    class Heavy(Fat):
        asked = 0

        async def request(self, method: str, path: str, *_: Any, **given: Any) -> Any:
            if not path.endswith("/events"):
                return await super().request(method, path, *_, **given)
            self.asked += 1
            assert self.asked < 100
            return {"items": [{"note": "x" * 2**20}] * 10, "metadata": {"continue": "more"}}

    heavy = Heavy({})
    seen = await Session(cast(Client, heavy), "demo").look("smollm2", events=True)
    assert seen.events is None
    assert heavy.asked == 7


async def test_behind_events_that_somebody_made_large_many_are_read_at_a_time() -> None:
    class Stretch(Fat):
        """The first thirty of 5,000 come one by one."""

        asked = 0

        async def request(self, method: str, path: str, *_: Any, **given: Any) -> Any:
            if not path.endswith("/events"):
                return await super().request(method, path, *_, **given)
            self.asked += 1
            first, limit = int(given["query"].get("continue", 0)), int(given["query"]["limit"])
            if first < 30 and limit > 1:
                raise Refused(413, "RequestEntityTooLarge", "the answer is too large")
            last = min(first + limit, 5000)
            metadata = {"continue": str(last)} if last < 5000 else {}
            return {"items": [{"metadata": {}}] * (last - first), "metadata": metadata}

    stretch = Stretch({})
    seen = await Session(cast(Client, stretch), "demo").look("smollm2", events=True)
    assert seen.events is not None
    assert len(seen.events) == 5000
    assert stretch.asked < 100


async def test_what_is_asked_for_is_not_undone_by_flux_as_an_edit_by_kubectl() -> None:
    """kustomize-controller takes over what managers have written whose names begin with these."""
    server = Server({})
    asking = Asking(text="pause@7", promise="")
    await Session(cast(Client, server), "demo").ask("smollm2", lambda _: asking)
    (manager,) = server.managers
    assert not manager.startswith(("kubectl", "before-first-apply", "kustomize-controller"))


def kubeconfig(folder: Path, server: str) -> Path:
    file = folder / "kubeconfig"
    context = {"cluster": "c", "user": "u", "namespace": "demo"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server.rstrip("/")}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": context}],
        "current-context": "x",
    }
    file.write_text(json.dumps(config))
    return file


@asynccontextmanager
async def behind_a_proxy(tmp_path: Path, *passed: str, instead: str) -> AsyncIterator[Session]:
    """It lets requests through that begin so, and answers the others itself, with 200."""
    there = body(conditions=READY, active=ACTIVE)
    there["metadata"]["resourceVersion"] = "1"

    async def answer(request: web.Request) -> web.Response:
        if not f"{request.method} {request.path}".startswith(passed):
            return web.Response(text=instead, content_type="text/html")
        if request.path.endswith("/services/smollm2"):
            return web.json_response({"kind": "Status", "reason": "NotFound"}, status=404)
        is_one = request.path == f"{MD}/smollm2"
        return web.json_response(there if is_one else {"items": [], "metadata": {}})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        file = kubeconfig(tmp_path, str(server.make_url("")))
        async with opened(Where(kubeconfig=str(file))) as session:
            yield session


@asynccontextmanager
async def with_a_log(tmp_path: Path, answer: web.Response) -> AsyncIterator[Session]:
    """What a node has of the Pod `p`, and nothing else."""

    async def log(request: web.Request) -> web.Response:
        assert request.path == "/api/v1/namespaces/demo/pods/p/log"
        assert request.query == {"container": "ray", "tailLines": "2"}
        return answer

    app = web.Application()
    app.router.add_get("/{path:.*}", log)
    async with TestServer(app) as server:
        where = Where(kubeconfig=str(kubeconfig(tmp_path, str(server.make_url("")))))
        async with opened(where) as session:
            yield session


async def read_log(tmp_path: Path, answer: web.Response) -> object:
    async with with_a_log(tmp_path, answer) as session:
        return await session.log("p", {"container": "ray", "tailLines": "2"})


async def test_a_log_comes_as_it_is(tmp_path: Path) -> None:
    body = b"no \xff text\n"
    assert await read_log(tmp_path, web.Response(body=body)) == body


@pytest.mark.parametrize(
    ("status", "unread"),
    [
        (403, Unread("forbidden", "you may not read logs (pods/log) here")),
        (500, Unread("failed", "dial tcp: timeout (500)")),
    ],
)
async def test_why_a_log_cannot_be_read_is_said(
    status: int, unread: Unread, tmp_path: Path
) -> None:
    said = {"kind": "Status", "reason": "X", "message": "dial tcp: timeout"}
    assert await read_log(tmp_path, web.json_response(said, status=status)) == unread


async def test_a_log_from_where_nothing_answers_is_no_trouble_for_the_rest(tmp_path: Path) -> None:
    where = Where(kubeconfig=str(kubeconfig(tmp_path, "http://127.0.0.1:1")))
    async with opened(where) as session:
        found = await session.log("p", {})
    assert isinstance(found, Unread)
    assert found.why == "failed"


async def test_what_belongs_to_it_is_read_as_far_as_it_may_be() -> None:
    around = await session(events=FORBIDDEN, rayservices=ABSENT).around("smollm2")
    assert around.seen.name == "smollm2"
    assert around.seen.events is None
    assert {kind.name: each.why for kind, each in around.unread.items()} == {
        "Event": "forbidden",
        "RayService": "absent",
    }
    assert around.observed.kuberay == "missing"


class Slow(Server):
    """The state of which it gave the first page is gone when the second is asked for."""

    async def request(self, method: str, path: str, *_: Any, **given: Any) -> Any:
        query = given.get("query") or {}
        if not path.endswith("/pods"):
            return await super().request(method, path, **given)
        if "continue" in query:
            raise Refused(410, "Expired", "the provided continue parameter is too old")
        names = ["a"] if "limit" in query else ["a", "b"]
        items = [{"metadata": {"name": name}} for name in names]
        return {"items": items, "metadata": {"continue": "more"} if "limit" in query else {}}


async def test_a_listing_whose_pages_have_expired_is_read_at_once() -> None:
    found = await Session(cast(Client, Slow({})), "demo").listed(POD, {"labelSelector": "x"})
    assert not isinstance(found, Unread)
    assert [each["metadata"]["name"] for each in found] == ["a", "b"]


async def test_a_credential_that_ends_meanwhile_ends_it() -> None:
    ended = Refused(401, "Unauthorized", "Unauthorized")
    with pytest.raises(Trouble, match="log in to it again"):
        await session(events=ended).around("smollm2")


STRANGER = r"^what answers at http://\S+ is not the Kubernetes API, but perhaps a proxy.*: log in"


@pytest.mark.parametrize("passed", [[], [f"GET {MD}"]], ids=["the object", "a list"])
@pytest.mark.parametrize("instead", ["<html>Log in</html>", "", "[]", '{"login": "here"}'])
async def test_a_proxy_that_grants_everything_itself_is_told(
    passed: list[str], instead: str, tmp_path: Path
) -> None:
    async with behind_a_proxy(tmp_path, *passed, instead=instead) as session:
        with pytest.raises(Trouble, match=STRANGER) as error:
            await session.look("smollm2")
    assert "\n" not in str(error.value)


async def test_a_write_that_only_a_proxy_granted_is_not_promised(tmp_path: Path) -> None:
    async with behind_a_proxy(tmp_path, "GET ", instead="<html>Log in</html>") as session:
        assert (await session.look("smollm2")).name == "smollm2"
        with pytest.raises(Trouble, match=STRANGER):
            await session.ask("smollm2", lambda seen: Asking("retry@7", "it is tried"))
