"""`bastaix reprex NAMESPACE/NAME` takes what the cluster holds, with the rights of whoever asks."""

from pathlib import Path

import pytest
import yaml

from bastaix.local import inputs
from bastaix.reconcile.kinds import MODELDEPLOYMENT
from bastaix.schema.documents import Unusable
from tests.api.test_plugin import person
from tests.api.world import World, modeldeployment


def test_a_modeldeployment_is_read_from_the_cluster(
    world: World, namespace: str, tmp_path: Path
) -> None:
    world.apply(MODELDEPLOYMENT, modeldeployment(namespace))
    viewer = str(person(world, namespace, "view", tmp_path))
    with inputs.opened(f"{namespace}/echo", viewer) as text:
        found = yaml.safe_load(text.read())
    assert found["kind"] == "ModelDeployment"
    assert found["metadata"] == {"name": "echo", "namespace": namespace}
    assert found["spec"]["app"]["importPath"] == "app:build"
    with pytest.raises(Unusable, match=f"{namespace}/nobody cannot be read: 404"):
        inputs.opened(f"{namespace}/nobody", viewer)


def test_without_a_cluster_a_name_is_said_to_be_no_file(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="there is no file smollm2, and no cluster to ask"):
        inputs.opened("smollm2", str(tmp_path / "none"))
