"""Whatever text stands for a name, a request's path leads to the object of that name."""

from urllib.parse import unquote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import example, given
from hypothesis import strategies as st
from kubernetes.aio.client import Configuration

from bastaix.kube.cluster import Client
from bastaix.kube.secrets import SECRET
from bastaix.reconcile.kinds import MODELDEPLOYMENT

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def segments(path: str) -> list[str]:
    return [unquote(segment) for segment in path.split("/")[1:]]


@given(NAMES, NAMES, NAMES)
@example("team-a", "../../team-b/secrets/git-token", "status")
@example("team-a", "a%2f..%2fb", "status")
def test_a_path_has_the_segments_that_were_given(
    namespace: str, name: str, subresource: str
) -> None:
    given = ["api", "v1", "namespaces", namespace, "secrets", name, subresource]
    if {namespace, name, subresource} & {"", ".", ".."}:
        with pytest.raises(ValueError, match="cannot be the name of an object"):
            SECRET.path(namespace, name, subresource)
    else:
        assert segments(SECRET.path(namespace, name, subresource)) == given


def test_an_absent_name_is_the_collection_and_an_empty_one_an_error() -> None:
    assert MODELDEPLOYMENT.path(None) == "/apis/serving.bastaix.dev/v1alpha1/modeldeployments"
    assert SECRET.path("team-a") == "/api/v1/namespaces/team-a/secrets"
    with pytest.raises(ValueError, match="cannot be the name"):
        SECRET.path("team-a", "")
    with pytest.raises(ValueError, match="cannot be the name"):
        SECRET.path("", "a")


async def test_the_api_server_is_asked_for_the_path_that_was_meant() -> None:
    seen: list[str] = []

    async def note(request: web.Request) -> web.Response:
        seen.append(request.raw_path)
        return web.json_response({})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", note)
    async with TestServer(app) as server:
        client = Client(Configuration(host=str(server.make_url("")).rstrip("/")), "test")
        try:
            for name in ("git-token", "a:b", "../../team-b/secrets/git-token", "a%2e%2e", "%2e%2e"):
                await client.request("GET", SECRET.path("team-a", name))
                assert segments(seen[-1]) == segments(SECRET.path("team-a", name))
        finally:
            await client.close()


@pytest.mark.parametrize("path", ["/api/v1/namespaces/a/secrets/../x", "/api/v1/a/%2e%2e/b"])
async def test_a_path_that_would_be_resolved_on_its_way_is_never_sent(path: str) -> None:
    client = Client(Configuration(host="http://127.0.0.1:9"), "test")
    try:
        with pytest.raises(ValueError, match="must not be changed"):
            await client.request("GET", path)
    finally:
        await client.close()
