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
    _apply(world, namespaces)
    path = SERVICE_ACCOUNT.path("demo", account, "token")
    token = world.request("POST", path, {"spec": {}})["status"]["token"]
    admin = yaml.safe_load(world.kubeconfig.read_text())
    return {**admin, "users": [{**admin["users"][0], "user": {"token": token}}]}


def user_roles(world: World, role: str) -> list[str]:
    """Of what Kubernetes' role for users (view, edit, admin) is made, the chart's part included.

    Here is no controller that puts it together.
    """
    world.namespace("demo")
    _apply(world)
    return _parts(world.list(RIGHTS["ClusterRole"], None), role)


def _parts(roles: list[dict[str, Any]], role: str) -> list[str]:
    label = f"{RBAC}/aggregate-to-{role}"
    found: list[str] = []
    for each in roles:
        if (each["metadata"].get("labels") or {}).get(label) != "true":
            continue
        name = each["metadata"]["name"]
        found += _parts(roles, name) if each.get("aggregationRule") else [name]
    return found


def _apply(world: World, namespaces: tuple[str, ...] = ()) -> None:
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
