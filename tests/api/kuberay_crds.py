"""KubeRay's own CRDs, from the Go module that the operator of the test cluster is built from."""

import subprocess
from functools import cache
from pathlib import Path

from cluster import programs
from cluster.paths import GO_MODULES

KINDS = ("rayclusters", "rayservices")


@cache
def folder() -> Path:
    command = ["go", "list", "-m", "-f", "{{.Dir}}", programs.KUBERAY_MODULE]
    done = subprocess.run(
        command, cwd=GO_MODULES / "kuberay", check=True, capture_output=True, text=True
    )
    return Path(done.stdout.strip()) / "config/crd/bases"


def files() -> list[Path]:
    return [folder() / f"ray.io_{kind}.yaml" for kind in KINDS]
