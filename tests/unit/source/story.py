"""The source controller with everything around it."""

from pathlib import Path
from random import Random
from typing import Any

from bastaix.api import names
from bastaix.reconcile.index import Name
from bastaix.source.controller import Controller
from bastaix.source.retries import Retries
from bastaix.source.turns import Turns
from tests.unit.bodies import body, with_field
from tests.unit.source.controller_fakes import (
    CODE,
    NAME,
    FakeCluster,
    FakeCode,
    FakeSecrets,
    Ticks,
    Verdicts,
    digest_of,
)


class Story:
    """The controller with everything around it."""

    def __init__(self, tmp_path: Path, given: dict[str, Any] | None = None) -> None:
        self.ticks = Ticks()
        self.cluster = FakeCluster()
        self.secrets = FakeSecrets(self.ticks)
        self.cluster.mortality = self.secrets.mortality
        self.code = FakeCode()
        self.verdicts = Verdicts()
        self.work = tmp_path
        self.cluster.put(given or body())
        self.start()

    def start(self) -> None:
        """Another process, that remembers nothing."""
        self.turns = Turns(at_once=4, of_namespace=2, clock=self.ticks.clock)
        self.woken: list[Name] = []
        retries = Retries(self.ticks.clock, Random(1))
        self.controller = Controller(
            self.cluster,
            self.secrets,
            self.code,
            self.verdicts,
            retries,
            self.turns,
            self.woken.append,
            work=self.work,
            keep_seconds=600,
            now=self.ticks.now,
            progress_seconds=0.1,
            clock=self.ticks.clock,
        )

    async def look(self) -> float | None:
        return await self.controller.reconcile(NAME)

    def change(self, field: str, value: Any) -> None:
        """The user changes a field of the spec."""
        now = with_field(self.cluster.body, f"spec.{field}", value)
        self.cluster.put(with_field(now, "metadata.generation", now["metadata"]["generation"] + 1))

    @property
    def condition(self) -> dict[str, Any]:
        (found,) = self.cluster.status["conditions"]
        assert isinstance(found, dict)
        return found

    @property
    def verdict(self) -> tuple[str, str]:
        return self.condition["status"], self.condition["reason"]

    def artifact(self, code: bytes = CODE) -> dict[str, Any] | None:
        name = names.artifact_name(NAME[1], digest_of(code))
        return self.secrets.manifests.get((NAME[0], name))
