"""An artifact is believed by what tenants cannot write, and never by its own word."""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bastaix.api import names, reasons
from bastaix.api.sources import EARLIER_DIGITS, content_fields, content_key, verification_fields
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.source import anchors
from bastaix.source.failure import SourceFailure
from tests.unit.bodies import body, with_field
from tests.unit.source.controller_fakes import CODE, NAME, OTHER_CODE, Killed, digest_of
from tests.unit.source.story import Story

FORGED = b"os.system('id')"
COMMIT, OTHER_COMMIT = "spec.source.git.commit", "b" * 40
DOWN = SourceFailure(reasons.SOURCE_UNREACHABLE, "github.com takes no connection")


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def forged(content: str, code: bytes = FORGED, **changes: Any) -> dict[str, Any]:
    """All that an artifact of the versions before had, by who may create Secrets alone."""
    metadata = {
        "namespace": NAME[0],
        "name": names.artifact_name(NAME[1], digest_of(code)),
        "labels": {
            names.NAME_LABEL: NAME[1],
            names.MANAGED_BY_LABEL: names.MANAGED_BY,
            names.ARTIFACT_LABEL: names.artifact_label(digest_of(code)),
        },
        "annotations": {
            f"{names.GROUP}/source-{content[:EARLIER_DIGITS]}": "x 2026-01-01T12:00:00Z"
        },
        "ownerReferences": [
            {"kind": names.KIND, "name": NAME[1], "uid": "uid-1", "controller": True}
        ],
    }
    file = names.artifact_file(digest_of(code))
    data = {file: base64.b64encode(code).decode()}
    type = f"{names.GROUP}/artifact"
    return {"metadata": metadata, "type": type, "immutable": True, "data": data, **changes}


def revision(content: str | None, code: bytes = CODE, uid: str = "uid-1") -> dict[str, Any]:
    data = {**content_fields(content), "digest": digest_of(code), "commit": "a" * 40}
    owner = {"kind": names.KIND, "name": NAME[1], "uid": uid, "controller": True}
    return {
        "metadata": {"name": "smollm2-0", "ownerReferences": [owner]},
        "data": {key: value for key, value in data.items() if value is not None},
    }


def md_of(story: Story) -> ModelDeployment:
    return ModelDeployment.from_body(story.cluster.body)


def content_of(story: Story) -> str:
    return content_key(md_of(story).spec.source) or ""


def alike(content: str) -> str:
    """Another content, of the same first digits."""
    return content[:EARLIER_DIGITS].ljust(64, "0")


def by_an_earlier_version(source: Mapping[str, Any]) -> dict[str, Any]:
    """A `status.source` as versions wrote it that kept the first digits of each key alone."""
    artifacts = [
        {name: value for name, value in entry.items() if name != "contentSha256"}
        for entry in source["artifacts"]
    ]
    kept = {name: value for name, value in source.items() if name != "verifiedSha256"}
    return {**kept, "artifacts": artifacts}


async def test_a_secret_that_somebody_made_in_advance_is_not_taken_for_the_code(
    story: Story,
) -> None:
    story.secrets._store(forged(content_of(story)))
    await story.look()
    assert (story.code.fetches, story.code.rechecks) == (1, 0)
    assert story.cluster.status["source"]["digest"] == digest_of(CODE)


WRONG: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "bytes": lambda it: {"data": {next(iter(it["data"])): base64.b64encode(FORGED).decode()}},
    "not-base64": lambda it: {"data": {next(iter(it["data"])): "%%%"}},
    "file": lambda it: {"data": {"x.zip": next(iter(it["data"].values()))}},
    "two-files": lambda it: {"data": {**it["data"], "x": "eA=="}},
    "empty": lambda it: {"data": None},
    "mutable": lambda it: {"immutable": False},
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_an_artifact_that_was_replaced_is_noticed_and_made_again(
    story: Story, wrong: str
) -> None:
    await story.look()
    right = story.artifact()
    assert right is not None
    story.secrets.replace(right["metadata"]["name"], **WRONG[wrong](right))
    story.start()
    await story.look()
    assert story.verdict == ("True", "Verified")
    assert story.cluster.status["source"]["digest"] == digest_of(CODE)
    again = story.artifact()
    assert again is not None
    assert (again["data"], again["immutable"]) == (right["data"], True)
    assert story.code.fetches == 2


async def test_what_was_replaced_is_removed_and_told_before_the_code_is_there_again(
    story: Story,
) -> None:
    await story.look()
    right = story.artifact()
    assert right is not None
    story.secrets.replace(right["metadata"]["name"], **WRONG["bytes"](right))
    story.code.failure = DOWN
    said: list[tuple[str, str]] = []
    apply = story.cluster.apply_status

    async def noted(*given: Any) -> None:
        await apply(*given)
        said.append((*story.verdict, story.condition["message"]))

    story.cluster.apply_status = noted  # type: ignore[method-assign]
    await story.look()
    assert [each[:2] for each in said] == [
        ("Unknown", "FetchingSource"),
        ("False", "SourceUnreachable"),
    ]
    assert right["metadata"]["name"] in said[0][2]
    assert story.artifact() is None, "no Pod can mount it"


@pytest.mark.parametrize(
    "changes",
    [{"type": "Opaque"}, {"metadata": {"ownerReferences": []}}, {"metadata": {"uid-of": "other"}}],
    ids=["type", "no-owner", "other-owner"],
)
async def test_somebody_elses_secret_of_the_name_is_named_with_what_to_do_and_left(
    story: Story, changes: dict[str, Any]
) -> None:
    await story.look()
    right = story.artifact()
    assert right is not None
    name = right["metadata"]["name"]
    if "metadata" in changes:
        owner = {"kind": "Deployment", "name": "x", "uid": "uid-9", "controller": True}
        owners = [owner] if "uid-of" in changes["metadata"] else []
        changes = {"metadata": {**right["metadata"], "ownerReferences": owners}}
    story.secrets.replace(name, **changes)
    story.secrets.manifests[NAME[0], name]["metadata"]["uid"] = "theirs"
    after = await story.look()
    assert story.verdict == ("False", "NotOwned")
    assert f"kubectl delete secret {name} --namespace demo" in story.condition["message"]
    assert (NAME[0], name) in story.secrets.manifests
    assert story.code.fetches == 1, "there is no place for what would be fetched"
    story.secrets.remove(name)
    assert after is not None
    story.ticks.forward(after + 1)
    await story.look()
    assert story.verdict == ("True", "Verified")


async def test_the_bytes_of_one_secret_are_compared_once_however_often_it_is_looked_at(
    story: Story,
) -> None:
    await story.look()
    for _ in range(3):
        story.start()
        await story.look()
    assert story.secrets.reads == []


async def test_a_restored_secret_is_compared_once_and_its_uid_noted(story: Story) -> None:
    await story.look()
    name = names.artifact_name(NAME[1], digest_of(CODE))
    story.secrets.replace(name)
    for _ in range(3):
        story.start()
        await story.look()
    assert (story.secrets.reads, story.code.fetches) == ([name], 1)
    assert story.cluster.writes == ["status", "status"]
    assert story.verdict == ("True", "Verified")


async def test_what_an_earlier_revision_mounts_is_looked_at_too(story: Story) -> None:
    await story.look()
    right = story.artifact()
    assert right is not None
    story.code.artifact = OTHER_CODE
    story.change("source.git.commit", OTHER_COMMIT)
    await story.look()
    story.secrets.used = {names.artifact_label(digest_of(CODE))}
    story.secrets.replace(right["metadata"]["name"])
    story.ticks.forward(301)
    await story.look()
    assert story.artifact() is not None, "as by a restore: it holds what it should"
    story.secrets.replace(right["metadata"]["name"], **WRONG["bytes"](right))
    story.ticks.forward(301)
    await story.look()
    assert story.artifact() is None
    assert story.verdict == ("True", "Verified"), "of the source that the spec names"


# ---- what is taken when the host is down


async def test_a_revision_that_names_an_artifact_has_it_found_again_by_it_alone(
    story: Story,
) -> None:
    await story.look()
    story.cluster.put({**story.cluster.body, "status": {}})
    story.secrets.kept = [revision(content_of(story))]
    story.code.artifact = OTHER_CODE
    story.start()
    await story.look()
    assert (story.verdict, story.code.fetches) == (("True", "Verified"), 1)
    assert story.cluster.status["source"]["digest"] == digest_of(CODE)


@pytest.mark.parametrize(
    "named",
    [
        lambda content: revision(None),
        lambda content: revision(content, uid="uid-9"),
        lambda content: revision("0" * 16),
        lambda content: revision(alike(content)),
        lambda content: {**revision(content), "data": None},
        lambda content: {
            **revision(content),
            "data": {**content_fields(content), "digest": "sha256:1"},
        },
    ],
    ids=["without-content", "of-another", "of-other-content", "alike", "empty", "no-digest"],
)
async def test_what_a_revision_does_not_say_is_not_concluded(
    story: Story, named: Callable[[str], dict[str, Any]]
) -> None:
    await story.look()
    story.cluster.put({**story.cluster.body, "status": {}})
    story.secrets.kept = [named(content_of(story))]
    story.code.failure = DOWN
    story.start()
    await story.look()
    assert story.verdict == ("False", "SourceUnreachable")
    assert story.artifact() is not None, "what serves goes on with it"


async def test_a_status_of_an_earlier_version_is_gone_on_with_without_its_host(
    story: Story,
) -> None:
    await story.look()
    source = {**story.cluster.status["source"]}
    del source["artifacts"]
    conditions = story.cluster.status["conditions"]
    story.cluster.put(
        {**story.cluster.body, "status": {"source": source, "conditions": conditions}}
    )
    story.code.failure = DOWN
    before = len(story.cluster.writes)
    for _ in range(3):
        story.start()
        await story.look()
    assert story.cluster.status["conditions"] == conditions
    assert len(story.cluster.writes) == before + 1, "the artifact is noted"
    assert len(story.secrets.reads) == 1
    assert story.cluster.status["source"]["artifacts"][0]["digest"] == digest_of(CODE)


async def test_a_status_of_an_earlier_version_vouches_for_no_other_code(story: Story) -> None:
    await story.look()
    source = {**story.cluster.status["source"]}
    del source["artifacts"]
    given = with_field(story.cluster.body, COMMIT, OTHER_COMMIT)
    assert anchors.anchors(ModelDeployment.from_body({**given, "status": {"source": source}})) == {}


@pytest.mark.parametrize("host", ["up", "down"])
async def test_after_an_upgrade_nothing_is_fetched_and_the_keys_are_written_whole(
    story: Story, host: str
) -> None:
    await story.look()
    story.change("source.git.commit", OTHER_COMMIT)
    await story.look()
    now = story.cluster.status
    before = by_an_earlier_version(now["source"])
    assert before != now["source"]
    story.cluster.put({**story.cluster.body, "status": {**now, "source": before}})
    story.code.failure = DOWN if host == "down" else None
    story.start()
    await story.look()
    after = story.cluster.status
    assert after["conditions"] == now["conditions"]
    assert (story.code.fetches, story.code.rechecks) == (2, 0)
    assert after["source"].items() >= verification_fields(md_of(story).spec).items()
    whole = {each.get("contentSha256") for each in after["source"]["artifacts"]}
    assert whole == {content_of(story), None}, "of the other one nobody knows more"


async def test_a_content_of_an_earlier_version_is_gone_back_to_without_its_host(
    story: Story,
) -> None:
    await story.look()
    first = story.cluster.body["spec"]["source"]["git"]["commit"]
    story.change("source.git.commit", OTHER_COMMIT)
    await story.look()
    source = by_an_earlier_version(story.cluster.status["source"])
    story.cluster.put({**story.cluster.body, "status": {**story.cluster.status, "source": source}})
    story.code.failures = {first: DOWN}
    story.change("source.git.commit", first)
    await story.look()
    assert story.verdict == ("True", "Verified")
    assert (story.code.fetches, story.code.rechecks) == (2, 1)


async def test_a_revision_of_an_earlier_version_names_its_artifact_by_the_first_digits(
    story: Story,
) -> None:
    await story.look()
    story.cluster.put({**story.cluster.body, "status": {}})
    story.secrets.kept = [revision(content_of(story)[:EARLIER_DIGITS])]
    story.start()
    await story.look()
    assert story.verdict == ("True", "Verified")
    assert (story.code.fetches, story.code.rechecks) == (1, 1)


async def test_a_source_is_fetched_though_another_of_the_same_first_digits_was_verified(
    story: Story,
) -> None:
    """Whose author has made the two alike, to have his own code taken for the other's."""
    story.code.artifact = OTHER_CODE
    await story.look()
    now = story.cluster.status
    source, content = now["source"], content_of(story)
    (entry,) = source["artifacts"]
    forged = {
        **source,
        "verifiedSha256": source["verified"].ljust(64, "0"),
        "artifacts": [{**entry, "contentSha256": alike(content)}],
    }
    story.cluster.put({**story.cluster.body, "status": {**now, "source": forged}})
    story.code.artifact = CODE
    story.start()
    await story.look()
    assert story.cluster.status["source"]["digest"] == digest_of(CODE)
    (entry,) = story.cluster.status["source"]["artifacts"]
    assert (entry["contentSha256"], entry["digest"]) == (content, digest_of(CODE))


# ---- the list


def test_what_stands_in_the_list_is_read_with_care() -> None:
    entries = [
        {"content": "a", "digest": digest_of(CODE), "at": "yesterday"},
        {"content": "b", "digest": "sha256:short"},
        {"content": "c"},
        {"digest": digest_of(CODE)},
    ]
    md = ModelDeployment.from_body({**body(), "status": {"source": {"artifacts": entries}}})
    assert list(anchors.anchors(md)) == ["a"]


async def test_the_order_in_which_the_api_server_gives_the_list_brings_no_write(
    story: Story,
) -> None:
    await story.look()
    story.change("source.git.commit", OTHER_COMMIT)
    await story.look()
    source = story.cluster.status["source"]
    source["artifacts"].reverse()
    before = list(story.cluster.writes)
    await story.look()
    assert story.cluster.writes == before


# ---- killed


async def told(tmp_path: Path, dies_after: int | None) -> tuple[dict[str, Any], int]:
    """Two commits, a forged artifact, a deleted one; gives the end, and how many writes it took."""
    story = Story(tmp_path)
    story.secrets.mortality.left = dies_after

    async def settled() -> None:
        for _ in range(6):
            try:
                after = await story.look()
            except Killed:
                story.start()
                continue
            story.ticks.forward((after or 0) + 1)

    await settled()
    name = names.artifact_name(NAME[1], digest_of(CODE))
    found = story.secrets.manifests[NAME[0], name]
    story.secrets.replace(name, **WRONG["bytes"](found))
    await settled()
    story.code.artifact = OTHER_CODE
    story.change("source.git.commit", OTHER_COMMIT)
    await settled()
    story.secrets.remove(names.artifact_name(NAME[1], digest_of(OTHER_CODE)))
    await settled()
    assert story.secrets.mortality.left is None or dies_after is None, "it never died"
    source = story.cluster.status["source"]
    artifacts = {each["content"]: each["digest"] for each in source["artifacts"]}
    data = {name: manifest["data"] for name, manifest in story.secrets.manifests.items()}
    end = {"verdict": story.verdict, "source": {**source, "artifacts": artifacts}, "data": data}
    return end, len(story.secrets.writes) + len(story.cluster.writes)


async def test_a_death_after_any_write_changes_nothing_about_the_end(tmp_path: Path) -> None:
    wanted, writes = await told(tmp_path, None)
    assert wanted["verdict"] == ("True", "Verified")
    assert len(wanted["data"]) == 2
    assert writes >= 9
    for number in range(1, writes + 1):
        end, _ = await told(tmp_path, number)
        assert end == wanted, f"killed after write {number}"
