"""The NetworkPolicy of a model comes, is repaired and goes, and is never in the way."""

import pytest

from bastaix.api import names
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.reconcile.cluster import Refused
from bastaix.reconcile.isolation import RETRY_SECONDS, Isolation
from bastaix.reconcile.kinds import NETWORKPOLICY, Kind
from bastaix.render.networkpolicy import Reach
from tests.unit.bodies import body
from tests.unit.reconcile.fakes import Clock, FakeCluster

PEER = {"podSelector": {"matchLabels": {"app": "one"}}}
REACH = Reach(operator=(PEER,), kuberay=(PEER,))
MD = ModelDeployment.from_body(body())
NAME = (MD.namespace, names.network_policy_name(MD.name))


class Refusing(FakeCluster):
    """An API server that takes no NetworkPolicy."""

    async def apply(self, kind: Kind, manifest: object, *, rehearsal: bool = False) -> None:
        raise Refused(403, "Forbidden", "networkpolicies is forbidden")


class Lacking(FakeCluster):
    """A cluster in which they may not even be listed."""

    def serves(self, kind: Kind) -> bool:
        return kind != NETWORKPOLICY


async def test_it_is_applied_once_and_again_where_somebody_has_changed_it() -> None:
    cluster = FakeCluster(Clock())
    isolation = Isolation(cluster, REACH)
    assert await isolation.enforce(MD) is None
    assert await isolation.enforce(MD) is None
    assert cluster.writes == ["apply NetworkPolicy"]
    live = cluster.body(NETWORKPOLICY, NAME)
    live["spec"]["ingress"].append({})
    cluster.put(NETWORKPOLICY, live)
    await isolation.enforce(MD)
    assert {} not in cluster.body(NETWORKPOLICY, NAME)["spec"]["ingress"]


async def test_turned_off_it_is_removed_and_that_of_somebody_else_stays() -> None:
    cluster = FakeCluster(Clock())
    await Isolation(cluster, REACH).enforce(MD)
    await Isolation(cluster, None).enforce(MD)
    await Isolation(cluster, None).enforce(MD)
    assert cluster.writes == ["apply NetworkPolicy", "delete NetworkPolicy"]
    theirs = {"name": NAME[1], "namespace": NAME[0], "labels": {names.NAME_LABEL: MD.name}}
    cluster.put(NETWORKPOLICY, {"metadata": theirs})
    await Isolation(cluster, None).enforce(MD)
    assert cluster.body(NETWORKPOLICY, NAME)


async def test_one_of_its_name_that_is_not_ours_is_left_alone() -> None:
    cluster = FakeCluster(Clock())
    cluster.put(NETWORKPOLICY, {"metadata": {"name": NAME[1], "namespace": NAME[0]}})
    assert await Isolation(cluster, REACH).enforce(MD) == RETRY_SECONDS
    assert cluster.writes == []


async def test_a_refusal_is_said_once_and_tried_ever_more_seldom(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster = FakeCluster(Clock())
    theirs = {"name": NAME[1], "namespace": NAME[0]}
    cluster.put(NETWORKPOLICY, {"metadata": theirs})
    isolation = Isolation(cluster, REACH)
    waits = [await isolation.enforce(MD) for _ in range(6)]
    assert waits == [60, 120, 240, 480, 600, 600]
    assert len(caplog.records) == 1
    assert NAME[1] in caplog.text
    cluster.drop_stranger(NETWORKPOLICY, NAME)
    assert await isolation.enforce(MD) is None
    cluster.vanish(NETWORKPOLICY, NAME)
    cluster.put(NETWORKPOLICY, {"metadata": theirs})
    assert await isolation.enforce(MD) == RETRY_SECONDS
    assert len(caplog.records) == 2


async def test_a_refusal_is_a_warning_and_tried_again() -> None:
    assert await Isolation(Refusing(Clock()), REACH).enforce(MD) == RETRY_SECONDS


async def test_without_the_right_to_see_them_none_is_written() -> None:
    cluster = Lacking(Clock())
    assert await Isolation(cluster, REACH).enforce(MD) is None
    assert cluster.writes == []
