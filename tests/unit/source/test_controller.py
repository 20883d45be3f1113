"""The story of one source: what is fetched, kept, said, and when it is tried again."""

import asyncio
import errno
from pathlib import Path
from typing import Any

import pytest

from bastaix.api import names, reasons
from bastaix.api.errors import Stalled
from bastaix.api.sizes import MOST_FREE_BYTES, PACKED
from bastaix.api.sources import content_fields, content_key, verification_fields
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.verification import verified
from bastaix.reconcile.cluster import Refused
from bastaix.reconcile.index import Name
from bastaix.source.failure import SourceFailure
from tests.unit.bodies import body, with_field
from tests.unit.source.controller_fakes import CODE, NAME, OTHER_CODE, digest_of
from tests.unit.source.story import Story

TOKEN = b"canary-in-the-mine"
WITH_SECRET = with_field(body(), "spec.source.git.secretRef", {"name": "git-token"})
CREDENTIAL = {"hosts": b"github.com", "token": TOKEN}
OTHER_COMMIT = "b" * 40


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def fails(reason: reasons.Reason, after: float | None = None) -> SourceFailure:
    return SourceFailure(reason, "github.com says no", after=after)


# ---- what is verified


async def test_what_is_verified_is_kept_and_said(story: Story) -> None:
    assert await story.look() is None
    assert story.verdict == ("True", "Verified")
    assert story.condition["message"] == f"2 files, {len(CODE)} bytes, {digest_of(CODE)}; a note"
    md = ModelDeployment.from_body(story.cluster.body)
    assert story.cluster.status["source"] == {
        "commit": md.spec.source.commit,
        "digest": digest_of(CODE),
        "bytes": len(CODE),
        "files": 2,
        **verification_fields(md.spec),
        "artifacts": [
            {
                **content_fields(content_key(md.spec.source)),
                "digest": digest_of(CODE),
                "uid": "secret-1",
                "at": "2026-01-01T12:00:00Z",
            }
        ],
    }
    assert story.verdicts.reasons == ["Verified"]
    assert len(story.verdicts.seconds) == 1


async def test_the_artifact_is_immutable_labelled_and_belongs_to_the_modeldeployment(
    story: Story,
) -> None:
    await story.look()
    manifest = story.artifact()
    assert manifest is not None
    assert manifest["immutable"] is True
    assert manifest["type"] == "serving.bastaix.dev/artifact"
    metadata = manifest["metadata"]
    (owner,) = metadata["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("ModelDeployment", "uid-1", True)
    assert metadata["labels"][names.NAME_LABEL] == "smollm2"
    assert metadata["labels"][names.ARTIFACT_LABEL] == digest_of(CODE)[7:15]
    assert list(manifest["data"]) == [f"{digest_of(CODE)[7:]}.zip"]


async def test_what_is_verified_and_held_is_neither_fetched_nor_written_again(story: Story) -> None:
    await story.look()
    writes = list(story.cluster.writes)
    for _ in range(2):
        story.start()
        assert await story.look() is None
    assert story.cluster.writes == writes
    assert story.code.fetches == 1
    assert story.secrets.writes == ["create"]


async def test_a_change_of_scaling_is_noted_and_fetches_nothing(story: Story) -> None:
    await story.look()
    message = story.condition["message"]
    story.change("scaling", {"maxReplicas": 3})
    await story.look()
    assert story.condition["observedGeneration"] == 2
    assert (story.verdict, story.condition["message"]) == (("True", "Verified"), message)
    assert story.code.fetches == 1


async def test_code_in_the_image_needs_nothing(tmp_path: Path) -> None:
    story = Story(tmp_path, with_field(body(), "spec.source", {"image": {}}))
    assert await story.look() is None
    assert story.verdict == ("True", "InImage")
    assert "source" not in story.cluster.status
    assert story.secrets.manifests == {}


async def test_turning_to_code_in_the_image_takes_the_source_out_of_the_status(
    story: Story,
) -> None:
    await story.look()
    story.change("source", {"image": {}})
    await story.look()
    assert story.verdict == ("True", "InImage")
    assert "source" not in story.cluster.status


LARGE = {"prompt": "x" * MOST_FREE_BYTES}
REFUSED = {
    "too large": ("spec.app.args", LARGE, "SpecTooLarge"),
    "a name": ("spec.runtime.priorityClassName", "../../x", "InvalidSpec"),
}


@pytest.mark.parametrize(("field", "value", "reason"), REFUSED.values(), ids=REFUSED)
async def test_for_a_spec_that_no_revision_is_made_of_nothing_is_fetched(
    tmp_path: Path, field: str, value: Any, reason: str
) -> None:
    story = Story(tmp_path, with_field(WITH_SECRET, field, value))
    assert await story.look() is None
    assert story.verdict == ("False", reason)
    assert (story.code.fetches, story.verdicts.reasons, story.secrets.writes) == (0, [], [])
    assert story.secrets.asked == ["revisions"]
    # the operator says the same, whether it has heard of this or not
    md = ModelDeployment.from_body(story.cluster.body)
    assert md.objection is not None
    with pytest.raises(Stalled) as said:
        verified(md)
    assert said.value.finding == md.objection
    assert story.condition["message"] == reasons.explained(md.objection)
    writes = len(story.cluster.writes)
    assert await story.look() is None
    assert len(story.cluster.writes) == writes


@pytest.mark.parametrize("lost", ["nothing", "artifact", "status"])
async def test_what_serves_with_such_a_spec_keeps_its_code(story: Story, lost: str) -> None:
    await story.look()
    content = content_key(ModelDeployment.from_body(story.cluster.body).spec.source)
    owner = {"kind": names.KIND, "name": NAME[1], "uid": "uid-1", "controller": True}
    data = {**content_fields(content), "digest": digest_of(CODE)}
    story.secrets.kept = [{"metadata": {"ownerReferences": [owner]}, "data": data}]
    story.change("app.args", LARGE)
    if lost == "artifact":
        story.secrets.manifests.clear()
    elif lost == "status":
        story.cluster.put({**story.cluster.body, "status": {}})
    await story.look()
    assert story.verdict == ("True", "Verified")
    assert story.artifact() is not None
    assert story.code.fetches == (2 if lost == "artifact" else 1)


async def test_a_new_commit_of_such_a_spec_is_not_fetched_until_it_is_mended(story: Story) -> None:
    await story.look()
    story.change("app.args", LARGE)
    story.change("source.git.commit", OTHER_COMMIT)
    await story.look()
    assert (story.verdict, story.code.fetches) == (("False", "SpecTooLarge"), 1)
    assert story.cluster.status["source"]["digest"] == digest_of(CODE)
    story.change("app.args", {})
    await story.look()
    assert (story.verdict, story.code.fetches) == (("True", "Verified"), 2)


UNREADABLE = {
    "a path in a name": with_field(WITH_SECRET, "spec.source.git.secretRef.name", "../../b/x"),
    "no source": with_field(body(), "spec.source", {}),
    "too large to be read": {**body(), PACKED: ""},
}


@pytest.mark.parametrize("given", UNREADABLE.values(), ids=UNREADABLE)
async def test_for_what_cannot_be_read_nothing_is_done_and_the_operator_says_why(
    tmp_path: Path, given: dict[str, Any]
) -> None:
    story = Story(tmp_path, given)
    assert await story.look() is None
    assert (story.code.fetches, story.secrets.asked, story.secrets.reads) == (0, [], [])
    assert story.cluster.writes == []


async def test_an_artifact_that_somebody_deleted_is_made_again(story: Story) -> None:
    await story.look()
    story.secrets.manifests.clear()
    await story.look()
    assert story.artifact() is not None
    assert story.code.fetches == 2
    assert story.verdict == ("True", "Verified")


# ---- what is held


async def test_what_was_verified_before_comes_from_its_artifact(story: Story) -> None:
    first = body()["spec"]["source"]["git"]["commit"]
    await story.look()
    story.code.artifact = OTHER_CODE
    story.change("source.git.commit", OTHER_COMMIT)
    await story.look()
    assert story.artifact(OTHER_CODE) is not None
    story.change("source.git.commit", first)
    await story.look()
    assert story.cluster.status["source"]["digest"] == digest_of(CODE)
    assert (story.code.fetches, story.code.rechecks) == (2, 1)


async def test_a_new_entry_point_is_checked_in_what_is_held_without_its_credential(
    tmp_path: Path,
) -> None:
    story = Story(tmp_path, WITH_SECRET)
    story.secrets.put("git-token", CREDENTIAL)
    await story.look()
    story.secrets.remove("git-token")
    story.change("app.importPath", "other:build")
    await story.look()
    assert (story.code.fetches, story.code.rechecks) == (1, 1)
    assert story.code.checked is not None
    assert story.code.checked.app.import_path == "other:build"
    assert story.verdict == ("True", "Verified")


async def test_another_commit_with_the_same_content_shares_the_artifact(story: Story) -> None:
    await story.look()
    story.change("source.git.commit", OTHER_COMMIT)
    await story.look()
    manifest = story.artifact()
    assert manifest is not None
    noted = story.cluster.status["source"]["artifacts"]
    assert [each["digest"] for each in noted] == [digest_of(CODE)] * 2
    assert story.verdict == ("True", "Verified")
    assert story.cluster.status["source"]["commit"] == OTHER_COMMIT


async def test_of_all_that_gave_an_artifact_the_latest_twelve_are_noted(story: Story) -> None:
    for number in range(20):
        story.ticks.forward(1)
        story.change("source.git.commit", f"{number:040x}")
        await story.look()
    noted = story.cluster.status["source"]["artifacts"]
    assert {each["at"][-3:-1] for each in noted} == {f"{second:02}" for second in range(9, 21)}


async def test_an_artifact_whose_bytes_are_not_its_name_is_not_believed(story: Story) -> None:
    await story.look()
    manifest = story.artifact()
    assert manifest is not None
    (file,) = manifest["data"]
    story.secrets.replace(manifest["metadata"]["name"], data={file: "Zm9yZ2Vk"})
    story.change("app.importPath", "other:build")
    await story.look()
    assert (story.code.fetches, story.code.rechecks) == (2, 0)
    assert story.verdict == ("True", "Verified")
    assert story.secrets.data_of(manifest["metadata"]["name"]) == {file: CODE}


async def test_an_artifact_that_was_packed_otherwise_is_fetched_anew(story: Story) -> None:
    await story.look()
    story.code.misfit = fails(reasons.DIGEST_MISMATCH)
    story.code.artifact = OTHER_CODE
    story.change("app.importPath", "other:build")
    await story.look()
    assert (story.code.fetches, story.code.rechecks) == (2, 1)
    assert story.cluster.status["source"]["digest"] == digest_of(OTHER_CODE)


async def test_what_is_wrong_with_held_code_is_the_verdict(story: Story) -> None:
    await story.look()
    story.code.failure = fails(reasons.IMPORT_PATH_NOT_FOUND)
    story.change("app.importPath", "other:build")
    await story.look()
    assert story.verdict == ("False", "ImportPathNotFound")
    assert (story.code.fetches, story.code.rechecks) == (1, 1)


async def test_a_full_disk_is_told_and_tried_again(story: Story) -> None:
    story.code.failure = OSError(errno.ENOSPC, "No space left on device")
    after = await story.look()
    assert after is not None
    assert story.verdict == ("False", "SourceInterrupted")
    assert "No space left on device" in story.condition["message"]


async def test_an_api_server_that_cannot_be_reached_is_no_verdict(story: Story) -> None:
    story.code.failure = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
    with pytest.raises(ConnectionResetError):
        await story.look()
    assert story.cluster.writes == []


async def test_a_stranger_of_the_artifacts_name_is_left_alone(story: Story) -> None:
    name = names.artifact_name("smollm2", digest_of(CODE))
    story.secrets.put(name, {"theirs": b"x"})
    after = await story.look()
    assert after is not None
    assert story.verdict == ("False", "NotOwned")
    assert name in story.condition["message"]
    assert story.secrets.data_of(name) == {"theirs": b"x"}


# ---- what goes


async def test_what_a_modeldeployment_of_this_name_left_is_soon_gone(story: Story) -> None:
    await story.look()
    story.cluster.put(with_field(body(), "metadata.uid", "uid-2"))
    after = await story.look()
    assert after is not None
    assert after < 10
    assert story.verdict == ("False", "NotOwned")
    assert "had this name before is to be removed" in story.condition["message"]
    story.secrets.remove(names.artifact_name(NAME[1], digest_of(CODE)))
    story.ticks.forward(after)
    await story.look()
    assert story.verdict == ("True", "Verified")


async def test_an_artifact_goes_when_neither_the_status_nor_a_revision_names_it(
    story: Story,
) -> None:
    await story.look()
    story.code.artifact = OTHER_CODE
    story.change("source.git.commit", OTHER_COMMIT)
    await story.look()
    story.ticks.forward(601)
    story.secrets.used = {names.artifact_label(digest_of(CODE))}
    await story.look()
    assert story.artifact(CODE) is not None
    story.secrets.used = set()
    await story.look()
    assert story.artifact(CODE) is not None, "it was looked at a moment ago"
    story.ticks.forward(301)
    await story.look()
    assert story.artifact(CODE) is None
    assert story.artifact(OTHER_CODE) is not None


async def test_a_young_artifact_stays_though_nothing_names_it_yet(story: Story) -> None:
    await story.look()
    story.code.artifact = OTHER_CODE
    story.change("source.git.commit", OTHER_COMMIT)
    await story.look()
    for _ in range(2):
        await story.look()
        assert story.artifact(CODE) is not None
        story.ticks.forward(299)


async def test_an_artifact_that_is_asked_for_again_is_young_again(story: Story) -> None:
    first = body()["spec"]["source"]["git"]["commit"]
    await story.look()
    story.code.artifact = OTHER_CODE
    story.change("source.git.commit", OTHER_COMMIT)
    await story.look()
    story.ticks.forward(10_000)
    story.change("source.git.commit", first)
    await story.look()
    story.ticks.forward(301)
    story.change("source.git.commit", OTHER_COMMIT)
    await story.look()
    await story.look()
    assert story.artifact(CODE) is not None, "the operator may be about to use it"
    story.ticks.forward(301)
    await story.look()
    assert story.artifact(CODE) is None


async def test_that_old_artifacts_cannot_be_removed_is_logged_and_no_verdict(
    story: Story, caplog: pytest.LogCaptureFixture
) -> None:
    await story.look()
    story.secrets.unlisted = Refused(403, "Forbidden", "cannot list resource secrets")
    assert await story.look() is None
    assert story.verdict == ("True", "Verified")
    assert "cannot list resource secrets" in caplog.text


async def test_what_is_verified_stays_while_something_newer_fails(story: Story) -> None:
    await story.look()
    story.code.failure = fails(reasons.SOURCE_NOT_FOUND)
    story.change("source.git.commit", OTHER_COMMIT)
    await story.look()
    story.ticks.forward(1000)
    await story.look()
    assert story.verdict == ("False", "SourceNotFound")
    assert story.cluster.status["source"]["digest"] == digest_of(CODE)
    assert story.artifact() is not None


async def test_artifacts_of_somebody_else_are_never_deleted(story: Story) -> None:
    await story.look()
    manifest = story.artifact()
    assert manifest is not None
    labels = {**manifest["metadata"]["labels"], names.ARTIFACT_LABEL: "00000000"}
    story.secrets.put("theirs", {}, labels=labels)
    story.ticks.forward(1000)
    await story.look()
    assert story.secrets.data_of("theirs") == {}


async def test_one_that_is_gone_is_forgotten_and_nothing_is_written(story: Story) -> None:
    story.cluster.vanish()
    assert await story.look() is None
    assert story.cluster.writes == []


# ---- what fails


async def test_a_failure_is_said_with_what_to_do(story: Story) -> None:
    story.code.failure = fails(reasons.SOURCE_NOT_FOUND)
    assert await story.look() == pytest.approx(5, rel=0.2)
    assert story.verdict == ("False", "SourceNotFound")
    hint = reasons.SOURCE_NOT_FOUND.hint
    assert story.condition["message"] == f"github.com says no. {hint}"
    assert story.verdicts.reasons == ["SourceNotFound"]


async def test_a_failure_is_tried_again_after_longer_and_longer(story: Story) -> None:
    story.code.failure = fails(reasons.SOURCE_UNREACHABLE)
    delays = []
    for _ in range(9):
        after = await story.look()
        assert after is not None
        delays.append(after)
        fetches = story.code.fetches
        assert await story.look() == pytest.approx(after)
        assert story.code.fetches == fetches, "it is not due yet"
        story.ticks.forward(after + 0.1)
    assert delays[1] == pytest.approx(10, rel=0.2)
    assert delays[2] == pytest.approx(20, rel=0.2)
    assert delays[-1] <= 600
    assert story.cluster.writes == ["status"], "the same is said once"
    assert len(story.verdicts.seconds) == 1


async def test_a_host_that_names_a_time_is_left_alone_until_then(story: Story) -> None:
    story.code.failure = fails(reasons.SOURCE_RATE_LIMITED, after=1800)
    after = await story.look()
    assert after is not None
    assert 1800 <= after <= 1800 * 1.2


async def test_a_change_that_says_nothing_new_of_the_source_brings_no_try(story: Story) -> None:
    story.code.failure = fails(reasons.SOURCE_RATE_LIMITED, after=1800)
    await story.look()
    for replicas in (3, 4, 5):
        story.change("scaling", {"maxReplicas": replicas})
        await story.look()
    assert story.code.fetches == 1
    assert story.verdict == ("False", "SourceRateLimited")
    assert story.condition["observedGeneration"] == 4


async def test_a_hosts_pause_holds_for_another_commit_too(story: Story) -> None:
    story.code.failure = fails(reasons.SOURCE_RATE_LIMITED, after=1800)
    await story.look()
    story.code.failure = None
    for commit in (OTHER_COMMIT, "c" * 40):
        story.ticks.forward(100)
        story.change("source.git.commit", commit)
        after = await story.look()
    assert story.code.fetches == 1
    assert story.verdict == ("False", "SourceRateLimited")
    assert "github.com wants fewer requests" in story.condition["message"]
    assert "2026-01-01T12:30:00Z" in story.condition["message"]
    assert after is not None
    assert 1600 <= after <= 1600 * 1.2
    story.ticks.forward(after + 1)
    await story.look()
    assert story.verdict == ("True", "Verified")


async def test_a_hosts_pause_holds_for_no_other_host_and_not_for_what_is_held(
    story: Story,
) -> None:
    first = body()["spec"]["source"]["git"]["commit"]
    await story.look()
    story.code.failure = fails(reasons.SOURCE_RATE_LIMITED, after=1800)
    story.change("source.git.commit", OTHER_COMMIT)
    await story.look()
    story.code.failure = None
    story.change("source.git.commit", first)
    await story.look()
    assert (story.verdict, story.code.fetches) == (("True", "Verified"), 2)
    story.change("source.git", {"repository": "https://gitlab.com/acme/x", "commit": "d" * 40})
    await story.look()
    assert (story.verdict, story.code.fetches) == (("True", "Verified"), 3)


async def test_what_never_heals_is_not_tried_again_until_the_spec_changes(story: Story) -> None:
    story.code.failure = fails(reasons.IMPORT_PATH_NOT_FOUND)
    assert await story.look() is None
    story.ticks.forward(10_000)
    assert await story.look() is None
    assert story.code.fetches == 1
    story.code.failure = None
    story.change("app.importPath", "main:app")
    await story.look()
    assert story.verdict == ("True", "Verified")


async def test_after_a_restart_each_failure_is_tried_once_and_not_written_again(
    story: Story,
) -> None:
    story.code.failure = fails(reasons.IMPORT_PATH_NOT_FOUND)
    await story.look()
    story.start()
    await story.look()
    assert story.code.fetches == 2
    assert story.cluster.writes == ["status"]


async def test_a_verdict_that_somebody_removed_is_said_again_without_a_try(story: Story) -> None:
    story.code.failure = fails(reasons.IMPORT_PATH_NOT_FOUND)
    await story.look()
    story.cluster.put({**story.cluster.body, "status": {}})
    await story.look()
    assert story.verdict == ("False", "ImportPathNotFound")
    assert story.code.fetches == 1


async def test_what_the_api_server_refuses_is_said(story: Story) -> None:
    story.secrets.refusal = Refused(403, "Forbidden", "exceeded quota: secrets=10")
    assert await story.look() is not None
    assert story.verdict == ("False", "ApiRefused")
    assert "exceeded quota" in story.condition["message"]


async def test_that_the_credential_may_not_be_looked_for_is_said(tmp_path: Path) -> None:
    story = Story(tmp_path, WITH_SECRET)
    story.secrets.forbidden = Refused(403, "Forbidden", "cannot get resource secrets")
    after = await story.look()
    assert story.verdict == ("False", "ApiRefused")
    assert "cannot get resource secrets" in story.condition["message"]
    story.secrets.forbidden = None
    story.secrets.put("git-token", CREDENTIAL)
    assert after is not None
    await story.look()
    assert story.verdict == ("True", "Verified")


async def test_that_an_artifact_may_no_more_be_looked_at_is_said_and_mends(story: Story) -> None:
    await story.look()
    story.secrets.forbidden = Refused(403, "Forbidden", "cannot get resource secrets")
    after = await story.look()
    assert story.verdict == ("False", "ApiRefused")
    assert "cannot get resource secrets" in story.condition["message"]
    assert story.cluster.status["source"]["digest"] == digest_of(CODE)
    story.secrets.forbidden = None
    assert after is not None
    story.ticks.forward(after + 1)
    await story.look()
    assert story.verdict == ("True", "Verified")
    assert story.code.fetches == 1


async def test_a_busy_api_server_is_the_queues_business(story: Story) -> None:
    story.secrets.refusal = Refused(429, "TooManyRequests", "later")
    with pytest.raises(Refused, match="429"):
        await story.look()
    assert story.cluster.writes == []


# ---- credentials


async def test_a_credential_goes_to_whoever_fetches_and_nowhere_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """CVE-2024-31216 (Flux' source-controller): a credential in the log of what failed."""
    caplog.set_level("DEBUG")
    story = Story(tmp_path, WITH_SECRET)
    story.secrets.put("git-token", CREDENTIAL)
    story.code.failure = fails(reasons.SOURCE_UNAUTHORIZED)
    await story.look()
    assert story.code.credential == CREDENTIAL
    memory = vars(story.controller._retries)
    seen = repr((story.cluster.body, memory, caplog.text))
    assert "SourceUnauthorized" in seen
    assert TOKEN.decode() not in seen


async def test_without_a_reference_no_secret_is_asked_for(story: Story) -> None:
    await story.look()
    assert story.code.credential is None
    assert "git-token" not in story.secrets.asked


async def test_creating_the_secret_brings_the_next_try(tmp_path: Path) -> None:
    story = Story(tmp_path, WITH_SECRET)
    after = await story.look()
    assert story.verdict == ("False", "SecretNotFound")
    assert "git-token" in story.condition["message"]
    assert after is not None
    assert after <= 5
    story.secrets.put("git-token", CREDENTIAL)
    assert await story.look() is None
    assert story.verdict == ("True", "Verified")


async def test_repairing_the_secret_brings_the_next_try_long_before_it_is_due(
    tmp_path: Path,
) -> None:
    story = Story(tmp_path, WITH_SECRET)
    story.secrets.put("git-token", {**CREDENTIAL, "token": b"old"})
    story.code.failure = fails(reasons.SOURCE_UNAUTHORIZED, after=3000)
    assert await story.look() == 5
    assert await story.look() == 5
    story.ticks.forward(120)
    assert await story.look() == 20
    story.ticks.forward(1200)
    assert await story.look() == 60
    assert story.code.fetches == 1
    story.code.failure = None
    story.secrets.put("git-token", CREDENTIAL)
    await story.look()
    assert story.verdict == ("True", "Verified")


async def test_no_secret_is_polled_for_what_none_can_heal(tmp_path: Path) -> None:
    story = Story(tmp_path, WITH_SECRET)
    story.secrets.put("git-token", CREDENTIAL)
    story.code.failure = fails(reasons.SOURCE_UNSAFE)
    assert await story.look() is None


# ---- while it lasts


async def test_what_takes_long_is_told_of(story: Story) -> None:
    story.code.gate = asyncio.Event()
    looking = asyncio.create_task(story.look())
    await story.cluster.written.wait()
    assert story.verdict == ("Unknown", "FetchingSource")
    story.code.gate.set()
    await looking
    assert story.verdict == ("True", "Verified")
    assert story.cluster.writes == ["status", "status"]


def occupy(story: Story, *namespaces: str) -> list[Name]:
    """Others have these turns."""
    names = [(namespace, f"other-{number}") for number, namespace in enumerate(namespaces)]
    assert all(story.turns.take(name, lambda: None) for name in names)
    return names


async def test_without_a_turn_it_waits_to_be_woken_and_says_so_once(story: Story) -> None:
    first, _ = occupy(story, NAME[0], NAME[0])
    for _ in range(2):
        assert await asyncio.wait_for(story.look(), 10) is None
        assert story.verdict == ("Unknown", "FetchingSource")
        assert "waits for its turn" in story.condition["message"]
    assert story.cluster.writes == ["status"], "the same is said once"
    assert (story.code.fetches, story.secrets.asked, story.woken) == (0, [], [])
    story.turns.release(first)
    assert story.woken == [NAME]
    await story.look()
    assert story.verdict == ("True", "Verified")


async def test_a_check_of_what_is_held_takes_a_turn_too(story: Story) -> None:
    await story.look()
    first, _ = occupy(story, NAME[0], NAME[0])
    story.change("app.importPath", "other:build")
    story.secrets.reads.clear()
    await story.look()
    assert "waits for its turn" in story.condition["message"]
    assert (story.code.rechecks, story.secrets.reads) == (0, [])
    story.turns.release(first)
    await story.look()
    assert story.verdict == ("True", "Verified")


async def test_who_waits_no_more_leaves_the_line(story: Story) -> None:
    first, _ = occupy(story, NAME[0], NAME[0])
    await story.look()
    story.change("source", {"image": {}})
    await story.look()
    story.turns.release(first)
    assert story.woken == []
    assert story.turns.take((NAME[0], "another"), lambda: None), "it holds none either"


async def test_a_turn_that_was_long_goes_to_who_has_had_less_and_it_comes_again(
    story: Story,
) -> None:
    story.code.gate = asyncio.Event()
    looking = asyncio.create_task(story.look())
    await story.code.begun.wait()
    second, *_ = occupy(story, "b", "c", "d")
    other, woken = ("quick", "one"), asyncio.Event()
    assert not story.turns.take(other, woken.set)
    story.ticks.forward(61)
    assert await asyncio.wait_for(looking, 10) is None
    assert woken.is_set()
    assert story.code.cancelled
    assert "waits for its turn" in story.condition["message"]
    story.code.gate.set()
    story.turns.release(second)
    assert story.woken == [NAME]
    await story.look()
    assert story.verdict == ("True", "Verified")


async def test_a_turn_is_given_back_however_it_ended(story: Story) -> None:
    story.code.failure = fails(reasons.SOURCE_UNREACHABLE)
    for _ in range(5):
        after = await story.look()
        assert after is not None
        story.ticks.forward(after + 1)
    assert story.code.fetches == 5


async def test_what_is_not_wanted_any_more_is_not_waited_for(story: Story) -> None:
    story.code.gate = asyncio.Event()
    looking = asyncio.create_task(story.look())
    await story.cluster.written.wait()
    story.change("source.git.commit", OTHER_COMMIT)
    assert await asyncio.wait_for(looking, 10) == 0.0
    assert story.code.cancelled
    assert story.verdict == ("Unknown", "FetchingSource")
    assert story.code.folder is not None
    assert story.code.folder.parent == story.work
    assert list(story.work.iterdir()) == []


async def test_a_verdict_is_not_given_to_another_of_the_same_name(story: Story) -> None:
    story.code.gate = asyncio.Event()
    looking = asyncio.create_task(story.look())
    await story.code.begun.wait()
    story.cluster.put(with_field(body(), "metadata.uid", "uid-2"))
    story.code.gate.set()
    assert await looking == 0.0
    assert story.cluster.writes == []


async def test_a_change_of_scaling_does_not_disturb_it(story: Story) -> None:
    story.code.gate = asyncio.Event()
    looking = asyncio.create_task(story.look())
    await story.cluster.written.wait()
    story.change("scaling", {"maxReplicas": 3})
    story.cluster.looked.clear()
    await story.cluster.looked.wait()
    story.code.gate.set()
    await looking
    assert story.verdict == ("True", "Verified")


async def test_a_repeated_failure_is_not_hidden_by_its_next_try(story: Story) -> None:
    story.code.failure = fails(reasons.SOURCE_UNREACHABLE)
    after = await story.look()
    assert after is not None
    story.ticks.forward(after + 1)
    story.code.gate = asyncio.Event()
    looking = asyncio.create_task(story.look())
    await story.code.begun.wait()
    story.cluster.looked.clear()
    await story.cluster.looked.wait()
    assert story.verdict == ("False", "SourceUnreachable")
    story.code.gate.set()
    await looking
    assert story.cluster.writes == ["status"]
