"""What of one ModelDeployment is unpacked for a look, and that what is needed always is."""

import asyncio
from typing import Any

from bastaix.api import names
from bastaix.reconcile.budget import (
    MOST_OBJECTS,
    MOST_PODS,
    affordable,
    most_objects,
    needed,
)
from bastaix.reconcile.kinds import CONTROLLERREVISION, POD, RAYSERVICE
from tests.unit.reconcile.rollouts import there, with_candidate
from tests.unit.reconcile.stage import NAME

OWNER = ("demo", "m")
A, B = "aaaaaaaa", "bbbbbbbb"


def brief(name: str, revision: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {names.REVISION_LABEL: revision}}}


def weights(**given: int) -> dict[tuple[str, str], int]:
    return {("demo", name): weight for name, weight in given.items()}


def test_the_lightest_come_first_up_to_the_bound() -> None:
    found = affordable(weights(a=5, b=1, c=3, d=9), most=9)
    assert {name for _, name in found} == {"a", "b", "c"}


def test_what_is_needed_is_unpacked_whatever_it_weighs_and_counts() -> None:
    found = affordable(weights(a=50, b=1, c=3), [("demo", "a")], most=51)
    assert {name for _, name in found} == {"a", "b"}
    assert affordable(weights(a=50, b=1), [("demo", "a")], most=9) == {("demo", "a")}


def test_of_what_is_not_in_the_index_only_so_many_are_read() -> None:
    found = affordable(weights(a=1, b=1, c=1, d=1), left_out=weights(a=1, b=1, c=1), most_read=2)
    assert {name for _, name in found} == {"a", "b", "d"}


def test_of_many_small_objects_only_so_many_are_unpacked_and_what_is_needed_is() -> None:
    """Whoever knows the uid of a ModelDeployment may name it in any number of Jobs."""
    many = weights(**{f"j{number:03}": 1 for number in range(700)}, needed=9)
    found = affordable(many, [("demo", "needed")])
    assert len(found) == MOST_OBJECTS + 1
    assert ("demo", "needed") in found
    assert len(affordable(many, most_objects=most_objects(POD))) == MOST_PODS


def test_the_evaluation_of_a_revision_is_needed_by_its_whole_name() -> None:
    def job(name: str, revision: str) -> dict[str, Any]:
        return {"metadata": {"name": name, "labels": {names.EVALUATION_LABEL: revision}}}

    briefs = {
        ("demo", f"m-{A}-eval"): job(f"m-{A}-eval", A),
        ("demo", f"m-{B}-eval"): job(f"m-{B}-eval", B),
        ("demo", "a-copy"): job("a-copy", A),
    }
    assert needed(OWNER, briefs, {A}) == {("demo", f"m-{A}-eval")}


def test_only_what_has_the_whole_name_of_a_revision_is_needed() -> None:
    briefs = {
        ("demo", f"m-{A}"): brief(f"m-{A}", A),
        ("demo", f"m-{B}"): brief(f"m-{B}", B),
        ("demo", "a-copy"): brief("a-copy", A),
    }
    assert needed(OWNER, briefs, {A}) == {("demo", f"m-{A}")}


def test_the_active_revision_is_repaired_however_large_all_of_them_are() -> None:
    """It is not that of the spec, and there is room for none but what is needed."""
    stage, active, candidate = with_candidate()
    stage.cluster.most_unpacked = {CONTROLLERREVISION: 0, RAYSERVICE: 0}
    stage.cluster.vanish(RAYSERVICE, ("demo", active))
    stage.take_down()
    stage.run()
    assert there(stage) == {active, candidate}


def test_a_revision_that_nobody_needs_is_not_unpacked_where_there_is_no_room() -> None:
    stage, active, candidate = with_candidate()
    stage.cluster.most_unpacked = {CONTROLLERREVISION: 0}
    (owner,) = stage.rayservices[0]["metadata"]["ownerReferences"]
    revisions = {active.rpartition("-")[2]}
    owned = stage.cluster.owned(CONTROLLERREVISION, NAME, {owner["uid"]}, revisions)
    found = {body["metadata"]["name"]: "data" in body for body in asyncio.run(owned)}
    assert found == {active: True, candidate: False}
