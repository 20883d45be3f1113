"""What is taken for its own: what a ModelDeployment controls, not what only bears its label."""

import copy
from typing import Any

import pytest

from bastaix.plugin.around import Around, Unread, belonging, concerning
from bastaix.plugin.packing import logs
from bastaix.plugin.why import why
from bastaix.reconcile.kinds import JOB, POD, RAYCLUSTER, RAYSERVICE, Kind
from tests.unit.plugin.examples import BAD, GOOD, NOW, READY_SEEN, UID, body, seen, service
from tests.unit.plugin.surroundings import broken, own, running
from tests.unit.plugin.test_why import event

SILENT = seen(body(conditions=[], observed=0))
FORBIDDEN = {
    kind: Unread("forbidden", f"you may not read {kind.plural} here")
    for kind in (RAYSERVICE, RAYCLUSTER)
}
Objects = dict[Kind, list[Any]]


def sorted_out(
    objects: Objects, *, unread: dict[Kind, Unread] | None = None, **given: Any
) -> Around:
    labelled = {
        kind: tuple(bodies) for kind, bodies in objects.items() if kind not in (unread or {})
    }
    return belonging(given.get("seen", READY_SEEN), labelled, given.get("service"), unread or {})


def text(around: Around) -> str:
    return "\n".join(why(around, NOW, 160))


def stranger(name: str, owner: dict[str, Any] | None = None) -> dict[str, Any]:
    """A Pod of somebody else with the labels of the revision that serves, and in trouble."""
    found = copy.deepcopy(broken(GOOD)[POD][1])
    found["metadata"] |= {"name": name, "uid": name, "ownerReferences": []}
    if owner is not None:
        own(found, owner)
    return found


def copied() -> dict[str, Any]:
    """As somebody makes it from the RayService that serves, owner and all, to try something."""
    (found,) = copy.deepcopy(broken(GOOD)[RAYSERVICE])
    found["metadata"] |= {"name": "aaa-debug", "uid": "uid-of-copy"}
    return found


STRANGE_OWNER = {"kind": "RayCluster", "name": "aaa-debug-x", "uid": "uid-of-another"}


def test_what_only_bears_its_label_is_named_and_is_no_cause() -> None:
    objects = running(GOOD)
    objects[RAYSERVICE].insert(0, copied())
    objects[POD] += [stranger("mallory"), stranger("other", STRANGE_OWNER | {"kind": "Job"})]
    theirs = service({})
    theirs["metadata"]["ownerReferences"] = []
    around = sorted_out(objects, service=theirs)
    assert around.service is None
    told = text(around)
    start = told.index("Ignored: ")
    assert told[start:].split("\n\n")[0].splitlines()[1:] == [
        "  RayService aaa-debug",
        "  Pod mallory",
        "  Pod other",
        "  Service smollm2",
    ]
    assert "mallory" not in told[:start]
    assert "aaa-debug" not in told[:start]
    assert "✗" not in told
    assert "Also found" not in told
    clean = sorted_out(running(GOOD))
    assert around.observed == clean.observed
    assert told[:start].rstrip() == text(clean)


def test_without_a_word_of_the_operator_a_stranger_decides_nothing() -> None:
    objects = broken(BAD)
    objects[POD] = [stranger("mallory")]
    objects[RAYSERVICE], objects[RAYCLUSTER] = [copied()], []
    around = sorted_out(objects, seen=SILENT)
    assert text(around).splitlines()[0].endswith(": StartingRay")


def test_many_strangers_do_not_fill_the_screen() -> None:
    objects = running(GOOD)
    objects[POD] += [stranger(f"mallory-{number}") for number in range(40)]
    told = text(sorted_out(objects))
    assert told.count("mallory-") == 5
    assert told.endswith("\n  and 35 more")


def test_a_strangers_log_and_events_are_left_out() -> None:
    objects = running(GOOD)
    name = f"smollm2-{GOOD}-mallory"
    objects[POD].append(
        stranger(name) | {"spec": {"nodeName": "n1", "containers": [{"name": "c"}]}}
    )
    around = sorted_out(objects)
    assert name not in {log.pod for log in logs(around)}
    assert concerning(around, [event("Pod", name, "")]) == []


def test_what_is_left_over_is_shown_and_is_no_cause_of_what_comes() -> None:
    objects = broken(GOOD)
    objects[RAYSERVICE] = []
    around = sorted_out(objects)
    assert f"Pod smollm2-{GOOD}-worker" in text(around)
    assert "Ignored" not in text(around)
    assert (around.observed.pods, around.observed.rayclusters) == ((), ())
    assert len(around.observed.leftovers) == 3


def test_where_owners_may_not_be_read_their_word_is_taken() -> None:
    around = sorted_out(broken(BAD), unread=FORBIDDEN, seen=SILENT)
    assert len(around.observed.pods) == 2
    assert f"✗ Pod smollm2-{BAD}-worker" in text(around)


@pytest.mark.parametrize("owner", [UID, "another"])
def test_a_job_is_its_own_by_its_controller(owner: str) -> None:
    labels = {"serving.bastaix.dev/evaluation": BAD}
    job = {"metadata": {"name": f"smollm2-{BAD}-eval", "labels": labels}}
    own(job, {"kind": "ModelDeployment", "name": "smollm2", "uid": owner})
    around = sorted_out({JOB: [job]})
    assert bool(around.of(JOB)) == (owner == UID)
    assert bool(around.strangers) == (owner != UID)
