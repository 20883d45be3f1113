"""The rights that the chart gives, on a real API server."""

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from bastaix.reconcile.kinds import Kind
from cluster import programs
from tests.api.world import World

CHART = Path(__file__).parents[2] / "charts/bastaix"
SERVICE_ACCOUNT = Kind("", "v1", "serviceaccounts", "ServiceAccount")
RBAC = "rbac.authorization.k8s.io"
RIGHTS = {
    kind.name: kind
    for kind in (
        SERVICE_ACCOUNT,
        Kind(RBAC, "v1", "roles", "Role"),
        Kind(RBAC, "v1", "rolebindings", "RoleBinding"),
        Kind(RBAC, "v1", "clusterroles", "ClusterRole"),
        Kind(RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding"),
    )
}


def restricted(world: World, account: str, namespaces: tuple[str, ...] = ()) -> dict[str, Any]:
    """A kubeconfig for one of the chart's own service accounts, with all its roles applied."""
    command = [str(programs.path("helm")), "template", "bastaix", str(CHART), "--namespace=demo"]
    values = {"image": {"repository": "x"}, "operator": {"namespaces": list(namespaces)}}
    done = subprocess.run(
        [*command, "--values=-"], input=json.dumps(values), text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    for manifest in yaml.safe_load_all(done.stdout):
        if manifest is None or manifest["kind"] not in RIGHTS:
            continue
        if manifest["kind"].startswith("Cluster"):
            manifest["metadata"].pop("namespace", None)
        world.apply(RIGHTS[manifest["kind"]], manifest)
    path = SERVICE_ACCOUNT.path("demo", account, "token")
    token = world.request("POST", path, {"spec": {}})["status"]["token"]
    admin = yaml.safe_load(world.kubeconfig.read_text())
    return {**admin, "users": [{**admin["users"][0], "user": {"token": token}}]}
