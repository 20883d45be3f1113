"""What is asked of the source controller has a name, which changes when the question does."""

from typing import Any

import pytest

from bastaix.api.sources import (
    EARLIER_DIGITS,
    content_fields,
    content_key,
    is_code_verified,
    is_verified,
    verification_fields,
    verification_key,
)
from bastaix.api.v1alpha1 import ModelDeployment, Spec
from tests.unit.bodies import body, with_field

GIT = "spec.source.git"
GATE = {"dataset": {"path": "evals/golden.jsonl"}}
CONTENT = "6f8b170dd12c42e67a1c2daf086a25639521aeeb124cb10099b3d105fe3eb8d8"
KEY = "f2ad25b29292cefc0d27690158ad2f8284ead2542cc3c5e53ed0c2cde8d51a75"
GATED = "85600b7c2b86dae9-31a2f3fc8df81de6"
ARCHIVE = {"url": "https://g.dev/a.zip", "sha256": "a" * 64}


def spec(field: str = "spec.suspend", value: Any = False) -> Spec:
    return ModelDeployment.from_body(with_field(body(), field, value)).spec


def test_is_the_same_for_ever() -> None:
    """Another key makes every source be fetched anew: do not correct it.

    The short ones are those of earlier versions, which read them again after a rollback.
    """
    content, key = content_key(spec().source), verification_key(spec())
    assert content == CONTENT
    assert key == KEY
    assert content_fields(content) == {"content": "6f8b170dd12c42e6", "contentSha256": content}
    assert verification_fields(spec()) == {"verified": "85600b7c2b86dae9", "verifiedSha256": key}
    gated = spec("spec.rollout.gate", GATE)
    assert verification_fields(gated)["verified"] == GATED


EARLIER = {"verified": "85600b7c2b86dae9"}
"""What an earlier version wrote of `spec()`."""
OF_ANOTHER_GATE = {"dataset": {"path": "evals/other.jsonl"}}


def test_what_an_earlier_version_verified_is_still_verified() -> None:
    assert is_verified(EARLIER, spec())
    assert is_verified({"verified": GATED}, spec("spec.rollout.gate", GATE))
    assert not is_verified(EARLIER, spec(f"{GIT}.commit", "0" * 40))
    assert not is_verified(EARLIER, spec("spec.rollout.gate", GATE))
    assert not is_verified({}, spec())


def test_of_the_code_alone_another_data_set_changes_nothing() -> None:
    for written in (EARLIER, verification_fields(spec())):
        assert is_code_verified(written, spec("spec.rollout.gate", GATE))
        assert not is_code_verified(written, spec("spec.app.importPath", "other:build"))
    gated = verification_fields(spec("spec.rollout.gate", GATE))
    assert is_code_verified(gated, spec("spec.rollout.gate", OF_ANOTHER_GATE))
    assert not is_verified(gated, spec("spec.rollout.gate", OF_ANOTHER_GATE))


@pytest.mark.parametrize("is_gated", [False, True])
def test_another_source_of_the_same_first_digits_is_not_verified(is_gated: bool) -> None:
    asked = spec("spec.rollout.gate", GATE) if is_gated else spec()
    written = verification_fields(asked)
    digits = written["verified"].partition("-")[0]
    other = {**written, "verifiedSha256": digits.ljust(64, "0")}
    assert len(digits) == EARLIER_DIGITS
    assert is_verified(written, asked)
    assert not is_verified(other, asked)
    assert not is_code_verified(other, asked)


def test_of_code_in_the_image_nothing_is_verified() -> None:
    image = spec("spec.source", {"image": {}})
    assert not is_verified({}, image)
    assert not is_code_verified({}, image)


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
