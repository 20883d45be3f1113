"""How Secrets are asked for: by metadata where that is enough, and nothing in an exception."""

from typing import Any, cast

import pytest

from bastaix.kube.cluster import Client
from bastaix.kube.secrets import KubeSecrets
from bastaix.reconcile.cluster import Refused

NAME = ("demo", "git-token")
MANIFEST: dict[str, Any] = {"metadata": {"namespace": "demo", "name": "smollm2-src-0"}}


class Server:
    """Answers everything with the same, and remembers what it was asked."""

    def __init__(self, answer: dict[str, Any] | Refused) -> None:
        self._answer = answer
        self.requests: list[tuple[str, str, Any, dict[str, Any]]] = []

    async def request(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        self.requests.append((method, path, body, dict(options)))
        if isinstance(self._answer, Refused):
            raise self._answer
        return self._answer


def secrets(server: Server, counted: list[tuple[str, str]] | None = None) -> KubeSecrets:
    count = [] if counted is None else counted
    return KubeSecrets(cast(Client, server), lambda kind, verb: count.append((kind, verb)))


ABSENT = Refused(404, "NotFound", "no such thing")


async def test_a_look_at_a_secret_brings_no_contents() -> None:
    server = Server({"metadata": {"resourceVersion": "7"}})
    assert await secrets(server).metadata(NAME) == {"resourceVersion": "7"}
    ((_, path, _, options),) = server.requests
    assert path == "/api/v1/namespaces/demo/secrets/git-token"
    assert "as=PartialObjectMetadata;" in options["accept"]


async def test_contents_come_decoded() -> None:
    server = Server({"metadata": {}, "data": {"token": "Y2FuYXJ5"}})
    assert await secrets(server).data(NAME) == {"token": b"canary"}
    assert await secrets(Server({"metadata": {}})).data(NAME) == {}


async def test_what_is_not_there_is_none() -> None:
    assert await secrets(Server(ABSENT)).data(NAME) is None
    assert await secrets(Server(ABSENT)).metadata(NAME) is None


async def test_what_is_forbidden_is_told() -> None:
    with pytest.raises(Refused, match="403"):
        await secrets(Server(Refused(403, "Forbidden", "no"))).metadata(NAME)


async def test_artifacts_and_revisions_are_listed_by_label_and_without_contents() -> None:
    labels = {"serving.bastaix.dev/artifact": "0123abcd"}
    server = Server({"metadata": {}, "items": [{"metadata": {"labels": labels}}]})
    assert await secrets(server).artifacts(("demo", "smollm2")) == [{"labels": labels}]
    assert await secrets(server).in_use(("demo", "smollm2")) == {"0123abcd"}
    for (_, path, _, options), plural in zip(
        server.requests, ("secrets", "controllerrevisions"), strict=True
    ):
        assert path.endswith(f"/namespaces/demo/{plural}")
        selector = "serving.bastaix.dev/name=smollm2,serving.bastaix.dev/artifact"
        assert options["query"]["labelSelector"] == selector
        assert "as=PartialObjectMetadataList;" in options["accept"]


async def test_what_exists_already_is_not_created_and_that_is_no_error() -> None:
    counted: list[tuple[str, str]] = []
    exists = Server(Refused(409, "AlreadyExists", "it exists"))
    assert await secrets(exists, counted).create(MANIFEST) is None
    made = Server({"metadata": {"uid": "u1"}})
    assert await secrets(made, counted).create(MANIFEST) == "u1"
    assert counted == [("Secret", "create")] * 2


async def test_another_conflict_is_one() -> None:
    with pytest.raises(Refused, match="409"):
        await secrets(Server(Refused(409, "Conflict", "later"))).create(MANIFEST)


async def test_only_this_very_secret_is_deleted_and_one_that_is_gone_is_no_error() -> None:
    server = Server(ABSENT)
    await secrets(server).delete({**MANIFEST["metadata"], "uid": "u1"})
    ((method, _, body, _),) = server.requests
    assert (method, body) == ("DELETE", {"preconditions": {"uid": "u1"}})
