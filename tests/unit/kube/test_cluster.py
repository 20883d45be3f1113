"""What the API server is asked, and what of its answers is believed."""

import asyncio
from collections import Counter
from typing import Any, cast

import pytest

from bastaix.kube import older_crd
from bastaix.kube.cluster import Client, KubeCluster
from bastaix.reconcile import index as indexes
from bastaix.reconcile.cluster import Refused
from bastaix.reconcile.index import Index
from bastaix.reconcile.kinds import CONTROLLERREVISION, MODELDEPLOYMENT, RAYSERVICE

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
        self.refusals: list[Refused] = []
        """Of the next requests."""
        self.fault: Refused | None = None
        """Of all requests."""
        self.requests: list[tuple[str, dict[str, str]]] = []

    async def request(self, method: str, path: str, *_: Any, **options: Any) -> Any:
        self.requests.append((method, options.get("query") or {}))
        if self.fault is not None:
            raise self.fault
        if self.refusals:
            raise self.refusals.pop(0)
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


async def test_what_a_conflict_keeps_from_being_deleted_is_deleted_another_time() -> None:
    conflict = Refused(409, "Conflict", "the object has been modified")
    with pytest.raises(Refused, match="409"):
        await cluster(Server(conflict), Index(), []).delete(RAYSERVICE, LIVE)
    other = {"metadata": {**LIVE["metadata"], "uid": "u0"}}
    await cluster(Server(conflict), Index(), []).delete(RAYSERVICE, other)  # it is gone


@pytest.mark.parametrize("rehearsal", [True, False])
async def test_a_rehearsal_is_dry_and_neither_counted_nor_believed(rehearsal: bool) -> None:
    server, index, counted = Server(), Index(), list[str]()
    await cluster(server, index, counted).apply(RAYSERVICE, MANIFEST, rehearsal=rehearsal)
    ((_, query),) = server.requests
    assert query.get("dryRun") == ("All" if rehearsal else None)
    assert query["fieldValidation"] == "Strict"
    assert index.knows(RAYSERVICE, NAME) is not rehearsal
    assert counted == ([] if rehearsal else ["apply"])


class Late(Server):
    """Answers that an object is absent; before it does, the watch brings it."""

    def __init__(self, index: Index) -> None:
        super().__init__()
        self._index = index

    async def request(self, method: str, path: str, *_: Any, **options: Any) -> Any:
        again = {**LIVE["metadata"], "uid": "u2", "resourceVersion": "9"}
        self._index.told(RAYSERVICE, {"metadata": again})
        raise Refused(404, "NotFound", "it does not exist")


async def test_an_object_made_again_while_it_is_read_is_what_is_read() -> None:
    index = Index()
    index.told(RAYSERVICE, LIVE)
    index.doubt(RAYSERVICE, NAME)
    body = await cluster(Late(index), index, []).read(RAYSERVICE, NAME)
    assert body is not None
    assert body["metadata"]["uid"] == "u2"


async def test_the_404_of_a_proxy_says_nothing_of_an_object() -> None:
    index = Index()
    index.told(RAYSERVICE, LIVE)
    index.doubt(RAYSERVICE, NAME)
    server = Server()
    server.fault = Refused(404, "", "default backend")
    with pytest.raises(Refused):
        await cluster(server, index, []).read(RAYSERVICE, NAME)
    assert index.knows(RAYSERVICE, NAME)


class OldServer(Server):
    """Has a CRD that lacks fields of the status, as server-side apply says of them."""

    def __init__(self, *lacking: str) -> None:
        super().__init__()
        self.lacking = lacking
        self.statuses: list[dict[str, Any]] = []

    async def request(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        self.statuses.append(body["status"])
        found = [path for path in self.lacking if _has(body["status"], path)]
        if found:
            lines = "".join(f"\n  .status.{path}: field not declared in schema" for path in found)
            raise Refused(500, "", f"failed to create typed patch object (x): errors:{lines}")
        return LIVE


def _has(status: dict[str, Any], path: str) -> bool:
    value: Any = status
    for name in path.split("."):
        value = value[0] if isinstance(value, list) else value
        if name not in value:
            return False
        value = value[name]
    return True


STATUS = {"rollout": {"a": 1}, "active": {"image": "x", "revision": "1"}, "history": [{"why": 1}]}


async def test_a_status_that_is_newer_than_the_crd_goes_on_without_what_that_lacks() -> None:
    server = OldServer("rollout", "active.image", "history.why")
    of = cluster(server, Index(), [])
    omitted = await of.apply_status(MODELDEPLOYMENT, {**MANIFEST, "status": STATUS})
    assert omitted == {"rollout", "active.image", "history.why"}
    assert server.statuses[-1] == {"active": {"revision": "1"}, "history": [{}]}
    assert STATUS["rollout"] == {"a": 1}
    assert any("status.rollout" in note for note in of.notes())


async def test_what_a_crd_lacks_is_asked_of_it_once_and_tried_again_after_a_while() -> None:
    server, seconds = OldServer("rollout"), [1000.0]
    of = cluster(server, Index(), [])
    of._status_fields = older_crd.StatusFields(lambda: seconds[0])
    for _ in range(2):
        await of.apply_status(MODELDEPLOYMENT, {**MANIFEST, "status": STATUS})
    assert len(server.statuses) == 3
    server.lacking = ()  # the CRD is updated
    seconds[0] += older_crd.AGAIN_SECONDS + 1
    assert not await of.apply_status(MODELDEPLOYMENT, {**MANIFEST, "status": STATUS})
    assert server.statuses[-1] == STATUS
    assert not of.notes()


async def test_a_value_of_a_status_that_is_invalid_is_left_out_this_time() -> None:
    server = Server()
    invalid = Refused(422, "Invalid", "status.active.image", ["status.active.image"])
    server.refusals = [invalid, Refused(422, "Invalid", "required", ["status.active.image"])]
    of = cluster(server, Index(), [])
    omitted = await of.apply_status(MODELDEPLOYMENT, {**MANIFEST, "status": STATUS})
    assert omitted == {"active.image", "active"}
    assert not of.notes()


LIVING: dict[str, Any] = {
    **LIVE,
    "status": {
        "rollout": {"revisions": [{"revision": "1", "outcome": "Failed"}]},
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "Theirs", "status": "True"}],
    },
}


@pytest.mark.parametrize("most", [indexes.MOST_PACKED, 0], ids=["kept", "too large to be kept"])
@pytest.mark.parametrize("path", ["rollout.revisions[0].reason", "conditions[0].reason"])
async def test_memory_and_conditions_stay_as_they_stood_rather_than_lose_a_part(
    path: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A field that is left out of all revisions would erase what the others have failed by."""
    monkeypatch.setattr(indexes, "MOST_PACKED", most)
    server, index = Server(), Index()
    index.told(MODELDEPLOYMENT, LIVING)
    server.refusals = [Refused(422, "Invalid", f"status.{path}", [f"status.{path}"])]
    sent: list[dict[str, Any]] = []
    request = server.request

    async def noted(method: str, path: str, body: Any = None, **options: Any) -> Any:
        if method == "GET":
            return LIVING
        sent.append(body["status"])
        return await request(method, path, body, **options)

    server.request = noted  # type: ignore[method-assign]
    wanted = {
        "rollout": {"revisions": [{"revision": "1", "outcome": "Failed", "reason": "x"}]},
        "conditions": [{"type": "Ready", "status": "False", "reason": "?"}],
        "url": "http://x",
    }
    of = cluster(server, index, [])
    assert not await of.apply_status(MODELDEPLOYMENT, {**MANIFEST, "status": wanted})
    field = path.partition(".")[0].partition("[")[0]
    stood = {
        "rollout": LIVING["status"]["rollout"],
        "conditions": LIVING["status"]["conditions"][:1],
    }
    assert sent[-1] == {**wanted, field: stood[field]}


async def test_a_refusal_that_names_no_field_of_the_status_is_raised() -> None:
    server = Server(Refused(422, "Invalid", "metadata.uid: must match", ["metadata.uid"]))
    with pytest.raises(Refused):
        await cluster(server, Index(), []).apply_status(
            MODELDEPLOYMENT, {**MANIFEST, "status": STATUS}
        )


class Events(Server):
    """Gives Events by name, in pages, as long as a page is not larger than what is taken."""

    def __init__(self, sizes: list[int], message: str = "") -> None:
        super().__init__()
        self.sizes = sizes
        """Of each in bytes; the last is the newest."""
        self.message = message
        self.read = Counter[tuple[str, bool]]()
        """What is being read: the path, and whether it is large."""
        self.most_large = 0
        self.most_of_one = 0

    async def request(self, method: str, path: str, *_: Any, **options: Any) -> Any:
        query = options["query"]
        self.requests.append((method, dict(query)))
        first, limit = int(query.get("continue") or 0), int(query["limit"])
        numbers = range(first, min(first + limit, len(self.sizes)))
        is_large = limit == 1
        self.read[path, is_large] += 1
        self.most_large = max(
            self.most_large, sum(n for (_, large), n in self.read.items() if large)
        )
        self.most_of_one = max(self.most_of_one, self.read[path, True] + self.read[path, False])
        await asyncio.sleep(0)
        self.read[path, is_large] -= 1
        if sum(self.sizes[number] for number in numbers) > options["most"]:
            raise Refused(413, "TooLarge", "the answer is too large")
        said = {"message": self.message, "metadata": {"name": "e"}} if self.message else {}
        items = [
            {"reason": f"r{number}", "lastTimestamp": f"2026-01-01T00:{number:02}:00Z", **said}
            for number in numbers
        ]
        more = str(numbers.stop) if numbers.stop < len(self.sizes) else ""
        return {"items": items, "metadata": {"continue": more} if more else {}}


@pytest.mark.parametrize(
    "sizes",
    [
        [1000] * 3,
        [1000] * 45,
        [10_000, 300_000, 10_000],
        [1_000_000, 1_500_000, 1000],
        [1000] * 20 + [30_000] * 12 + [1000],
    ],
    ids=["few", "pages", "large", "huge", "large-page"],
)
async def test_the_newest_events_are_found_however_many_and_large_the_others_are(
    sizes: list[int],
) -> None:
    server = Events(sizes)
    metadata = {"namespace": "demo", "name": "p", "uid": "u"}
    found = await cluster(server, Index(), []).events({"metadata": metadata})
    assert len(found) <= 20
    newest = max(found, key=lambda event: str(event["lastTimestamp"]))
    assert newest["reason"] == f"r{len(sizes) - 1}"
    assert {query["fieldSelector"] for _, query in server.requests} == {"involvedObject.uid=u"}


async def test_of_an_event_only_so_much_is_held_as_is_looked_at() -> None:
    server = Events([1000] * 3, message="x" * 100_000)
    metadata = {"namespace": "demo", "name": "p", "uid": "u"}
    found = await cluster(server, Index(), []).events({"metadata": metadata})
    assert [len(event["message"]) for event in found] == [1024] * 3
    assert all(event.keys() == {"reason", "message", "lastTimestamp"} for event in found)


async def test_large_events_of_all_are_read_two_at_a_time_and_one_of_a_namespace() -> None:
    server = Events([1_000_000] * 4)
    model = cluster(server, Index(), [])
    pods = [
        {"metadata": {"namespace": namespace, "name": f"p{number}", "uid": "u"}}
        for namespace in ("demo", "other", "third")
        for number in range(5)
    ]
    found = await asyncio.gather(*map(model.events, pods))
    assert [len(events) for events in found] == [4] * len(pods)
    assert server.most_large == 2
    assert server.most_of_one == 1


async def test_no_more_events_are_read_than_a_bounded_number_of_requests_brings() -> None:
    server = Events([1000] * 10_000)
    metadata = {"namespace": "demo", "name": "p", "uid": "u"}
    await cluster(server, Index(), []).events({"metadata": metadata})
    assert len(server.requests) == 16
