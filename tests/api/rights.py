"""The rights that the chart gives, and the policies that bound them, on a real API server."""

import itertools
import json
import subprocess
import urllib.error
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from bastaix.reconcile.kinds import Kind
from cluster import programs
from tests.api.operator_process import until
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
ADMISSION = "admissionregistration.k8s.io"
POLICY = Kind(ADMISSION, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy")
BINDING = Kind(
    ADMISSION, "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding"
)
CONFIGMAP = Kind("", "v1", "configmaps", "ConfigMap")

_numbers = itertools.count()


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


def admission(world: World, **values: Any) -> list[str]:
    """Apply the chart's admission policies, wait until they bind, and give their names."""
    found = list(_rendered(values, {POLICY.name, BINDING.name}))
    for kind in (POLICY, BINDING):
        for manifest in found:
            if manifest["kind"] == kind.name:
                manifest["metadata"].pop("namespace", None)
                world.apply(kind, manifest)
    _await_policies(world)
    return [each["metadata"]["name"] for each in found if each["kind"] == POLICY.name]


def _await_policies(world: World) -> None:
    """The API server takes note of policies in their order; one more says that it is through."""
    name = f"last-{next(_numbers)}"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"]}
    spec = {
        "matchConstraints": {"resourceRules": [{**rule, "resources": ["configmaps"]}]},
        "validations": [{"expression": f"object.metadata.name != '{name}'"}],
    }
    bound = {"policyName": name, "validationActions": ["Deny"]}
    world.apply(POLICY, {"metadata": {"name": name}, "spec": spec})
    world.apply(BINDING, {"metadata": {"name": name}, "spec": bound})

    def is_bound() -> bool:
        configmap = {"metadata": {"name": name, "namespace": "demo"}}
        try:
            world.request("POST", CONFIGMAP.path("demo") + "?dryRun=All", configmap)
        except urllib.error.HTTPError:
            return True
        return False

    until(is_bound, "the policies bind")
    world.delete(BINDING, None, name)
    world.delete(POLICY, None, name)


def _apply(world: World, namespaces: tuple[str, ...] = ()) -> None:
    for manifest in _rendered({"operator": {"namespaces": list(namespaces)}}, RIGHTS):
        if manifest["kind"].startswith("Cluster"):
            manifest["metadata"].pop("namespace", None)
        world.apply(RIGHTS[manifest["kind"]], manifest)


def _rendered(values: Mapping[str, Any], kinds: Container[str]) -> Iterator[dict[str, Any]]:
    """Of the chart's objects those of these kinds, for a release in the namespace demo."""
    command = [str(programs.path("helm")), "template", "bastaix", str(CHART), "--namespace=demo"]
    given = json.dumps({"image": {"repository": "x"}, **values})
    done = subprocess.run([*command, "--values=-"], input=given, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    for manifest in yaml.safe_load_all(done.stdout):
        if manifest is not None and manifest["kind"] in kinds:
            yield manifest
