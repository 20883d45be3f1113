"""The real fetch against fakes of the hosts: archives arrive, and each "no" is understood."""

import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from bastaix.api import reasons
from bastaix.api.v1alpha1 import Git
from bastaix.source.credential import Credential
from bastaix.source.fetch import fetch
from bastaix.source.hosts import address
from bastaix.source.policy import HostRule, Policy
from tests.fakes.git_hosts import (
    BLIND_TOKEN,
    COMMIT,
    TOKEN,
    FakeBitbucket,
    FakeCodeload,
    FakeGitea,
    FakeGitHub,
    FakeGitLab,
    archive,
)
from tests.fakes.server import FakeResolver
from tests.unit.source.fetching import LOOPBACK, Fetching, allowing, certified, saying


@dataclass
class GitHub:
    web: FakeGitHub
    codeload: FakeCodeload

    @property
    def policy(self) -> Policy:
        return allowing(self.web, self.codeload)

    @property
    def repository(self) -> str:
        return f"{self.web.url}/acme/serving"


@pytest.fixture
async def github() -> AsyncIterator[GitHub]:
    async with AsyncExitStack() as stack:
        web = await stack.enter_async_context(FakeGitHub())
        codeload = await stack.enter_async_context(FakeCodeload(web))
        web.codeload = codeload.url
        yield GitHub(web, codeload)


# ---- GitHub


async def test_a_public_commit_needs_no_credential(github: GitHub, fetching: Fetching) -> None:
    fetched = await fetching.commit(github.repository, "GitHubEnterprise", github.policy)
    assert fetched.path.read_bytes() == archive()
    assert fetched.bytes == len(archive())
    assert fetched.sha256 == hashlib.sha256(archive()).hexdigest()


async def test_a_private_commit_comes_through_the_api_and_the_token_goes_no_further(
    github: GitHub, fetching: Fetching
) -> None:
    github.web.private = True
    fetched = await fetching.commit(github.repository, "GitHubEnterprise", github.policy, TOKEN)
    assert fetched.path.read_bytes() == archive()
    assert [asked.authorization for asked in github.web.asked] == [f"Bearer {TOKEN}"]
    assert [asked.authorization for asked in github.codeload.asked] == [None]


async def test_404_with_a_token_says_both_possibilities(github: GitHub, fetching: Fetching) -> None:
    github.web.private = True
    for token, commit in ((BLIND_TOKEN, COMMIT), (TOKEN, "0" * 40)):
        failure = await fetching.refused(
            fetching.commit(github.repository, "GitHubEnterprise", github.policy, token, commit)
        )
        assert failure.reason is reasons.SOURCE_UNAUTHORIZED
        assert "does not have it, or hides it" in failure.message
        assert "Contents: read" in failure.message


async def test_404_without_a_token_is_not_found(github: GitHub, fetching: Fetching) -> None:
    github.web.private = True
    failure = await fetching.refused(
        fetching.commit(github.repository, "GitHubEnterprise", github.policy)
    )
    assert failure.reason is reasons.SOURCE_NOT_FOUND


async def test_a_bad_token_is_unauthorized(github: GitHub, fetching: Fetching) -> None:
    failure = await fetching.refused(
        fetching.commit(github.repository, "GitHubEnterprise", github.policy, "canary")
    )
    assert failure.reason is reasons.SOURCE_UNAUTHORIZED


async def test_single_sign_on_asks_to_authorise_the_token(
    github: GitHub, fetching: Fetching
) -> None:
    github.web.single_sign_on = True
    failure = await fetching.refused(
        fetching.commit(github.repository, "GitHubEnterprise", github.policy, TOKEN)
    )
    assert failure.reason is reasons.SOURCE_FORBIDDEN
    assert "single sign-on" in failure.message


async def test_a_spent_rate_limit_gives_the_time_of_the_next_try(
    github: GitHub, fetching: Fetching
) -> None:
    reset = int(time.time()) + 900
    github.web.limit = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
    failure = await fetching.refused(
        fetching.commit(github.repository, "GitHubEnterprise", github.policy, TOKEN)
    )
    assert failure.reason is reasons.SOURCE_RATE_LIMITED
    assert failure.after == pytest.approx(900, abs=30)


async def test_github_com_itself_is_asked_at_its_api_over_tls(
    fetching: Fetching, tmp_path: Path
) -> None:
    """The names are the real ones; a resolver leads them to the fakes."""
    context, authority = certified(tmp_path, "DNS:api.github.com", "DNS:codeload.github.com")
    web = FakeGitHub(private=True, context=context)
    async with web, FakeCodeload(web, context=context) as codeload:
        web.codeload = "https://codeload.github.com"
        resolver = FakeResolver(
            {
                "api.github.com": [("127.0.0.1", web.port)],
                "codeload.github.com": [("127.0.0.1", codeload.port)],
            }
        )
        near = HostRule(private=True, networks=LOOPBACK)
        policy = Policy(
            hosts={"api.github.com": near, "codeload.github.com": near}, ca_file=authority
        )
        fetched = await fetch(
            address(Git(repository="https://github.com/acme/serving", commit=COMMIT)),
            Credential(secret=TOKEN),
            fetching.folder / "archive.zip",
            policy,
            resolver=resolver,
        )
        assert fetched.path.read_bytes() == archive()
        assert resolver.asked == ["api.github.com", "codeload.github.com"]
        fetched.path.unlink()

        untrusting = Policy(hosts=policy.hosts)
        failure = await fetching.refused(
            fetching.commit(
                "https://github.com/acme/serving", None, untrusting, TOKEN, resolver=resolver
            )
        )
        assert failure.reason is reasons.SOURCE_UNREACHABLE
        assert "certificate" in failure.message


# ---- GitLab


async def test_gitlab_has_groups_in_groups_and_takes_a_bearer(fetching: Fetching) -> None:
    async with FakeGitLab(private=True) as gitlab:
        repository = f"{gitlab.url}/acme/group/serving"
        fetched = await fetching.commit(repository, "GitLab", allowing(gitlab), TOKEN)
        assert fetched.bytes > 0


async def test_gitlab_may_lead_to_an_object_store_without_the_token(fetching: Fetching) -> None:
    async with saying() as store, FakeGitLab(private=True) as gitlab:
        gitlab.store = store.url
        repository = f"{gitlab.url}/acme/group/serving"
        await fetching.commit(repository, "GitLab", allowing(gitlab, store), TOKEN)
        assert [asked.authorization for asked in store.asked] == [None]


async def test_gitlab_says_no_in_its_own_ways(fetching: Fetching) -> None:
    async with FakeGitLab(private=True) as gitlab:
        repository, policy = f"{gitlab.url}/acme/group/serving", allowing(gitlab)

        async def refused(token: str | None) -> str:
            failure = await fetching.refused(fetching.commit(repository, "GitLab", policy, token))
            return f"{failure.reason}: {failure.message}"

        assert (await refused(None)).startswith("SourceNotFound")
        assert "read_api" in await refused(BLIND_TOKEN)
        assert (await refused("canary")).startswith("SourceUnauthorized")
        gitlab.limited_scope = True
        forbidden = await refused(TOKEN)
        assert forbidden.startswith("SourceForbidden")
        assert "read_api" in forbidden
        gitlab.limit = {}
        assert (await refused(TOKEN)).startswith("SourceRateLimited")


# ---- Bitbucket


@pytest.mark.parametrize(
    "credential", [Credential(secret=TOKEN), Credential(user="me@example.com", secret=TOKEN)]
)
async def test_bitbucket_takes_a_bearer_or_a_name_and_token(
    fetching: Fetching, credential: Credential
) -> None:
    async with FakeBitbucket(private=True) as bitbucket:
        git = Git(repository=f"{bitbucket.url}/acme/serving", commit=COMMIT, host="BitbucketCloud")
        into = fetching.folder / "archive.zip"
        assert (await fetch(address(git), credential, into, allowing(bitbucket))).bytes > 0


async def test_bitbuckets_sign_in_page_is_never_taken_for_an_archive(fetching: Fetching) -> None:
    async with FakeBitbucket(private=True) as bitbucket:
        repository, policy = f"{bitbucket.url}/acme/serving", allowing(bitbucket)
        failure = await fetching.refused(fetching.commit(repository, "BitbucketCloud", policy))
        assert failure.reason is reasons.SOURCE_UNAUTHORIZED
        assert "secretRef" in failure.message
        assert len(bitbucket.asked) == 1


# ---- Gitea


async def test_gitea_wants_its_own_word_before_a_token(fetching: Fetching) -> None:
    async with FakeGitea(private=True) as gitea:
        repository, policy = f"{gitea.url}/acme/serving", allowing(gitea)
        await fetching.commit(repository, "Gitea", policy, TOKEN)
        assert gitea.asked[0].authorization == f"token {TOKEN}"


async def test_gitea_hides_and_asks_to_sign_in(fetching: Fetching) -> None:
    async with FakeGitea(private=True) as gitea:
        repository, policy = f"{gitea.url}/acme/serving", allowing(gitea)
        blind = await fetching.refused(fetching.commit(repository, "Gitea", policy, BLIND_TOKEN))
        assert blind.reason is reasons.SOURCE_NOT_FOUND
        assert "read:repository" in blind.message
        gitea.sign_in = True
        stranger = await fetching.refused(fetching.commit(repository, "Gitea", policy))
        assert stranger.reason is reasons.SOURCE_UNAUTHORIZED
