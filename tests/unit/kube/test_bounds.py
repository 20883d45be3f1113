"""What one tenant makes large costs nobody else: ownership is decided before anything is read."""

import asyncio
import base64
import json
import os
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from bastaix import session
from bastaix.api import names, sizes
from bastaix.kube.cluster import PAGE, Client, KubeCluster
from bastaix.observe.ownership import controller_ref
from bastaix.reconcile import budget, kinds, reading
from bastaix.reconcile import index as indexes
from bastaix.reconcile.cluster import Refused
from bastaix.reconcile.index import Index

OWNER = ("demo", "m")
CLUSTER = {"kind": "RayCluster", "name": "m-1-x", "uid": "c1", "controller": True}
MODEL = {"kind": names.KIND, "name": "m", "uid": "u0", "controller": True}
MANY = [{"name": f"e{number}", "value": "x"} for number in range(16_000)]
SMALL = [{"name": "e", "value": "x"}]


def metadata(name: str, *owners: Any, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": "demo",
        "uid": f"u-{name}",
        "resourceVersion": "7",
        "labels": {names.NAME_LABEL: "m"},
        "ownerReferences": list(owners),
        **more,
    }


def pod(name: str, *owners: Any, env: Any = SMALL, **more: Any) -> dict[str, Any]:
    containers = [{"name": "c", "env": env}]
    return {"metadata": metadata(name, *owners, **more), "spec": {"containers": containers}}


def text(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


class Server:
    """Has these objects, and answers as the client does: measured on their text."""

    def __init__(self, *bodies: dict[str, Any], limit: int = 10**9) -> None:
        self.paths = {body["metadata"]["name"]: text(body) for body in bodies}
        self.most_bytes = limit
        self.asked: list[str] = []
        self.limits: list[int] = []

    async def request(self, method: str, path: str, _: Any = None, **options: Any) -> Any:
        query = options.get("query") or {}
        if "limit" not in query:
            name = path.rpartition("/")[2]
            self.asked.append(name)
            if name not in self.paths:
                raise Refused(404, "NotFound", "it does not exist")
            return reading.read_answer(self.paths[name], options.get("limit", sizes.LARGE))
        self.limits.append(int(query["limit"]))
        begin, all_names = int(query.get("continue", 0)), list(self.paths)
        end = begin + self.limits[-1]
        data = b",".join(self.paths[name] for name in all_names[begin:end])
        if len(data) > min(options["most"], self.most_bytes):
            raise Refused(413, "TooLarge", "the answer has more")
        more = {"continue": str(end)} if end < len(all_names) else {}
        return reading.read_answer(b'{"items":[' + data + b'],"metadata":' + text(more) + b"}")


def cluster(server: Server, index: Index) -> KubeCluster:
    return KubeCluster(cast(Client, server), index, lambda kind, verb: None)


async def listing(*bodies: dict[str, Any]) -> AsyncIterator[bytes]:
    yield b'{"items":[' + b",".join(map(text, bodies)) + b"]}"


async def told(index: Index, kind: kinds.Kind, *bodies: dict[str, Any]) -> None:
    """As the watch's listing brings them."""
    page = await session.page(listing(*bodies), kind)
    for body in page["items"]:
        index.told(kind, body)


async def test_pods_of_others_that_bear_our_label_are_never_unpacked() -> None:
    index = Index()
    decoys = [pod(f"decoy{number}", env=MANY) for number in range(60)]
    decoys += [pod("of-a-job-of-theirs", {"kind": "ReplicaSet", "uid": "r", "controller": True})]
    for decoy in decoys:
        await told(index, kinds.POD, decoy)
    await told(index, kinds.POD, pod("ours", CLUSTER))
    server = Server()
    tracemalloc.start()
    try:
        found = await cluster(server, index).owned(kinds.POD, OWNER, {"c1"})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == 62
    assert [body["metadata"]["name"] for body in found if "spec" in body] == ["ours"]
    assert {body["kind"] for body in found} == {"Pod"}
    assert peak < 1_000_000
    assert server.asked == []


async def test_of_pods_that_name_our_raycluster_only_so_much_is_unpacked() -> None:
    """Whoever knows its uid may write it; those that are small, as ours are, come first."""
    index = Index()
    env = [{"name": f"e{number}", "value": "x"} for number in range(4_000)]
    forged = [pod(f"a{number}", CLUSTER, env=env) for number in range(30)]
    await told(index, kinds.POD, *forged, pod("ours", CLUSTER), pod("vast", CLUSTER, env=MANY))
    found = await cluster(Server(), index).owned(kinds.POD, OWNER, {"c1"})
    read = [body["metadata"]["name"] for body in found if not sizes.is_stub(body)]
    assert "ours" in read
    assert 1 < len(read) < 10
    assert len(found) == 32
    assert not any(controller_ref(body) != CLUSTER for body in found)


async def test_bodies_that_cannot_be_compressed_have_a_bound_in_each_namespace() -> None:
    index, number = Index(), 2 * indexes.MOST_PACKED // 200_000
    noise = [base64.b64encode(os.urandom(150_000)).decode() for _ in range(number)]
    for at, value in enumerate(noise):
        env = [{"name": "e", "value": value}]
        await told(
            index, kinds.POD, pod(f"decoy{at}", env=env), pod(f"forged{at}", CLUSTER, env=env)
        )
    assert 0 < index._bytes["demo"] <= indexes.MOST_PACKED
    entries = index._entries[kinds.POD].values()
    kept = sum(len(entry.packed or b"") for entry in entries)
    assert kept == index._bytes["demo"]
    assert index.doubtful() == 0
    for at in range(number):
        for name in (f"decoy{at}", f"forged{at}"):
            index.ended(kinds.POD, {"metadata": metadata(name)})
    assert index._bytes["demo"] == 0


async def test_what_the_index_has_no_room_for_is_read_when_it_is_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(indexes, "MOST_PACKED", 0)
    index, ours = Index(), pod("ours", CLUSTER)
    await told(index, kinds.POD, ours, pod("decoy"))
    server = Server(ours)
    found = await cluster(server, index).owned(kinds.POD, OWNER, {"c1"})
    assert [body.get("spec") for body in found] == [None, ours["spec"]]
    assert server.asked == ["ours"]


async def test_strangers_of_one_namespace_are_so_many_at_most() -> None:
    index = Index()
    for number in range(indexes.MOST_STRANGERS + 100):
        await told(index, kinds.POD, pod(f"decoy{number}"))
    await told(index, kinds.POD, pod("ours", CLUSTER))
    listed = [pod(f"other{number}")["metadata"] for number in range(10)]
    index.listed(kinds.POD, listed, frozenset({"elsewhere"}))
    assert len(index.owned(kinds.POD, OWNER)) == indexes.MOST_STRANGERS + 1
    index.ended(kinds.POD, pod("decoy0"))
    await told(index, kinds.POD, pod("decoy0"))
    assert index.knows(kinds.POD, ("demo", "decoy0"))


async def test_metadata_as_large_as_it_can_be_keeps_nobody_from_being_listed() -> None:
    labels = {f"k{number:05}": "x" * 50 for number in range(20_000)}
    large = [
        {"metadata": metadata(f"p{n:02}", labels={names.NAME_LABEL: "m", **labels})}
        for n in range(28)
    ]
    server, index = Server(*large), Index()
    await cluster(server, index).names(kinds.POD, frozenset())
    assert len(index.owned(kinds.POD, OWNER)) == 28
    assert server.limits[0] == PAGE
    assert min(server.limits) < 4
    brief = index.brief(kinds.POD, ("demo", "p00")) or {}
    assert brief["metadata"]["labels"] == {names.NAME_LABEL: "m"}


async def test_an_owner_reference_of_eight_megabytes_keeps_no_other_from_being_listed() -> None:
    """core/v1 bounds neither its kind nor its name, and Go writes `<` as six bytes."""
    huge = {"kind": "\x01" * 1_350_000, "name": "m", "uid": "u9"}
    server, index = Server(pod("p0"), pod("p1", huge), pod("p2")), Index()
    await cluster(server, index).names(kinds.POD, frozenset())
    assert [name for _, name in index.owned(kinds.POD, OWNER)] == ["p0", "p1", "p2"]
    brief = index.brief(kinds.POD, ("demo", "p1")) or {}
    assert "ownerReferences" not in brief["metadata"]


async def test_a_page_that_is_too_large_with_one_object_is_a_refusal() -> None:
    server = Server({"metadata": metadata("a")}, limit=10)
    with pytest.raises(Refused, match="413"):
        await cluster(server, Index()).names(kinds.POD, frozenset())
    assert server.limits == [50, 25, 12, 6, 3, 1]


async def test_a_service_of_ours_is_whole_whatever_others_have_annotated_it_with() -> None:
    spec = {"selector": {"a": "b"}, "ports": [{"port": 8000}]}
    notes = {"theirs": "," * 60_000, names.SINCE_ANNOTATION: "then"}
    body = {"metadata": metadata("m", MODEL, annotations=notes), "spec": spec}
    body["metadata"]["labels"].update({f"k{number}": "x" for number in range(30_000)})
    index = Index()
    await told(index, kinds.SERVICE, body)
    server = Server(body)
    for live in (False, True):
        found = await cluster(server, index).read(kinds.SERVICE, OWNER, live=live) or {}
        assert not sizes.is_stub(found)
        assert found["spec"] == spec
        assert found["metadata"]["annotations"] == {names.SINCE_ANNOTATION: "then"}


async def test_of_a_service_of_ours_that_is_too_large_there_is_its_selector() -> None:
    ports = [{"name": f"p{number}", "port": number} for number in range(10_000)]
    body = {
        "metadata": metadata("m", MODEL),
        "spec": {"ports": ports, "selector": {"a": "b"}},
        "status": {"loadBalancer": {}},
    }
    index = Index()
    await told(index, kinds.SERVICE, body)
    for live in (False, True):
        found = await cluster(Server(body), index).read(kinds.SERVICE, OWNER, live=live) or {}
        assert sizes.is_stub(found)
        assert found["spec"] == {"selector": {"a": "b"}}
        assert found["status"] == {"loadBalancer": {}}


async def test_a_modeldeployment_is_measured_without_what_others_repeat_of_it() -> None:
    args = {f"k{number}": number for number in range(25_000)}
    fields = {"f:spec": {"f:app": {f"f:k{number}": {} for number in range(25_000)}}}
    notes = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(args)}
    more = {"annotations": notes, "managedFields": [{"fieldsV1": fields}]}
    body = {"metadata": metadata("m", **more), "spec": {"app": {"args": args}}}
    index = Index()
    await told(index, kinds.MODELDEPLOYMENT, body)
    found = await cluster(Server(body), index).read(kinds.MODELDEPLOYMENT, OWNER) or {}
    assert found["spec"] == body["spec"]
    kept = {"metadata": metadata("m-1", MODEL, **more), "data": {"template": args}}
    await told(index, kinds.CONTROLLERREVISION, kept)
    model = cluster(Server(kept), index)
    (found,) = await model.owned(kinds.CONTROLLERREVISION, OWNER, {"u0"})
    assert found["data"] == {"template": args}


async def test_only_so_many_objects_that_the_index_has_no_room_for_are_read_for_a_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(indexes, "MOST_PACKED", 0)
    index, pods = Index(), [pod(f"p{number}", CLUSTER) for number in range(120)]
    await told(index, kinds.POD, *pods)
    server = Server(*pods)
    found = await cluster(server, index).owned(kinds.POD, OWNER, {"c1"})
    assert len(server.asked) == 50
    assert sum(sizes.is_stub(body) for body in found) == 70


async def test_the_revisions_that_are_needed_are_read_whatever_others_weigh(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(indexes, "MOST_PACKED", 0)
    labels = {names.NAME_LABEL: "m", names.REVISION_LABEL: "aaaaaaaa"}
    data = {"template": {"env": MANY}}
    needed = {"metadata": metadata("m-aaaaaaaa", MODEL, labels=labels), "data": data}
    others = [{"metadata": metadata(f"m-{n}", MODEL), "data": {"a": n}} for n in range(60)]
    index = Index()
    for body in (needed, *others):
        await told(index, kinds.CONTROLLERREVISION, body)
    found = await cluster(Server(needed, *others), index).owned(
        kinds.CONTROLLERREVISION, OWNER, {"u0"}, {"aaaaaaaa"}
    )
    whole = [body["metadata"]["name"] for body in found if not sizes.is_stub(body)]
    assert "m-aaaaaaaa" in whole
    assert len(whole) == 51


async def test_a_look_is_large_where_all_of_one_weighs_much_or_it_is_too_large_itself() -> None:
    index = Index()
    await told(index, kinds.MODELDEPLOYMENT, {"metadata": metadata("m"), "spec": {}})
    assert not index.is_large(OWNER)
    env = [{"name": f"e{number}", "value": "x"} for number in range(4_000)]
    heavy = [pod(f"p{number}", CLUSTER, env=env) for number in range(4)]
    await told(index, kinds.POD, *heavy)
    assert index.is_large(OWNER)
    index.ended(kinds.POD, heavy[0])
    assert not index.is_large(OWNER)
    many = {"metadata": metadata("m", resourceVersion="8"), "spec": {"a": [{}] * 60_000}}
    await told(index, kinds.MODELDEPLOYMENT, many)
    assert index.is_large(OWNER)
    index.forget(kinds.POD)
    index.forget(kinds.MODELDEPLOYMENT)
    assert not index._burdens


async def test_what_is_large_is_not_held_by_the_watch_and_read_once_when_it_is_needed() -> None:
    index, body = Index(), pod("m", MODEL, env=[{"name": "e", "value": "x" * 300_000}])
    page = await session.page(listing(body), kinds.RAYSERVICE)
    assert len(text(page)) < 1000
    assert index.told(kinds.RAYSERVICE, page["items"][0])
    assert index.weight(kinds.RAYSERVICE, OWNER) > 300_000
    server = Server(body)
    model = cluster(server, index)
    for _ in range(2):
        found = await model.read(kinds.RAYSERVICE, OWNER) or {}
        assert found["spec"] == body["spec"]
    assert server.asked == ["m"]
    assert not index.told(kinds.RAYSERVICE, page["items"][0]), "it is no news"
    assert index.body(kinds.RAYSERVICE, OWNER)


async def test_large_bodies_are_read_one_after_another() -> None:
    class Slow(Server):
        at_once = 0
        most = 0

        async def request(self, method: str, path: str, _: Any = None, **options: Any) -> Any:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            await asyncio.sleep(0)
            self.at_once -= 1
            return await super().request(method, path, _, **options)

    env = [{"name": "e", "value": "x" * 300_000}]
    index, bodies = Index(), [pod(f"m{number}", MODEL, env=env) for number in range(9)]
    for body in bodies:
        await told(index, kinds.RAYSERVICE, body)
    server = Slow(*bodies)
    model = cluster(server, index)
    named = [("demo", body["metadata"]["name"]) for body in bodies]
    await asyncio.gather(*(model.read(kinds.RAYSERVICE, name) for name in named))
    assert server.most == 1


async def test_of_wide_strings_no_more_is_unpacked_than_has_room() -> None:
    """33 Pods have 7.7 MB as text, and 31 MB once an emoji makes four bytes of each character."""
    index = Index()
    env = [{"name": "A", "value": "a" * 235_000 + "\U0001f600"}]
    wide = [pod(f"p{number:02}", CLUSTER, env=env) for number in range(33)]
    await told(index, kinds.POD, *wide)
    assert index.is_large(OWNER)
    tracemalloc.start()
    try:
        found = await cluster(Server(*wide), index).owned(kinds.POD, OWNER, {"c1"})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(not sizes.is_stub(body) for body in found) == 8
    assert peak < 3 * budget.MOST_UNPACKED, "the cache and one text beside it"


async def test_of_many_small_jobs_only_so_many_are_unpacked() -> None:
    index = Index()
    jobs = [{"metadata": metadata(f"j{number:03}", MODEL), "spec": {}} for number in range(700)]
    await told(index, kinds.JOB, *jobs)
    found = await cluster(Server(), index).owned(kinds.JOB, OWNER, {"u0"})
    assert len(found) == 700
    assert sum(not sizes.is_stub(body) for body in found) == budget.MOST_OBJECTS
