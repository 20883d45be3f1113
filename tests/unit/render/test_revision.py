"""A revision is known by what the user wrote, and by nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bastaix.api.sources import content_fields, content_key
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.render.rayservice import rayservice
from bastaix.render.revision import (
    controller_revision,
    from_controller_revision,
    identity,
    revision,
    revision_hash,
)
from bastaix.render.serve_config import deployment_name
from tests.unit.bodies import DIGEST, body, with_field

SETTINGS: dict[str, Any] = {
    "spec.app.importPath": "other:build",
    "spec.app.args": {"a": 1},
    "spec.model.id": "other",
    "spec.model.source": "hf://a/b",
    "spec.model.engineArgs": {"max_model_len": 1},
    "spec.runtime.image": "other",
    "spec.runtime.imagePullPolicy": "Always",
    "spec.runtime.imagePullSecrets": [{"name": "a"}],
    "spec.runtime.rayVersion": "2.61.0",
    "spec.runtime.env": [{"name": "A", "value": "1"}],
    "spec.runtime.envFrom": [{"secretRef": {"name": "a"}}],
    "spec.runtime.serviceAccountName": "a",
    "spec.runtime.nodeSelector": {"a": "b"},
    "spec.runtime.tolerations": [{"operator": "Exists"}],
    "spec.runtime.affinity": {"nodeAffinity": {"a": 1}},
    "spec.runtime.runtimeClassName": "a",
    "spec.runtime.priorityClassName": "a",
    "spec.runtime.volumes": [{"name": "a", "emptyDir": {}}],
    "spec.runtime.volumeMounts": [{"name": "a", "mountPath": "/a"}],
    "spec.runtime.head.resources": {"cpu": "1"},
    "spec.runtime.worker.rayCPUs": 4,
    "spec.resources.cpu": "1",
    "spec.resources.memory": "1Gi",
    "spec.resources.gpu": {"count": 1},
}
REQUIRED = {"importPath", "id", "gpu"}
OPTIONAL = sorted(field for field in SETTINGS if field.rpartition(".")[2] not in REQUIRED)
NEUTRAL: dict[str, Any] = {
    "spec.source.git.repository": "https://github.com/acme/other",
    "spec.source.git.commit": "0" * 40,
    "spec.source.git.path": "apps/chat",
    "spec.source.git.secretRef": {"name": "git-token"},
    "spec.scaling": {"minReplicas": 2, "maxReplicas": 9, "targetOngoingRequests": 3},
    "spec.scaling.deployment": "Mine",
    "spec.app.check": {"path": "/ok", "expect": {"status": 204}},
    "spec.suspend": True,
    "metadata.generation": 7,
    "metadata.labels": {"a": "b"},
    "metadata.annotations": {"a": "b"},
    "status": {"url": "http://x"},
}


def digest(given: dict[str, Any], artifact: str | None = DIGEST) -> str:
    return revision_hash(ModelDeployment.from_body(given), artifact)


def shuffled(value: Any, draw: st.DataObject) -> Any:
    """The same object with its keys in another order; the order of lists means something."""
    if isinstance(value, dict):
        keys = draw.draw(st.permutations(sorted(value)))
        return {key: shuffled(value[key], draw) for key in keys}
    if isinstance(value, list):
        return [shuffled(each, draw) for each in value]
    return value


def everything() -> dict[str, Any]:
    full = body()
    for field, value in SETTINGS.items():
        full = with_field(full, field, value)
    return full


def test_is_the_same_for_ever() -> None:
    """A changed digest here restarts every model that there is: do not correct it."""
    assert digest(body()) == "d5841bb8"
    assert digest(everything()) == "8a956124"


@given(st.data())
def test_order_of_fields_means_nothing(draw: st.DataObject) -> None:
    assert digest(shuffled(everything(), draw)) == digest(everything())


@given(st.dictionaries(st.sampled_from(OPTIONAL), st.booleans()))
def test_null_and_empty_are_as_good_as_absent(fields: dict[str, bool]) -> None:
    given = body()
    for field, is_null in fields.items():
        empty = type(SETTINGS[field])() if isinstance(SETTINGS[field], dict | list) else None
        given = with_field(given, field, None if is_null else empty)
    assert digest(given) == digest(body())


@pytest.mark.parametrize("field", sorted(SETTINGS))
def test_every_field_of_a_revision_changes_it(field: str) -> None:
    assert digest(with_field(body(), field, SETTINGS[field])) != digest(body())


def test_every_field_of_a_revision_is_tried() -> None:
    tried = {field.removeprefix("spec.") for field in SETTINGS}
    listed = set(identity(ModelDeployment.from_body(body()), DIGEST))
    assert listed - {"resources", "source.digest"} == {
        field for field in tried if not field.startswith("resources.")
    }


def test_other_code_is_another_revision_and_so_is_code_of_the_image() -> None:
    hashes = {digest(body(), artifact) for artifact in (DIGEST, "sha256:" + "6" * 64, None)}
    assert len(hashes) == 3


@pytest.mark.parametrize("field", sorted(NEUTRAL))
def test_nothing_else_changes_it(field: str) -> None:
    assert digest(with_field(body(), field, NEUTRAL[field])) == digest(body())


@given(st.dictionaries(st.sampled_from(sorted(NEUTRAL)), st.none()))
def test_neutral_fields_together_change_nothing(fields: dict[str, None]) -> None:
    given = everything()
    for field in sorted(fields):
        given = with_field(given, field, NEUTRAL[field])
    assert digest(given) == digest(everything())
    assert revision(ModelDeployment.from_body(given), DIGEST).template == (
        revision(ModelDeployment.from_body(everything()), DIGEST).template
    )


def test_a_quantity_is_the_same_as_number_and_as_text() -> None:
    one = with_field(body(), "spec.resources.cpu", 2)
    assert digest(one) == digest(with_field(body(), "spec.resources.cpu", "2"))


def test_comes_back_whole_from_what_is_kept() -> None:
    md = ModelDeployment.from_body(everything())
    current = revision(md, DIGEST)
    kept = json.loads(json.dumps(controller_revision(md, current)))
    assert from_controller_revision(kept) == current
    assert kept["metadata"]["name"] == f"smollm2-{current.hash}"
    assert kept["metadata"]["ownerReferences"][0]["uid"] == md.uid


def test_what_is_kept_names_its_artifact_if_it_has_one() -> None:
    md = ModelDeployment.from_body(body())
    label = "serving.bastaix.dev/artifact"
    kept = controller_revision(md, revision(md, DIGEST))
    assert kept["metadata"]["labels"][label] == "55555555"
    assert kept["data"]["digest"] == DIGEST
    image = ModelDeployment.from_body(with_field(body(), "spec.source", {"image": {}}))
    kept = controller_revision(image, revision(image, None))
    assert label not in kept["metadata"]["labels"]
    assert kept["data"].keys() == {"template", "deployment", "sha256"}
    assert from_controller_revision(kept) == revision(image, None)


def test_what_is_kept_says_all_of_its_hash_and_which_content_it_came_from() -> None:
    md = ModelDeployment.from_body(body())
    current = revision(md, DIGEST)
    data = controller_revision(md, current)["data"]
    assert len(data["sha256"]) == 64
    assert data["sha256"].startswith(current.hash)
    assert data.items() >= content_fields(content_key(md.spec.source)).items()
    assert len(data["contentSha256"]) == 64


def test_what_an_older_operator_kept_comes_back_without_them() -> None:
    md = ModelDeployment.from_body(body())
    kept = controller_revision(md, revision(md, DIGEST))
    del kept["data"]["sha256"], kept["data"]["content"], kept["data"]["contentSha256"]
    found = from_controller_revision(kept)
    assert (found.sha256, found.content) == (None, None)


def test_what_an_older_operator_kept_of_its_content_stays_as_it_is() -> None:
    md = ModelDeployment.from_body(body())
    kept = controller_revision(md, revision(md, DIGEST))
    del kept["data"]["contentSha256"]
    found = from_controller_revision(kept)
    assert found is not None
    assert controller_revision(md, found) == kept


def test_what_is_kept_is_applied_with_the_scaling_of_today() -> None:
    """A rendering of an older operator stays what it was, but for its scaling."""
    md = ModelDeployment.from_body(with_field(body(), "spec.scaling", {"minReplicas": 3}))
    current = revision(md, DIGEST)
    current.template["rayClusterConfig"]["rayVersion"] = "1.2.3"
    manifest = rayservice(md, current, deployment_name(md))
    assert manifest["spec"]["rayClusterConfig"]["rayVersion"] == "1.2.3"
    (worker,) = manifest["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    assert (worker["minReplicas"], worker["maxReplicas"]) == (3, 3)
    assert "replicas" not in worker
    assert "serveConfig" not in manifest["spec"]
    assert "minReplicas" not in current.template["rayClusterConfig"]["workerGroupSpecs"][0]
