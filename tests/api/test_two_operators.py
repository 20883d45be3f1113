"""Two operators with the chart's Lease on a real API server: one works, and never a stale one."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bastaix.reconcile import kinds
from tests.api.operator_process import OperatorProcess, until
from tests.api.pair import MOST_SECONDS, NAMES, Pair, lease_settings, pair_of
from tests.api.world import (
    SETTINGS,
    FakeApp,
    FakeKubeRay,
    World,
    change,
    deploy,
    modeldeployment,
    selected,
    source,
)

PLACE = ("bastaix-system", "bastaix")


@pytest.fixture
def pair(world: World, app: FakeApp, tmp_path: Path) -> Iterator[Pair[OperatorProcess]]:
    world.namespace(PLACE[0])
    operators = []
    for name in NAMES:
        settings = {**SETTINGS, **lease_settings(PLACE, name)}
        option = f"--probe-url={app.url}"
        log = tmp_path / name
        operators.append(OperatorProcess(world.kubeconfig, log, option, settings=settings))
    with pair_of(world, PLACE, operators) as running:
        yield running


def started(world: World, namespace: str) -> str:
    """A ModelDeployment that is Ready; the name of its RayService."""
    deploy(world, modeldeployment(namespace, rollout={"drainSeconds": 1, "bakeSeconds": 1}))
    bring_up(world, namespace, 1)
    until(lambda: world.ready(namespace).get("status") == "True", "it is Ready")
    return selected(world, namespace)


def bring_up(world: World, namespace: str, number: int) -> None:
    until(lambda: len(world.list(kinds.RAYSERVICE, namespace)) == number, "a RayService is there")
    for rayservice in world.list(kinds.RAYSERVICE, namespace):
        if "activeServiceStatus" not in (rayservice.get("status") or {}):
            FakeKubeRay(world).run(rayservice)


def test_one_works_and_when_it_is_killed_the_other_does_in_less_than_twenty_seconds(
    pair: Pair[OperatorProcess], namespace: str
) -> None:
    leader = pair.leader()
    standby = pair.other(leader)
    first = started(pair.world, namespace)
    assert standby.metric("bastaix_writes_total") == 0
    status, page = standby.page("/readyz")
    assert status == 200
    assert "standby" in page
    os.kill(leader.pid, signal.SIGKILL)
    began = time.monotonic()
    change(pair.world, namespace, {"source": source("b" * 40)})
    until(lambda: len(pair.world.list(kinds.RAYSERVICE, namespace)) == 2, "the other works")
    took = time.monotonic() - began
    print(f"fail-over after SIGKILL: {took:.1f} s")
    assert took < MOST_SECONDS
    assert pair.world.condition("Serving", namespace)["status"] == "True"
    bring_up(pair.world, namespace, 2)
    until(lambda: selected(pair.world, namespace) != first, "the traffic is turned")


def test_who_ends_in_order_hands_over_at_once(pair: Pair[OperatorProcess]) -> None:
    leader = pair.leader()
    standby = pair.other(leader)
    began = time.monotonic()
    leader.stop()
    until(lambda: standby.metric("bastaix_leader") == 1, "the other leads")
    took = time.monotonic() - began
    print(f"fail-over after SIGTERM: {took:.1f} s")
    assert took < MOST_SECONDS


@pytest.mark.long
def test_an_operator_that_was_stopped_past_its_lease_turns_no_traffic_back(
    pair: Pair[OperatorProcess], namespace: str
) -> None:
    stale = pair.leader()
    other = pair.other(stale)
    first = started(pair.world, namespace)
    os.kill(stale.pid, signal.SIGSTOP)
    try:
        change(pair.world, namespace, {"source": source("b" * 40)})
        bring_up(pair.world, namespace, 2)
        until(lambda: selected(pair.world, namespace) != first, "the other has turned the traffic")
        second = selected(pair.world, namespace)
    finally:
        os.kill(stale.pid, signal.SIGCONT)
    until(lambda: stale.page("/readyz") and "standby" in stale.page("/readyz")[1], "it stands by")
    before = pair.renewal
    until(lambda: pair.renewal != before, "the Lease is renewed")
    assert other.metric("bastaix_leader") == 1
    assert stale.metric("bastaix_leader") == 0
    assert selected(pair.world, namespace) == second
    assert pair.world.ready(namespace)["status"] == "True"
