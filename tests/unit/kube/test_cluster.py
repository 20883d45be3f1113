"""What the API server is asked, and what of its answers is believed."""

from typing import Any, cast

import pytest

from bastaix.kube.cluster import Client, KubeCluster
from bastaix.reconcile.cluster import Refused
from bastaix.reconcile.index import Index
from bastaix.reconcile.kinds import CONTROLLERREVISION, RAYSERVICE

NAME = ("demo", "smollm2-1")
LABELS = {"serving.bastaix.dev/name": "smollm2"}
MANIFEST: dict[str, Any] = {"metadata": {"namespace": "demo", "name": "smollm2-1"}}
LIVE: dict[str, Any] = {
    "metadata": {**MANIFEST["metadata"], "uid": "u1", "resourceVersion": "7", "labels": LABELS}
}


class Server:
    """Answers a write with a refusal if it has one, and anything else with an object."""

    def __init__(self, refusal: Refused | None = None) -> None:
        self.refusal = refusal
        self.requests: list[tuple[str, dict[str, str]]] = []

    async def request(self, method: str, path: str, *_: Any, **options: Any) -> Any:
        self.requests.append((method, options.get("query") or {}))
        if method != "GET" and self.refusal is not None:
            raise self.refusal
        return LIVE


def cluster(server: Server, index: Index, counted: list[str]) -> KubeCluster:
    return KubeCluster(cast(Client, server), index, lambda kind, verb: counted.append(verb))


async def test_what_exists_already_is_read_when_it_cannot_be_created() -> None:
    server = Server(Refused(409, "AlreadyExists", "it exists"))
    assert await cluster(server, Index(), []).create(CONTROLLERREVISION, MANIFEST) == LIVE


async def test_what_may_not_be_created_is_not_looked_for() -> None:
    server = Server(Refused(403, "Forbidden", "no"))
    with pytest.raises(Refused, match="403"):
        await cluster(server, Index(), []).create(CONTROLLERREVISION, MANIFEST)
    assert [method for method, _ in server.requests] == ["POST"]


@pytest.mark.parametrize("rehearsal", [True, False])
async def test_a_rehearsal_is_dry_and_neither_counted_nor_believed(rehearsal: bool) -> None:
    server, index, counted = Server(), Index(), list[str]()
    await cluster(server, index, counted).apply(RAYSERVICE, MANIFEST, rehearsal=rehearsal)
    ((_, query),) = server.requests
    assert query.get("dryRun") == ("All" if rehearsal else None)
    assert query["fieldValidation"] == "Strict"
    assert index.knows(RAYSERVICE, NAME) is not rehearsal
    assert counted == ([] if rehearsal else ["apply"])
