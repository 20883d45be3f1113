"""What is asked of the source controller has a name, which changes when the question does."""

from typing import Any

import pytest

from bastaix.api.sources import content_key, verification_key
from bastaix.api.v1alpha1 import ModelDeployment, Spec
from tests.unit.bodies import body, with_field

GIT = "spec.source.git"
ARCHIVE = {"url": "https://g.dev/a.zip", "sha256": "a" * 64}


def spec(field: str = "spec.suspend", value: Any = False) -> Spec:
    return ModelDeployment.from_body(with_field(body(), field, value)).spec


def test_is_the_same_for_ever() -> None:
    """Another key makes every source be fetched anew: do not correct it."""
    assert content_key(spec().source) == "6f8b170dd12c42e6"
    assert verification_key(spec()) == "85600b7c2b86dae9"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (f"{GIT}.repository", "https://github.com/acme/other"),
        (f"{GIT}.commit", "0" * 40),
        (f"{GIT}.path", "apps/chat"),
        (f"{GIT}.exclude", ["docs/**"]),
        (f"{GIT}.host", "Gitea"),
        (f"{GIT}.archiveURL", "https://g.dev/{commit}"),
        ("spec.source", {"archive": ARCHIVE}),
    ],
)
def test_another_source_is_another_content_and_another_question(field: str, value: Any) -> None:
    changed = spec(field, value)
    assert content_key(changed.source) != content_key(spec().source)
    assert verification_key(changed) != verification_key(spec())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("spec.app.importPath", "other:build"),
        ("spec.runtime.image", "ray:2"),
        ("spec.runtime.rayVersion", "2.61.0"),
    ],
)
def test_what_is_checked_against_is_part_of_the_question_alone(field: str, value: Any) -> None:
    changed = spec(field, value)
    assert content_key(changed.source) == content_key(spec().source)
    assert verification_key(changed) != verification_key(spec())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (f"{GIT}.secretRef", {"name": "git-token"}),
        (f"{GIT}.exclude", []),
        (f"{GIT}.path", None),
        ("spec.scaling", {"minReplicas": 2}),
        ("spec.runtime.env", [{"name": "A", "value": "1"}]),
    ],
)
def test_nothing_else_asks_anew(field: str, value: Any) -> None:
    assert verification_key(spec(field, value)) == verification_key(spec())


def test_of_code_in_the_image_nothing_is_asked() -> None:
    image = spec("spec.source", {"image": {}})
    assert content_key(image.source) is None
    assert verification_key(image) is None
