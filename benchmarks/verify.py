"""From apply to what is said of the source: verified, or why not; and what idling costs.

On the control-plane level with a Git host on the loopback, so that what is measured is the
source controller: its watch, the fetch, the process that opens the archive, two writes. The
baselines are the goals: two seconds, and the memory that the chart asks for.
"""

import statistics
import tempfile
import time
from pathlib import Path

from bastaix.reconcile import kinds
from benchmarks.report import Figure, report
from cluster.control_plane import ControlPlane
from tests.api.archives import APP, ArchiveHost, archive_host
from tests.api.operator_process import SourceProcess, until
from tests.api.world import World, modeldeployment

MIB = 1024 * 1024
ROUNDS = 10
SETTLING_SECONDS, WATCHED_SECONDS = 10.0, 60.0
LIMIT_SECONDS, LIMIT_MIB, LIMIT_PERCENT = 2.0, 128.0, 1.0


def main() -> None:
    with tempfile.TemporaryDirectory() as name, ControlPlane(Path(name, "plane")) as plane:
        folder = Path(name)
        (folder / "repository").mkdir()
        world = World(plane)
        world.install_ours()
        with archive_host(folder / "repository") as host:
            settings = {"BASTAIX_SOURCE_HOSTS": f"{host.netloc}=http+private"}
            with SourceProcess(plane.kubeconfig, folder / "log", settings=settings) as source:
                until(lambda: source.page("/readyz")[0] == 200, "it is ready")
                verified = [judged(world, host, f"good-{n}", "app.py") for n in range(ROUNDS)]
                failed = [judged(world, host, f"bad-{n}", "main.py") for n in range(ROUNDS)]
                time.sleep(SETTLING_SECONDS)
                began, before = time.monotonic(), source.cpu()
                time.sleep(WATCHED_SECONDS)
                percent = (source.cpu() - before) / (time.monotonic() - began) * 100
                memory = source.memory() / MIB
    report(
        "verify",
        Figure("apply_to_verified", statistics.median(verified), "s", baseline=LIMIT_SECONDS),
        Figure("apply_to_verified_slowest", max(verified), "s", baseline=LIMIT_SECONDS),
        Figure("apply_to_reason", statistics.median(failed), "s", baseline=LIMIT_SECONDS),
        Figure("source_idle_memory", memory, "MiB", baseline=LIMIT_MIB),
        Figure("source_idle_cpu", percent, "percent", baseline=LIMIT_PERCENT),
    )


def judged(world: World, host: ArchiveHost, name: str, file: str) -> float:
    """Seconds until a new ModelDeployment with a commit of its own has its verdict."""
    source = host.source(host.commit({file: f"{APP}# {name}\n"}))
    began = time.monotonic()
    world.apply(kinds.MODELDEPLOYMENT, modeldeployment("default", name, source=source))

    def has_verdict() -> bool:
        found = world.condition("SourceVerified", "default", name)
        return found.get("status") in ("True", "False")

    until(has_verdict, f"the verdict of {name}", every=0.01)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
