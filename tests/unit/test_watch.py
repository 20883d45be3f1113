"""What the watch brings goes to the index and wakes who it is about."""

from typing import Any

from bastaix.reconcile.index import Index, Name
from bastaix.reconcile.kinds import RAYSERVICE
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


async def test_an_end_wakes_its_owner_though_the_index_knew_it_already() -> None:
    index, woken = Index(), list[Name]()
    index.told(RAYSERVICE, BODY)
    name = ("demo", "smollm2-1")
    index.absent(RAYSERVICE, name, index.known(RAYSERVICE, name))  # a read has found that out
    await _handler(RAYSERVICE, index, woken.append)(event={"type": "DELETED", "object": BODY})
    assert woken == [OWNER]


async def test_what_is_known_already_wakes_nobody() -> None:
    index, woken = Index(), list[Name]()
    index.told(RAYSERVICE, BODY)
    await _handler(RAYSERVICE, index, woken.append)(event={"type": "MODIFIED", "object": BODY})
    assert woken == []
