"""`bastaix reprex NAMESPACE/NAME` takes what the cluster holds, with the rights of whoever asks."""

from pathlib import Path

import pytest
import yaml

from bastaix.local import inputs
from bastaix.schema.documents import Unusable
from tests.api.test_plugin import person
from tests.api.world import World, deploy, modeldeployment


def test_a_modeldeployment_is_read_from_the_cluster(
    world: World, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(world, modeldeployment(namespace))
    monkeypatch.setenv("KUBECONFIG", str(person(world, namespace, "view", tmp_path)))
    with inputs.opened(f"{namespace}/echo") as text:
        found = yaml.safe_load(text.read())
    assert found["kind"] == "ModelDeployment"
    assert found["metadata"] == {"name": "echo", "namespace": namespace}
    assert found["spec"]["source"] == modeldeployment(namespace)["spec"]["source"]
    with pytest.raises(Unusable, match=f"{namespace}/nobody cannot be read: 404"):
        inputs.opened(f"{namespace}/nobody")


def test_without_a_cluster_a_name_is_said_to_be_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(Unusable, match="there is no file smollm2, and no cluster to ask"):
        inputs.opened("smollm2")
