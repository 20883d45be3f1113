"""What an operator with one ModelDeployment and nothing to do costs: memory and processor.

On the control-plane level, with the ModelDeployment answered by a fake app, so that it has
come to its rest. The baselines are the limits that the chart's resources are made for.
"""

import tempfile
import time
from pathlib import Path

from bastaix.reconcile import kinds
from benchmarks.report import Figure, report
from benchmarks.scale import MIB
from cluster.control_plane import ControlPlane
from tests.api.operator_process import OperatorProcess, until
from tests.api.world import FakeKubeRay, World, deploy, fake_app, modeldeployment

WATCHED_SECONDS = 120.0
LIMIT_MIB, LIMIT_PERCENT = 128.0, 1.0


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        ControlPlane(Path(folder)) as control_plane,
        fake_app() as app,
    ):
        world = World(control_plane)
        world.install_ours()
        world.install_kuberay()
        deploy(world, modeldeployment("default"))
        log, probe = Path(folder) / "operator.log", f"--probe-url={app.url}"
        with OperatorProcess(control_plane.kubeconfig, log, probe) as operator:
            until(lambda: world.list(kinds.RAYSERVICE, "default"), "a RayService")
            FakeKubeRay(world).run(world.list(kinds.RAYSERVICE, "default")[0])
            until(lambda: world.ready("default").get("status") == "True", "it is ready")
            time.sleep(10)
            began, before = time.monotonic(), operator.cpu()
            time.sleep(WATCHED_SECONDS)
            percent = (operator.cpu() - before) / (time.monotonic() - began) * 100
            memory = operator.memory() / MIB
    report(
        "idle",
        Figure("idle_memory", memory, "MiB", baseline=LIMIT_MIB),
        Figure("idle_cpu", percent, "percent", baseline=LIMIT_PERCENT),
    )


if __name__ == "__main__":
    main()
