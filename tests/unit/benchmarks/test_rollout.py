"""The figures of rollouts, and what is deployed for them."""

import pytest

from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.schema.crd import examine
from benchmarks.outcomes import Connections, Count, Kind, Report
from benchmarks.rollout import MANIFEST, Rollout, deployed, figures
from demo import steps

PHASES = ("apply_to_pods", "pods_to_answer", "answer_to_promoted", "promoted_to_old_gone")


def rollout(seconds: float, failed: int, never_idle_failed: int, without: float) -> Rollout:
    kinds = {
        Kind(Connections.NEW, True): Count(50, failed, 1, 0.5),
        Kind(Connections.IDLE, False): Count(50, 0, 0, 3.0),
        Kind(Connections.BUSY, True): Count(200, never_idle_failed, 0, 9.0),
    }
    return Rollout(dict.fromkeys(PHASES, seconds), without, Report(60, kinds))


def test_rounds_are_added_up_and_never_idle_connections_counted_apart() -> None:
    rounds = [rollout(1, 0, 2, 0), rollout(9, 2, 0, 0.5), rollout(3, 0, 4, 0)]
    found = {figure.name: figure for figure in figures(rounds, rollout(5, 49, 100, 30))}
    values = {name: figure.value for name, figure in found.items()}
    assert (values["requests"], values["failed"], values["truncated"]) == (300, 2, 3)
    assert (values["never_idle_requests"], values["never_idle_failed"]) == (600, 6)
    assert (found["lost"].value, found["lost"].baseline) == (pytest.approx(5 / 3), 50)
    assert (found["never_idle_lost"].value, found["never_idle_lost"].baseline) == (1, 50)
    assert (found["without_endpoint"].value, found["without_endpoint"].baseline) == (0.5, 30)
    assert values["longest_gap"] == 3.0
    assert {name: values[name] for name in PHASES} == dict.fromkeys(PHASES, 3)
    assert found["answer_to_promoted"].baseline == 2


@pytest.mark.parametrize("strategy", ["BlueGreen", "Recreate"])
def test_what_is_deployed_is_allowed_and_rolled_out_as_asked(strategy: str) -> None:
    text = steps.filled(MANIFEST, NAME="echo", NAMESPACE="n", COMMIT="a" * 40, IMAGE="r.example/i")
    manifest = deployed(text, strategy)
    assert not list(examine(manifest, None))
    manifest["metadata"]["uid"] = "1"
    spec = ModelDeployment.from_body(manifest).spec
    assert spec.rollout.strategy == strategy
