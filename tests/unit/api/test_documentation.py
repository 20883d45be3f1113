"""The example of the user document can be read."""

from pathlib import Path

import yaml

from bastaix.api.v1alpha1 import ModelDeployment

PAGE = (Path(__file__).parents[3] / "docs/modeldeployment.md").read_text()


def test_its_example_is_a_model_deployment() -> None:
    example = yaml.safe_load(PAGE.split("```yaml\n")[1].split("```")[0])
    example["metadata"]["uid"] = "uid-1"
    assert ModelDeployment.from_body(example).spec.scaling.max_replicas == 4
