"""Two source controllers with the chart's Lease and rights on a real API server: one fetches."""

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bastaix.api import names
from bastaix.kube.secrets import SECRET
from bastaix.reconcile.kinds import MODELDEPLOYMENT
from cluster.control_plane import ControlPlane
from tests.api.archives import APP, ArchiveHost, archive_host
from tests.api.operator_process import SourceProcess, until
from tests.api.pair import MOST_SECONDS, NAMES, Pair, lease_settings, pair_of
from tests.api.rights import restricted
from tests.api.world import World, modeldeployment

PLACE = ("demo", "bastaix-source")
"""Where the chart's rights let it have its Lease."""


@dataclass
class Scene:
    pair: Pair[SourceProcess]
    host: ArchiveHost
    namespace: str

    def ask_for(self, commit: str, name: str) -> None:
        source = self.host.source(commit)
        manifest = modeldeployment(self.namespace, name, source=source)
        self.pair.world.apply(MODELDEPLOYMENT, manifest)

    def is_verified(self, name: str) -> bool:
        said = self.pair.world.condition("SourceVerified", self.namespace, name)
        return said.get("status") == "True"

    def artifacts(self) -> set[str]:
        """Uids of the Secrets."""
        found = self.pair.world.list(SECRET, self.namespace)
        labelled = [each for each in found if names.ARTIFACT_LABEL in each["metadata"]["labels"]]
        return {each["metadata"]["uid"] for each in labelled}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    (tmp_path / "repository").mkdir()
    with (
        ControlPlane(tmp_path / "plane") as control_plane,
        archive_host(tmp_path / "repository") as host,
    ):
        world = World(control_plane)
        world.install_ours()
        world.namespace(PLACE[0])
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(json.dumps(restricted(world, "bastaix-source")))
        hosts = {"BASTAIX_SOURCE_HOSTS": f"{host.netloc}=http+private"}
        controllers = []
        for name in NAMES:
            (tmp_path / f"work-{name}").mkdir()
            work = {"BASTAIX_SOURCE_WORK": str(tmp_path / f"work-{name}")}
            settings = {**hosts, **work, **lease_settings(PLACE, name)}
            controllers.append(SourceProcess(kubeconfig, tmp_path / name, settings=settings))
        with pair_of(world, PLACE, controllers) as pair:
            yield Scene(pair, host, world.namespace("two-sources"))


def test_one_fetches_and_when_it_is_killed_the_other_does_in_less_than_twenty_seconds(
    scene: Scene,
) -> None:
    leader = scene.pair.leader()
    standby = scene.pair.other(leader)
    one = scene.host.commit({"app.py": APP})
    scene.ask_for(one, "one")
    until(lambda: scene.is_verified("one"), "the one that leads has verified it")
    assert scene.host.asked_for(one) == 1
    assert standby.metric("bastaix_writes_total") == 0
    status, page = standby.page("/readyz")
    assert status == 200
    assert "standby" in page
    held = scene.artifacts()
    os.kill(leader.pid, signal.SIGKILL)
    began = time.monotonic()
    two = scene.host.commit({"app.py": APP + "# two\n"})
    scene.ask_for(two, "two")
    until(lambda: scene.is_verified("two"), "the other has verified it")
    took = time.monotonic() - began
    print(f"fail-over of the source controller after SIGKILL: {took:.1f} s")
    assert took < MOST_SECONDS
    assert scene.host.asked_for(one) == 1, "what the first had verified is not fetched again"
    assert scene.host.asked_for(two) == 1
    assert held < scene.artifacts()
    assert scene.is_verified("one")
    assert "Traceback" not in standby.log
