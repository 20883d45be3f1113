"""Reading a ModelDeployment: typed values, defaults of a check, complaints with a path."""

import copy
from typing import Any

import pytest

from bastaix.api import reasons
from bastaix.api.errors import Stalled
from bastaix.api.v1alpha1 import Archive, Git, ModelDeployment
from tests.unit.bodies import body, with_field


def read(changed: dict[str, Any]) -> ModelDeployment:
    return ModelDeployment.from_body(changed)


def test_reads_the_least_that_can_be_said() -> None:
    md = read(body())
    assert (md.name, md.namespace, md.generation) == ("smollm2", "demo", 1)
    assert md.spec.source.commit == "3f9c2a1d" * 5
    assert md.spec.source.secret is None
    assert md.spec.runtime.image is None
    assert md.spec.scaling.max_replicas == 1
    assert not md.spec.suspend


def test_reads_all_that_can_be_said_of_a_repository() -> None:
    git = {
        "repository": "https://git.acme.dev/serving",
        "commit": "a" * 40,
        "path": "apps/chat",
        "exclude": ["docs/**"],
        "host": "Generic",
        "archiveURL": "{repository}/zip/{commit}",
        "secretRef": {"name": "git-token"},
    }
    source = read(with_field(body(), "spec.source", {"git": git})).spec.source
    assert source.git == Git(
        repository="https://git.acme.dev/serving",
        commit="a" * 40,
        path="apps/chat",
        exclude=("docs/**",),
        host="Generic",
        archive_url="{repository}/zip/{commit}",
        secret="git-token",
    )
    assert (source.archive, source.commit, source.secret) == (None, "a" * 40, "git-token")


def test_reads_an_archive() -> None:
    archive = {"url": "s3://bucket/a.zip", "sha256": "a" * 64, "secretRef": {"name": "bucket"}}
    source = read(with_field(body(), "spec.source", {"archive": archive})).spec.source
    assert source.archive == Archive(url="s3://bucket/a.zip", sha256="a" * 64, secret="bucket")
    assert (source.git, source.commit, source.secret) == (None, None, "bucket")


def test_reads_that_the_code_is_in_the_image() -> None:
    source = read(with_field(body(), "spec.source", {"image": {}})).spec.source
    assert (source.git, source.archive, source.secret) == (None, None, None)


def test_asks_for_one_token_unless_told_otherwise() -> None:
    check = read(body()).spec.app.check
    assert (check.method, check.path, check.expect.status) == ("POST", "/v1/chat/completions", 200)
    assert check.body is not None
    assert check.body["model"] == "smollm2"
    assert check.body["max_tokens"] == 1


def test_asks_an_app_without_a_model_for_its_models() -> None:
    changed = with_field(body(), "spec.model", None)
    changed = with_field(changed, "spec.scaling", {"deployment": "Mine"})
    check = read(changed).spec.app.check
    assert (check.method, check.path, check.body) == ("GET", "/v1/models", None)


@pytest.mark.parametrize(
    ("given", "method", "sent"),
    [
        ({"path": "/ok"}, "GET", None),
        ({"path": "/ok", "body": {"a": None}}, "POST", {"a": None}),
        ({"path": "/ok", "method": "POST"}, "POST", None),
    ],
)
def test_asks_what_the_user_wrote(given: dict[str, Any], method: str, sent: Any) -> None:
    check = read(with_field(body(), "spec.app.check", given)).spec.app.check
    assert (check.method, check.path, check.body) == (method, "/ok", sent)


def test_expects_what_the_user_wrote_of_the_usual_question() -> None:
    changed = with_field(body(), "spec.app.check", {"expect": {"contains": "Rome"}})
    check = read(changed).spec.app.check
    assert check.path == "/v1/chat/completions"
    assert (check.expect.status, check.expect.contains) == (200, "Rome")


def test_takes_the_least_replicas_for_the_most_when_that_is_absent() -> None:
    scaling = read(with_field(body(), "spec.scaling", {"minReplicas": 3})).spec.scaling
    assert (scaling.min_replicas, scaling.max_replicas) == (3, 3)


def test_keeps_quantities_as_text_and_nulls_in_arguments() -> None:
    changed = with_field(body(), "spec.resources", {"cpu": 2, "memory": "8Gi"})
    changed = with_field(changed, "spec.model.engineArgs", {"x": None})
    spec = read(changed).spec
    assert (spec.resources.cpu, spec.resources.memory) == ("2", "8Gi")
    assert spec.model is not None
    assert spec.model.engine_args == {"x": None}


DATASETS = {"path": "a.jsonl", "configMapRef": {"name": "a", "key": "b"}}


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("spec.source.git.commit", None, "spec.source.git.commit is missing"),
        ("spec.source.git", [], "spec.source.git must be a map"),
        ("spec.source.git.exclude", ["a", 1], "spec.source.git.exclude must be a list of texts"),
        ("spec.source.git.exclude", "a", "spec.source.git.exclude must be a list of texts"),
        ("spec.source.git.secretRef", {}, "spec.source.git.secretRef.name is missing"),
        ("spec.source", {}, "exactly one of git, archive and image"),
        ("spec.source.image", {}, "exactly one of git, archive and image"),
        ("spec.source", {"archive": {"url": "s3://a/b"}}, "spec.source.archive.sha256 is missing"),
        ("spec.app.importPath", 1, "spec.app.importPath must be of type str, not 1"),
        ("spec.scaling.minReplicas", True, "spec.scaling.minReplicas must be of type int"),
        ("spec.scaling", {"minReplicas": 2, "maxReplicas": 1}, "is above maxReplicas (1)"),
        ("spec.resources.cpu", [], "spec.resources.cpu must be a quantity"),
        ("spec.resources.gpu", {}, "spec.resources.gpu.count is missing"),
        ("spec.runtime.env", ["A"], "spec.runtime.env must be a list of maps"),
        ("spec.model", None, "spec.scaling.deployment is missing"),
        ("spec.rollout.gate", {"dataset": {}}, "exactly one of path and configMapRef"),
        ("spec.rollout.gate", {"dataset": DATASETS}, "exactly one of path and configMapRef"),
        (
            "spec.rollout.gate.dataset",
            {"configMapRef": {"name": "a"}},
            "configMapRef.key is missing",
        ),
    ],
)
def test_names_the_field_that_cannot_be_read(field: str, value: Any, says: str) -> None:
    with pytest.raises(Stalled) as stalled:
        read(with_field(body(), field, value))
    assert stalled.value.reason == reasons.INVALID_SPEC
    assert says in stalled.value.message


def test_refuses_a_data_set_of_the_source_where_the_code_is_in_the_image() -> None:
    in_image = with_field(body(), "spec.source", {"image": {}})
    with pytest.raises(Stalled, match=r"use dataset\.configMapRef"):
        read(with_field(in_image, "spec.rollout.gate.dataset", {"path": "a.jsonl"}))
    from_map = {"configMapRef": {"name": "a", "key": "b"}}
    assert read(with_field(in_image, "spec.rollout.gate.dataset", from_map)).spec.rollout.gate


def test_changes_no_body_that_it_reads() -> None:
    given = with_field(body(), "spec.runtime.env", [{"name": "A", "value": None}])
    before = copy.deepcopy(given)
    read(given)
    assert given == before
