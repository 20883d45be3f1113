"""What the API server's refusals become for whoever asked: one line that says what to do."""

from typing import Any, cast

import pytest

from bastaix.kube.cluster import Client
from bastaix.plugin.screen import screen
from bastaix.plugin.session import Session, Trouble
from bastaix.reconcile.cluster import Refused
from tests.unit.plugin.examples import ACTIVE, NOW, READY, body

MD = "/apis/serving.bastaix.dev/v1alpha1/namespaces/demo/modeldeployments"


class Server:
    """Refuses what it is told to, by path, and otherwise has one ModelDeployment and no more."""

    server = "https://cluster.example"

    def __init__(self, refusals: dict[str, Refused]) -> None:
        self._refusals = refusals

    async def request(self, method: str, path: str, *_: Any, **__: Any) -> Any:
        if path in self._refusals:
            raise self._refusals[path]
        if path == f"{MD}/smollm2":
            return body(conditions=READY, active=ACTIVE)
        return {"items": [], "metadata": {}}


def session(**refusals: Refused) -> Session:
    paths = {"list": MD, "get": f"{MD}/smollm2", "events": "/api/v1/namespaces/demo/events"}
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
    assert screen(seen, NOW)[-1] == "Events: you may not list events in this namespace"
