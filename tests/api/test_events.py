"""Events on a real API server: counted there, and as `kubectl describe` shows them."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bastaix.kube.cluster import Client
from bastaix.kube.events import EventWriter
from bastaix.reconcile.kinds import MODELDEPLOYMENT
from cluster import programs
from tests.api.rights import restricted
from tests.api.test_chart_lifecycle import program
from tests.api.world import EVENT, World, modeldeployment

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


async def flap(kubeconfig: Path, body: dict[str, Any], times: int) -> None:
    moments = (START + timedelta(seconds=10 * number) for number in range(2 * times))
    client, _ = await Client.login_as_user("test", kubeconfig=str(kubeconfig), context=None)
    try:
        writer = EventWriter(client, lambda: next(moments))
        for _ in range(times):
            await writer.record(body, reason="CrashLooping", note="it ended", good=False)
            await writer.record(body, reason="LoadingModel", note="it loads", good=True)
    finally:
        await client.close()


def test_what_is_said_again_is_counted_and_described_with_the_charts_rights(
    world: World, namespace: str, tmp_path: Path
) -> None:
    programs.ensure("kubectl")
    world.namespace("demo")
    kubeconfig = tmp_path / "few-rights"
    kubeconfig.write_text(json.dumps(restricted(world, "bastaix")))
    created = world.apply(MODELDEPLOYMENT, modeldeployment(namespace))
    asyncio.run(flap(kubeconfig, created, times=3))

    found = {each["reason"]: each["series"]["count"] for each in world.list(EVENT, namespace)}
    assert found == {"CrashLooping": 3, "LoadingModel": 3}
    words = ("describe", "modeldeployment", "echo", "--namespace", namespace)
    described = program("kubectl", world.kubeconfig)(*words).stdout
    (line,) = [each for each in described.splitlines() if "CrashLooping" in each]
    assert "(x3 over " in line
    assert line.endswith("it ended")
