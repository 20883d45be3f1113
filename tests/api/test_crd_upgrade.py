"""A stricter CRD binds what is new: an object that is there already stays writable."""

import copy
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bastaix.reconcile.kinds import MODELDEPLOYMENT
from tests.api.crd_cases import MINIMAL, with_field
from tests.api.world import CRDS, World

NAME = "a-1234abcd-serve-svc"


def lax(schema: Any) -> Any:
    """The schema of a version that had no rules in CEL, which is laxer than any there was."""
    if isinstance(schema, dict):
        return {
            key: lax(value)
            for key, value in schema.items()
            if key != "x-kubernetes-validations" or not isinstance(value, list)
        }
    return [lax(entry) for entry in schema] if isinstance(schema, list) else schema


@pytest.fixture
def older(world: World, namespace: str) -> Iterator[dict[str, Any]]:
    """An object that today's CRD would refuse, under today's CRD."""
    crd = yaml.safe_load(Path(CRDS / "modeldeployments.yaml").read_text())
    body = copy.deepcopy(MINIMAL)
    body["metadata"] = {"name": NAME, "namespace": namespace}
    with_field(body, "spec.runtime.envFrom", [{"secretRef": {"name": "a b"}}])
    with_field(body, "spec.source.git.secretRef", {"name": "../../team-b/secrets/git-token"})
    world.install(lax(crd))
    try:
        world.request("POST", MODELDEPLOYMENT.path(namespace), body)
    finally:
        world.install_ours()
    yield body
    world.delete(MODELDEPLOYMENT, namespace, NAME)


def test_its_status_and_its_scaling_can_be_written(
    world: World, namespace: str, older: dict[str, Any]
) -> None:
    status = {"status": {"url": "http://a"}}
    world.apply(
        MODELDEPLOYMENT,
        {"metadata": {"name": NAME, "namespace": namespace}, **status},
        "status",
    )
    world.merge(MODELDEPLOYMENT, namespace, NAME, {"spec": {"scaling": {"minReplicas": 2}}})
    found = world.get(MODELDEPLOYMENT, namespace, NAME) or {}
    assert (found["status"]["url"], found["spec"]["scaling"]["minReplicas"]) == ("http://a", 2)


def test_nothing_new_of_the_kind_is_taken(
    world: World, namespace: str, older: dict[str, Any]
) -> None:
    with pytest.raises(urllib.error.HTTPError, match="must be the name of an object"):
        world.merge(
            MODELDEPLOYMENT,
            namespace,
            NAME,
            {"spec": {"source": {"git": {"secretRef": {"name": "../a"}}}}},
        )
