"""What the watch brings goes to the index and wakes who it is about."""

from collections.abc import Mapping
from typing import Any

import pytest

from bastaix.api.sizes import PACKED
from bastaix.reconcile.index import Index, Name
from bastaix.reconcile.kinds import POD, RAYSERVICE, Kind
from bastaix.watch import _handler

OWNER = ("demo", "smollm2")
BODY: dict[str, Any] = {
    "metadata": {
        "namespace": "demo",
        "name": "smollm2-1",
        "uid": "u1",
        "resourceVersion": "2",
        "labels": {"serving.bastaix.dev/name": "smollm2"},
    }
}


def note_nothing(kind: Kind, body: Mapping[str, Any]) -> None:
    pass


async def test_an_end_wakes_its_owner_though_the_index_knew_it_already() -> None:
    index, woken = Index(), list[Name]()
    index.told(RAYSERVICE, BODY)
    name = ("demo", "smollm2-1")
    index.absent(RAYSERVICE, name, index.known(RAYSERVICE, name))  # a read has found that out
    handler = _handler(RAYSERVICE, index, woken.append, note_nothing)
    await handler(event={"type": "DELETED", "object": BODY})
    assert woken == [OWNER]


async def test_what_is_known_already_wakes_nobody() -> None:
    index, woken = Index(), list[Name]()
    index.told(RAYSERVICE, BODY)
    handler = _handler(RAYSERVICE, index, woken.append, note_nothing)
    await handler(event={"type": "MODIFIED", "object": BODY})
    assert woken == []


async def test_each_pod_is_noted_before_anybody_is_woken_by_it() -> None:
    index, order = Index(), list[str]()
    handler = _handler(
        POD,
        index,
        lambda name: order.append("woken"),
        lambda kind, body: order.append(f"noted {kind} {body['metadata']['name']}"),
    )
    for type in ("ADDED", "MODIFIED", "DELETED"):
        await handler(event={"type": type, "object": BODY})
    noted = "noted Pod smollm2-1"
    assert order == [noted, "woken", noted, noted, "woken"]


@pytest.mark.parametrize("carried", [None, ""], ids=["not ours", "too large"])
async def test_a_pod_that_is_not_ours_is_not_unpacked_to_be_noted(carried: str | None) -> None:
    noted: list[Kind] = []
    handler = _handler(POD, Index(), lambda name: None, lambda kind, body: noted.append(kind))
    await handler(event={"type": "ADDED", "object": {**BODY, PACKED: carried}})
    assert noted == []
