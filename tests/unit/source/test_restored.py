"""What an earlier revision names is made again when somebody has deleted it: it may serve."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bastaix.api import names, reasons
from bastaix.api.sources import EARLIER_DIGITS, content_fields, content_key
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.reconcile.cluster import Refused
from bastaix.source.artifact import Artifact
from bastaix.source.failure import SourceFailure
from bastaix.source.losses import FIRST_SECONDS, SEARCH_SECONDS
from bastaix.source.turns import MOST_YIELDS, SAFE_SECONDS
from tests.unit.bodies import body, with_field
from tests.unit.source.controller_fakes import CODE, NAME, OTHER_CODE, digest_of
from tests.unit.source.story import Story

COMMIT, OTHER_COMMIT = body()["spec"]["source"]["git"]["commit"], "b" * 40
SECRET = names.artifact_name(NAME[1], digest_of(CODE))
DOWN = SourceFailure(reasons.SOURCE_UNREACHABLE, "github.com takes no connection")


@pytest.fixture(params=["whole", "earlier"])
async def story(tmp_path: Path, request: pytest.FixtureRequest) -> Story:
    """A revision of one commit is kept, the spec is at another one; both were verified.

    It is of this version, or of one that kept the first digits of its content alone.
    """
    story = Story(tmp_path)
    await story.look()
    md = ModelDeployment.from_body(story.cluster.body)
    owner = {"kind": names.KIND, "name": NAME[1], "uid": "uid-1", "controller": True}
    content = content_key(md.spec.source) or ""
    data = {
        **content_fields(content if request.param == "whole" else content[:EARLIER_DIGITS]),
        "digest": digest_of(CODE),
        "commit": COMMIT,
    }
    story.secrets.kept = [{"metadata": {"ownerReferences": [owner]}, "data": data}]
    story.secrets.used = {names.artifact_label(digest_of(CODE))}
    story.code.of_commit = {OTHER_COMMIT: OTHER_CODE}
    story.change("source.git.commit", OTHER_COMMIT)
    await story.look()
    story.code.fetched.clear()
    return story


def miss_a_volume(story: Story) -> None:
    """The operator sees that a Pod of it waits for one."""
    finding = {"reason": "VolumeMissing", "message": "Pod p"}
    story.cluster.put(with_field(story.cluster.body, "status.finding", finding))


async def test_what_an_earlier_revision_names_is_fetched_again(story: Story) -> None:
    story.secrets.remove(SECRET)
    story.ticks.forward(SEARCH_SECONDS)
    said, writes = story.condition, len(story.cluster.writes)
    assert await story.look() is None
    assert story.secrets.data_of(SECRET) == {names.artifact_file(digest_of(CODE)): CODE}
    assert story.code.fetched == [(COMMIT, True)]
    assert (story.condition, len(story.cluster.writes)) == (said, writes)
    story.ticks.forward(SEARCH_SECONDS)
    await story.look()
    assert len(story.code.fetched) == 1


async def test_it_is_so_too_while_the_specs_own_source_fails(story: Story) -> None:
    story.secrets.remove(SECRET)
    story.change("source.git.commit", "c" * 40)
    story.code.failures = {"c" * 40: DOWN}
    story.ticks.forward(SEARCH_SECONDS)
    await story.look()
    assert story.verdict == ("False", "SourceUnreachable")
    assert (NAME[0], SECRET) in story.secrets.manifests


async def test_a_pod_that_waits_for_a_volume_is_looked_after_at_once(story: Story) -> None:
    story.secrets.remove(SECRET)
    story.ticks.forward(FIRST_SECONDS)
    await story.look()
    assert (NAME[0], SECRET) not in story.secrets.manifests
    searches = story.secrets.searches
    await story.look()
    assert story.secrets.searches == searches, "it is looked for only now and then"
    miss_a_volume(story)
    await story.look()
    assert (NAME[0], SECRET) in story.secrets.manifests


async def test_looks_in_between_put_no_search_off(story: Story) -> None:
    story.secrets.remove(SECRET)
    for _ in range(3):
        story.ticks.forward(SEARCH_SECONDS / 3)
        await story.look()
    assert (NAME[0], SECRET) in story.secrets.manifests


@pytest.mark.parametrize("failure", [DOWN, None], ids=["unreachable", "another content"])
async def test_what_cannot_be_made_again_is_tried_ever_more_seldom_whatever_changes(
    story: Story, failure: SourceFailure | None
) -> None:
    story.secrets.remove(SECRET)
    story.code.of_commit[COMMIT] = b"something else"
    story.code.failure = failure
    miss_a_volume(story)
    story.ticks.forward(SEARCH_SECONDS)
    for number in range(1, 400):  # a second each, in which a tenant changes something
        story.change("scaling.maxReplicas", 2 + number)
        assert await story.look() is not None
        story.ticks.forward(1)
    assert len(story.code.fetched) == 6, "after 0, 10, 30, 70, 150 and 310 s"


async def test_who_changes_the_spec_during_each_try_has_it_tried_no_more_often(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched, tries = story.code.verified, 0

    async def slow(*given: Any, is_known: bool = False) -> Artifact:
        nonlocal tries
        if is_known:
            tries += 1
            story.change("app.importPath", f"app{tries}:build")
            await asyncio.Event().wait()
        return await fetched(*given, is_known=is_known)

    monkeypatch.setattr(story.code, "verified", slow)
    story.secrets.remove(SECRET)
    miss_a_volume(story)
    story.ticks.forward(SEARCH_SECONDS)
    for _ in range(8):
        await story.look()
        story.ticks.forward(1)
    assert tries == 1


async def test_a_secret_that_cannot_be_made_is_not_fetched_for_at_each_look(
    story: Story,
) -> None:
    story.secrets.remove(SECRET)
    story.secrets.refusal = Refused(503, "ServiceUnavailable", "x")
    story.ticks.forward(SEARCH_SECONDS)
    with pytest.raises(Refused):
        await story.look()
    for _ in range(6):
        story.ticks.forward(1)
        await story.look()
    assert len(story.code.fetched) == 1
    story.secrets.refusal = None
    story.ticks.forward(FIRST_SECONDS)
    await story.look()
    assert (NAME[0], SECRET) in story.secrets.manifests


async def test_each_look_says_when_the_next_try_is_due(story: Story) -> None:
    story.secrets.remove(SECRET)
    story.code.failure = DOWN
    story.ticks.forward(SEARCH_SECONDS)
    assert await story.look() == 2 * FIRST_SECONDS
    story.ticks.forward(1)
    assert await story.look() == 2 * FIRST_SECONDS - 1
    assert len(story.code.fetched) == 1


async def test_what_the_host_gives_now_is_kept_only_if_it_is_the_same(story: Story) -> None:
    story.secrets.remove(SECRET)
    story.code.of_commit[COMMIT] = b"something else"
    story.ticks.forward(SEARCH_SECONDS)
    assert await story.look() == 2 * FIRST_SECONDS
    assert set(story.secrets.manifests) == {
        (NAME[0], names.artifact_name(NAME[1], digest_of(OTHER_CODE)))
    }
    assert story.verdict == ("True", "Verified")


async def test_a_host_that_does_not_answer_is_asked_again_later(story: Story) -> None:
    story.secrets.remove(SECRET)
    story.code.failure = DOWN
    story.ticks.forward(SEARCH_SECONDS)
    said = story.condition
    again = await story.look()
    assert again is not None
    assert story.condition == said
    story.code.failure = None
    await story.look()
    assert len(story.code.fetched) == 1
    story.ticks.forward(again)
    assert await story.look() is None
    assert (NAME[0], SECRET) in story.secrets.manifests


async def test_it_gives_its_turn_up_as_often_as_another_would_each_time(story: Story) -> None:
    for _ in range(MOST_YIELDS):
        story.turns.give_up(NAME, lambda: None)
        story.turns.release(NAME)
    story.secrets.remove(SECRET)
    story.ticks.forward(SEARCH_SECONDS)
    await story.look()
    assert story.turns.take(NAME, lambda: None)
    for number in range(3):
        assert story.turns.take((f"other-{number}", "x"), lambda: None)
    story.ticks.forward(2 * SAFE_SECONDS)
    assert not story.turns.take(("waiting", "x"), lambda: None)
    assert story.turns.must_yield(NAME)


async def test_a_secret_of_somebody_else_with_its_name_is_left(story: Story) -> None:
    story.secrets.remove(SECRET)
    story.secrets.put(SECRET, {"x": b"y"})
    story.ticks.forward(SEARCH_SECONDS)
    await story.look()
    assert story.secrets.data_of(SECRET) == {"x": b"y"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("source.git.path", "elsewhere"),
        ("source.git.repository", "https://github.com/acme/other"),
        ("source", {"image": {}}),
    ],
)
async def test_from_where_it_came_is_not_guessed(story: Story, field: str, value: object) -> None:
    story.change(field, value)
    await story.look()
    story.code.fetched.clear()
    story.secrets.remove(SECRET)
    story.ticks.forward(SEARCH_SECONDS)
    await story.look()
    assert story.code.fetched == []


async def test_it_takes_its_turn_like_any_other(story: Story) -> None:
    story.secrets.remove(SECRET)
    story.ticks.forward(SEARCH_SECONDS)
    others = [(NAME[0], f"other-{number}") for number in range(2)]
    for other in others:
        assert story.turns.take(other, lambda: None)
    assert await story.look() is None
    assert story.code.fetched == []
    for other in others:
        story.turns.release(other)
    assert story.woken == [NAME]
    await story.look()
    assert (NAME[0], SECRET) in story.secrets.manifests
