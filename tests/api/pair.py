"""Two replicas of one controller with the chart's Lease, and which of them works."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from bastaix.kube.lease import LEASE
from tests.api.operator_process import OperatorProcess, until
from tests.api.world import World

MOST_SECONDS = 20
"""Of a fail-over."""
NAMES = ("one", "two")

Process = TypeVar("Process", bound=OperatorProcess)


def lease_settings(place: tuple[str, str], holder: str) -> dict[str, str]:
    """What the chart gives to one of several replicas."""
    return {"BASTAIX_LEASE": "/".join(place), "BASTAIX_LEASE_HOLDER": holder}


@dataclass
class Pair(Generic[Process]):
    world: World
    place: tuple[str, str]
    """Namespace and name of the Lease."""
    processes: tuple[Process, Process]

    @property
    def leaders(self) -> list[Process]:
        return [one for one in self.processes if one.alive and one.metric("bastaix_leader") == 1]

    def leader(self) -> Process:
        until(lambda: len(self.leaders) == 1, "one leads")
        return self.leaders[0]

    def other(self, one: Process) -> Process:
        return next(process for process in self.processes if process is not one)

    @property
    def renewal(self) -> str:
        found = self.world.get(LEASE, *self.place)
        assert found is not None
        return str(found["spec"]["renewTime"])


@contextmanager
def pair_of(
    world: World, place: tuple[str, str], processes: Sequence[Process]
) -> Iterator[Pair[Process]]:
    """Both run and are ready until the end of the block."""
    first, second = processes
    with first, second:
        for process in processes:
            until(lambda process=process: process.page("/readyz")[0] == 200, "it is ready")  # type: ignore[misc]
        yield Pair(world, place, (first, second))
