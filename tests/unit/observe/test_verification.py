"""What the source controller says of a source, and what that means for the operator."""

from typing import Any

import pytest

from bastaix.api import reasons
from bastaix.api.errors import Stalled, Waiting
from bastaix.api.reasons import Finding
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.verification import SOURCE_SECONDS, verified
from tests.unit import bodies
from tests.unit.bodies import DIGEST, body, with_field

GOOD = bodies.verified(body(), DIGEST)


def look(given: dict[str, Any]) -> str | None:
    return verified(ModelDeployment.from_body(given))


def test_gives_the_digest_of_what_was_verified() -> None:
    assert look(GOOD) == DIGEST


def test_a_change_of_what_is_not_checked_asks_nobody_anew() -> None:
    scaled = with_field(GOOD, "spec.scaling", {"minReplicas": 2})
    scaled = with_field(scaled, "spec.source.git.secretRef", {"name": "renewed"})
    assert look(with_field(scaled, "metadata.generation", 2)) == DIGEST


def test_code_of_the_image_waits_for_nobody() -> None:
    assert look(with_field(body(), "spec.source", {"image": {}})) is None


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (body(), "commit 3f9c2a1d3f9c"),
        (with_field(GOOD, "spec.source.git.commit", "b" * 40), "commit bbbbbbbbbbbb"),
        (with_field(GOOD, "spec.source.git.path", "apps/chat"), "commit 3f9c2a1d3f9c"),
        (with_field(GOOD, "spec.app.importPath", "other:build"), "commit 3f9c2a1d3f9c"),
        (with_field(GOOD, "status.conditions", []), "commit 3f9c2a1d3f9c"),
        (with_field(GOOD, "status.source", {}), "commit 3f9c2a1d3f9c"),
        (
            with_field(
                body(),
                "spec.source",
                {"archive": {"url": "https://x.dev/a.zip?key=s3cret", "sha256": "a" * 64}},
            ),
            "the archive with sha256 aaaaaaaaaaaa",
        ),
    ],
)
def test_waits_for_an_answer_to_what_is_asked_now(given: dict[str, Any], says: str) -> None:
    with pytest.raises(Waiting) as waiting:
        look(given)
    assert waiting.value.reason == reasons.FETCHING_SOURCE
    assert waiting.value.message.endswith(says)


def test_an_answer_to_another_generation_is_none_to_this() -> None:
    old = bodies.refused(GOOD, "SourceNotFound", "no such commit")
    with pytest.raises(Waiting) as waiting:
        look(with_field(old, "metadata.generation", 2))
    assert waiting.value.reason == reasons.FETCHING_SOURCE


def test_what_somebody_else_must_do_is_waited_for_and_told_word_for_word() -> None:
    with pytest.raises(Waiting) as waiting:
        look(bodies.refused(body(), "SecretNotFound", "no Secret git-token. Create it"))
    assert waiting.value.reason == reasons.SECRET_NOT_FOUND
    assert waiting.value.message == "no Secret git-token. Create it"
    assert waiting.value.after == SOURCE_SECONDS


def test_what_only_the_user_can_change_is_stalled() -> None:
    with pytest.raises(Stalled) as stalled:
        look(bodies.refused(GOOD, "ImportPathNotFound", "app.py binds no name build"))
    assert stalled.value.reason == reasons.IMPORT_PATH_NOT_FOUND


def test_a_reason_that_is_not_known_yet_is_told_too() -> None:
    with pytest.raises(Waiting) as waiting:
        look(bodies.refused(body(), "SourceHaunted", "a ghost"))
    assert (waiting.value.reason, waiting.value.message) == (reasons.FETCHING_SOURCE, "a ghost")


def test_what_is_said_while_it_is_fetched_is_handed_on() -> None:
    with pytest.raises(Waiting) as waiting:
        look(bodies.answered(body(), "Unknown", "FetchingSource", "asking github.com"))
    assert waiting.value.message == "asking github.com"


@pytest.mark.parametrize("reason", reasons.BY_GROUP["The source"], ids=str)
def test_a_hint_stands_once_whoever_found_the_trouble(reason: reasons.Reason) -> None:
    said = reasons.explained(Finding(reason, "git-token says no."))
    with pytest.raises((Stalled, Waiting)) as hindrance:
        look(bodies.refused(body(), reason.name, said))
    found = hindrance.value.finding
    assert found.message in ("git-token says no", "git-token says no.")
    assert reasons.explained(found) == said
