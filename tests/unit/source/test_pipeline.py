"""The order of the steps, with a real fetch and a real child process."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bastaix.api import reasons
from bastaix.api.v1alpha1 import Archive, Git, ModelDeployment, Source, Spec
from bastaix.source import pipeline
from bastaix.source.artifact import Checks, Selection
from bastaix.source.failure import SourceFailure
from bastaix.source.files import File
from bastaix.source.packing import pack
from bastaix.source.policy import Policy
from bastaix.source.sandbox import Sandbox
from bastaix.source_app import Pipeline
from tests.fakes.git_hosts import COMMIT, TOKEN, FakeGitea, archive
from tests.unit.bodies import body, with_field
from tests.unit.source.fetching import allowing, saying

DIGEST = hashlib.sha256(archive()).hexdigest()


def spec(**source: Any) -> Spec:
    return ModelDeployment.from_body(with_field(body(), "spec.source", source)).spec


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_private_commit_becomes_an_artifact_and_nothing_stays_behind(
    tmp_path: Path,
) -> None:
    async with FakeGitea(private=True) as gitea:
        wanted = spec(
            git={"repository": f"{gitea.url}/acme/serving", "commit": COMMIT, "host": "Gitea"}
        )
        secret = {"hosts": gitea.netloc.encode(), "token": TOKEN.encode()}
        artifact = await pipeline.verified(wanted, secret, allowing(gitea), tmp_path, Sandbox())
    assert artifact.digest == f"sha256:{hashlib.sha256(artifact.data).hexdigest()}"
    assert artifact.files == 1
    assert left_in(tmp_path) == []


async def test_a_secret_for_another_host_is_never_sent(tmp_path: Path) -> None:
    """CVE-2026-40161 (Tekton): who only names a repository had a token sent to his own host."""
    async with FakeGitea(private=True) as gitea:
        git = Git(repository=f"{gitea.url}/acme/serving", commit=COMMIT, host="Gitea")
        secret = {"hosts": b"gitea.corp", "token": TOKEN.encode()}
        with pytest.raises(SourceFailure) as caught:
            await pipeline.fetched(Source(git=git), secret, allowing(gitea), tmp_path)
        assert caught.value.reason is reasons.SECRET_HOST_NOT_ALLOWED
        assert not gitea.asked


async def test_an_archive_with_the_pinned_digest_is_taken(tmp_path: Path) -> None:
    async with saying(archive()) as server:
        wanted = Source(archive=Archive(url=f"{server.url}/a.zip", sha256=DIGEST))
        path = await pipeline.fetched(wanted, None, allowing(server), tmp_path)
    assert path.read_bytes() == archive()


async def test_an_archive_with_another_digest_is_refused_unopened(tmp_path: Path) -> None:
    async with saying(archive()) as server:
        url = f"{server.url}/a.zip?signature=canary"
        wanted = Source(archive=Archive(url=url, sha256="0" * 64))
        with pytest.raises(SourceFailure) as caught:
            await pipeline.fetched(wanted, None, allowing(server), tmp_path)
    assert caught.value.reason is reasons.DIGEST_MISMATCH
    assert caught.value.reason.heals == "outside", "who has it may put the right one back"
    assert DIGEST in caught.value.message
    assert "canary" not in caught.value.message
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("data", [b"PK\3\4 cut off", b"\x1f\x8b a tar"])
async def test_a_damaged_archive_that_is_the_pinned_one_is_not_asked_for_again(
    data: bytes, tmp_path: Path
) -> None:
    (tmp_path / "archive.zip").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    pinned = spec(archive={"url": "https://h.corp/a.zip", "sha256": sha256})
    with pytest.raises(SourceFailure) as caught:
        await pipeline.opened(tmp_path / "archive.zip", pinned, Sandbox())
    assert caught.value.reason is reasons.ARCHIVE_DAMAGED
    assert caught.value.reason.heals == "never"


async def test_a_damaged_archive_of_a_commit_may_come_whole_the_next_time(tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_bytes(b"PK\3\4 cut off")
    commit = spec(git={"repository": "https://github.com/acme/serving", "commit": COMMIT})
    with pytest.raises(SourceFailure) as caught:
        await pipeline.opened(tmp_path / "archive.zip", commit, Sandbox())
    assert caught.value.reason is reasons.SOURCE_NOT_ARCHIVE
    assert caught.value.reason.heals == "outside"


async def test_the_host_tells_whether_a_folder_is_around_the_repository(tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_bytes(archive("serving"))
    git = {"repository": "https://git.corp/acme/serving", "commit": COMMIT, "path": "serving"}
    unknown, known = (spec(git={**git, "host": host}) for host in ("Gitea", "GitHubEnterprise"))
    assert (await pipeline.opened(tmp_path / "archive.zip", unknown, Sandbox())).files == 1
    with pytest.raises(SourceFailure) as caught:
        await pipeline.opened(tmp_path / "archive.zip", known, Sandbox())
    assert caught.value.reason is reasons.PATH_NOT_FOUND
    at_hand = pipeline.opened(tmp_path / "archive.zip", known, Sandbox(), from_host=False)
    assert (await at_hand).files == 1


async def test_another_commit_than_the_pinned_is_refused(tmp_path: Path) -> None:
    async with saying(archive(comment="0" * 40)) as server:
        wanted = spec(
            git={
                "repository": f"{server.url}/acme/serving",
                "commit": COMMIT,
                "host": "Generic",
                "archiveURL": "{repository}/{commit}.zip",
            }
        )
        with pytest.raises(SourceFailure) as caught:
            await pipeline.verified(wanted, None, allowing(server), tmp_path, Sandbox())
    assert caught.value.reason is reasons.DIGEST_MISMATCH
    assert left_in(tmp_path) == []


async def test_what_is_known_is_packed_whatever_else_the_spec_asks_of_it(tmp_path: Path) -> None:
    async with FakeGitea() as gitea:
        git = {"repository": f"{gitea.url}/acme/serving", "commit": COMMIT, "host": "Gitea"}
        wanted = spec(git=git)
        other = replace(wanted, app=replace(wanted.app, import_path="nowhere:build"))
        policy = allowing(gitea)
        found = await pipeline.verified(wanted, None, policy, tmp_path, Sandbox())
        with pytest.raises(SourceFailure):
            await pipeline.verified(other, None, policy, tmp_path, Sandbox())
        known = await pipeline.verified(other, None, policy, tmp_path, Sandbox(), is_known=True)
    assert (known.digest, known.notes) == (found.digest, ())


async def test_what_is_held_is_checked_with_advice_from_the_top_of_its_repository(
    tmp_path: Path,
) -> None:
    held = pack({"more/other.py": File(b"build = 1")})
    git = {"repository": "https://github.com/acme/serving", "commit": COMMIT, "path": "apps"}
    wanted = with_field(body(), "spec.source", {"git": git})
    wanted = with_field(wanted, "spec.app.importPath", "other:build")
    code, md = Pipeline(Policy(), Sandbox(), lambda _: None), ModelDeployment.from_body(wanted)
    with pytest.raises(SourceFailure) as caught:
        await code.recheck(held, md.spec, ("demo", "smollm2"))
    assert caught.value.message.endswith("set path: apps/more")


def test_what_is_selected_and_checked_comes_from_the_spec() -> None:
    git = Git(repository="https://h/a", commit=COMMIT, path="a/b", exclude=("*.png",))
    selected = Selection(path="a/b", exclude=("*.png",), commit=COMMIT)
    assert pipeline.selection(Source(git=git)) == selected
    archived = Archive(url="https://h/a.zip", sha256=DIGEST, path="a")
    assert pipeline.selection(Source(archive=archived)) == Selection(path="a")
    checked = pipeline.checks(spec(git={"repository": "https://h/a", "commit": COMMIT}))
    assert isinstance(checked, Checks)
    assert checked.import_path == "app:build"
