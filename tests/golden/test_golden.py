"""What is rendered for a ModelDeployment, word for word.

Each folder holds a ModelDeployment, `in.yaml`, and all that is rendered for it, `out.yaml`.
After a change that is meant, `BASTAIX_GOLDEN=write` writes the outputs anew; then read the diff:
a change of a Pod template here is a restart of every model, unless the ControllerRevision of
the revision keeps the old one, which it does for those that exist.
"""

import os
from pathlib import Path

import pytest
import yaml

from bastaix.api.sources import content_key
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.render import proxy
from bastaix.render.rayservice import rayservice
from bastaix.render.revision import revision, revision_hash
from bastaix.render.serve_config import deployment_name
from bastaix.render.service import Turn, service

HERE = Path(__file__).parent
DIGEST = "sha256:" + "0123456789abcdef" * 4
"""What the source controller would have found: of all that is fetched, the same."""
CASES = sorted(folder.parent.name for folder in HERE.glob("*/in.yaml"))


HASHES = {
    "archive_from_bucket": "7e0b9602",
    "code_in_image": "eb1c68fb",
    "echo_minimal": "0c82e238",
    "own_deployment_without_model": "cdd9c410",
    "private_nested_path": "010a6991",
    "runtime_overrides": "ae8a2fe2",
    "scaling_laid_over": "b88bc2df",
    "vllm_cpu_from_claim": "b88bc2df",
    "vllm_two_gpus": "7623e6f4",
}
"""As version 0.1.0 gave them. Another hash of the same spec would restart every model there is."""


class Readable(yaml.SafeDumper):
    """Texts of several lines as blocks, and no references."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    if value in proxy.annotations().values():  # a file of its own, the same in each Pod
        value = f"the text of {proxy.MODULE}.py"
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


Readable.add_representer(str, text)


def rendered(case: str) -> str:
    body = yaml.safe_load((HERE / case / "in.yaml").read_text())
    md = ModelDeployment.from_body(body)
    current = revision(md, None if content_key(md.spec.source) is None else DIGEST)
    turn = Turn(current.hash, since="2026-01-01T12:00:00Z")
    children = [rayservice(md, current, deployment_name(md)), service(md, turn, {})]
    return yaml.dump_all(children, Dumper=Readable, sort_keys=True, width=1000)


@pytest.mark.parametrize("case", CASES)
def test_renders_what_was_agreed(case: str) -> None:
    output = HERE / case / "out.yaml"
    if os.environ.get("BASTAIX_GOLDEN") == "write":
        output.write_text(rendered(case))
    assert rendered(case) == output.read_text()


@pytest.mark.parametrize(("case", "expected"), HASHES.items())
def test_a_spec_has_the_hash_that_it_always_had(case: str, expected: str) -> None:
    md = ModelDeployment.from_body(yaml.safe_load((HERE / case / "in.yaml").read_text()))
    assert revision_hash(md, None if content_key(md.spec.source) is None else DIGEST) == expected


def test_scaling_changes_nothing_but_bounds_and_deployments() -> None:
    """Two goldens differ in nothing that would restart a Pod or an engine."""
    one, other = (
        [line.strip() for line in rendered(case).splitlines()]
        for case in ("vllm_cpu_from_claim", "scaling_laid_over")
    )
    changed = {line.partition(":")[0].strip('"') for line in set(one) ^ set(other)}
    assert changed == {
        "minReplicas",
        "maxReplicas",
        "min_replicas",
        "max_replicas",
        "target_ongoing_requests",
    }
