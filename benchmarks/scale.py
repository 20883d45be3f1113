"""A thousand ModelDeployments: how long the first pass takes, in how much memory and how many
writes, and what a restart with nothing to do writes.

On the control-plane level: a real API server with KubeRay's CRDs and no KubeRay, so that what
is measured is the operator alone. The baselines are those of a plain kopf and kubernetes.aio
loop that applied a RayService and a Service and wrote a status for each of 1,000 objects.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.report import Figure, report
from cluster import programs
from cluster.control_plane import ControlPlane
from tests.api import kuberay_crds
from tests.api.operator_process import OperatorProcess, until

ROOT = Path(__file__).resolve().parents[1]
MIB = 1024 * 1024
NAIVE_SECONDS, NAIVE_MIB, NAIVE_RESTART_MIB = 20.0, 192.0, 191.0
QUIET_SECONDS = 10.0


def main(count: int = 1000) -> None:
    with tempfile.TemporaryDirectory() as folder, ControlPlane(Path(folder)) as control_plane:
        kubeconfig = control_plane.kubeconfig
        prepare(kubeconfig, count)
        with OperatorProcess(kubeconfig, Path(folder) / "first.log") as operator:
            began = time.monotonic()
            until(
                lambda: operator.metric("bastaix_writes_total", verb="status") >= count,
                "a status of each",
                seconds=300,
                every=0.5,
            )
            first_pass, first_cpu = time.monotonic() - began, operator.cpu()
            settle(operator)
            first_memory = operator.peak_memory()
            most = operator.metric("bastaix_writes_total") / count
        with OperatorProcess(kubeconfig, Path(folder) / "second.log") as operator:
            began = time.monotonic()
            until(
                lambda: operator.metric("bastaix_reconcile_seconds_count") >= count,
                "a look at each",
                seconds=300,
            )
            second_pass = time.monotonic() - began
            settle(operator)
            second_memory = operator.peak_memory()
            idle_writes = operator.metric("bastaix_writes_total")
    report(
        "scale",
        Figure("first_pass", first_pass, "s", baseline=NAIVE_SECONDS),
        # what the API server takes of the machine is not in it
        Figure("first_pass_operator_cpu", first_cpu, "s"),
        Figure("first_pass_peak_memory", first_memory / MIB, "MiB", baseline=NAIVE_MIB),
        # ControllerRevision, RayService, Service and status
        Figure("writes_for_each", most, "writes", baseline=4.0),
        Figure("restart_pass", second_pass, "s"),
        Figure("restart_peak_memory", second_memory / MIB, "MiB", baseline=NAIVE_RESTART_MIB),
        Figure("restart_writes", idle_writes, "writes", baseline=0.0),
    )


def settle(operator: OperatorProcess) -> None:
    """Wait until it has had nothing to do for a while: what comes late counts too."""
    quiet_since, before = time.monotonic(), -1.0
    while time.monotonic() - quiet_since < QUIET_SECONDS:
        now = operator.metric("bastaix_reconcile_seconds_count")
        if now != before or operator.metric("bastaix_queue_depth"):
            quiet_since, before = time.monotonic(), now
        time.sleep(0.5)


def prepare(kubeconfig: Path, count: int) -> None:
    kubectl = [str(programs.path("kubectl")), f"--kubeconfig={kubeconfig}"]
    crds = [ROOT / "crds", *kuberay_crds.files()]
    for path in crds:
        run([*kubectl, "apply", "--server-side", f"--filename={path}"])
    until(lambda: established(kubectl) == len(crds), "the CRDs are established")
    manifest = {"apiVersion": "v1", "kind": "List", "items": list(modeldeployments(count))}
    run([*kubectl, "create", "--filename=-"], json.dumps(manifest))


def established(kubectl: list[str]) -> int:
    listed = json.loads(run([*kubectl, "get", "crd", "--output=json"]))["items"]
    conditions = [each for crd in listed for each in crd.get("status", {}).get("conditions") or ()]
    return sum(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def run(command: list[str], given: str = "") -> str:
    done = subprocess.run(command, input=given, text=True, capture_output=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


def modeldeployments(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {
            "apiVersion": "serving.bastaix.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": f"model-{number:04}", "namespace": "default"},
            "spec": {
                "source": {"image": {}},  # so that no source controller has a part in it
                "app": {"importPath": "app:build"},
                "model": {"id": f"model-{number:04}", "source": "path:///models/some"},
                "runtime": {"image": "registry.example/ray:1"},
                "resources": {"cpu": "2", "memory": "8Gi"},
                "scaling": {"minReplicas": 1, "maxReplicas": 2},
            },
        }


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
