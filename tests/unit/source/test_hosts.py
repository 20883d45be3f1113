"""The URL of a commit, for each kind of host, and what cannot be addressed."""

from typing import Any

import pytest

from bastaix.api import reasons
from bastaix.api.v1alpha1 import Archive, Git
from bastaix.source.failure import SourceFailure
from bastaix.source.hosts import CHOICES, address, archive_address

SHA = "3f9c2a1d" * 5


def git(repository: str, **fields: Any) -> Git:
    return Git(repository=repository, commit=SHA, **fields)


@pytest.mark.parametrize(
    ("source", "public", "authenticated"),
    [
        (
            git("https://github.com/acme/serving.git"),
            f"https://github.com/acme/serving/archive/{SHA}.zip",
            f"https://api.github.com/repos/acme/serving/zipball/{SHA}",
        ),
        (
            git("https://GitHub.com/acme/serving/"),
            f"https://github.com/acme/serving/archive/{SHA}.zip",
            f"https://api.github.com/repos/acme/serving/zipball/{SHA}",
        ),
        (
            git("https://ghe.corp/acme/serving", host="GitHubEnterprise"),
            f"https://ghe.corp/acme/serving/archive/{SHA}.zip",
            f"https://ghe.corp/api/v3/repos/acme/serving/zipball/{SHA}",
        ),
        (
            git("https://gitlab.com/a/b/serving"),
            f"https://gitlab.com/api/v4/projects/a%2Fb%2Fserving/repository/archive.zip?sha={SHA}",
            f"https://gitlab.com/api/v4/projects/a%2Fb%2Fserving/repository/archive.zip?sha={SHA}",
        ),
        (
            git("https://git.corp:8443/a/serving", host="GitLab"),
            f"https://git.corp:8443/api/v4/projects/a%2Fserving/repository/archive.zip?sha={SHA}",
            f"https://git.corp:8443/api/v4/projects/a%2Fserving/repository/archive.zip?sha={SHA}",
        ),
        (
            git("https://bitbucket.org/acme/serving"),
            f"https://bitbucket.org/acme/serving/get/{SHA}.zip",
            f"https://bitbucket.org/acme/serving/get/{SHA}.zip",
        ),
        (
            git("https://codeberg.org/acme/serving"),
            f"https://codeberg.org/api/v1/repos/acme/serving/archive/{SHA}.zip",
            f"https://codeberg.org/api/v1/repos/acme/serving/archive/{SHA}.zip",
        ),
        (
            git("http://git.git.svc/team/serving.git", host="Cgit"),
            f"http://git.git.svc/team/serving.git/snapshot/serving-{SHA}.zip",
            f"http://git.git.svc/team/serving.git/snapshot/serving-{SHA}.zip",
        ),
        (
            git(
                "https://h.corp/serving.git",
                host="Generic",
                archive_url="{repository}/zip?at={commit}",
            ),
            f"https://h.corp/serving/zip?at={SHA}",
            f"https://h.corp/serving/zip?at={SHA}",
        ),
    ],
)
def test_a_commit_is_found_where_its_host_keeps_it(
    source: Git, public: str, authenticated: str
) -> None:
    found = address(source)
    assert found.url(with_credential=False) == public
    assert found.url(with_credential=True) == authenticated


@pytest.mark.parametrize(
    ("source", "host"),
    [
        (git("https://github.com/acme/serving"), "github.com"),
        (git("https://git.corp:8443/a/b", host="Gitea"), "git.corp:8443"),
        (git("https://git.corp:443/a/b", host="Gitea"), "git.corp"),
        (
            git("https://a.corp/b", host="Generic", archive_url="https://zips.corp/{commit}.zip"),
            "zips.corp",
        ),
    ],
)
def test_the_secret_must_list_the_host_that_it_is_sent_to(source: Git, host: str) -> None:
    assert address(source).secret_host == host


@pytest.mark.parametrize(
    ("source", "named"),
    [
        (git("https://git.corp/acme/serving"), "GitHubEnterprise, GitLab"),
        (git("https://www.github.com/acme/serving"), "git.host"),
        (git("https://git.corp/acme/serving", host="SourceForge"), "git.host"),
        (git("https://git.corp/acme/serving", host="GitHub"), "GitHubEnterprise"),
        (git("https://github.com/serving"), "OWNER/NAME"),
        (git("https://github.com/acme/serving/tree/main"), "OWNER/NAME"),
        (git("https://github.com/acme/../serving"), "git.repository"),
        (git("https://github.com/acme/%2e%2e"), "git.repository"),
        (git("https://github.com/acme/a%2Fb"), "git.repository"),
        (git("https://github.com/acme/a%0ab"), "git.repository"),
        (git("https://github.com/acme/serving?x=1"), "git.repository"),
        (git("https://github.com/"), "git.repository"),
        (git("git@github.com:acme/serving"), "git.repository"),
        (git("ssh://git@github.com/acme/serving"), "git.repository"),
        (git("file:///etc/passwd"), "git.repository"),
        (git("https://user:canary@github.com/acme/serving"), "secretRef"),
        (git("https://h:99999/a/b", host="Gitea"), "git.repository"),
        (git("https://h/a/b", host="Generic"), "archiveURL"),
        (git("https://h/a/b", host="Generic", archive_url="{repository}.zip"), "{commit}"),
        (git("https://h/a/b", host="Generic", archive_url="https://h/{x}{commit}"), "archiveURL"),
        (git("https://h/a/b", host="Generic", archive_url="ftp://h/{commit}"), "archiveURL"),
        (git("https://h/a/b", host="Generic", archive_url="https://canary@h/{commit}"), "Secret"),
        (Git(repository="https://github.com/acme/serving", commit="main"), "git.commit"),
        (Git(repository="https://github.com/acme/serving", commit="3f9c2a1"), "git.commit"),
    ],
)  # fmt: skip
def test_what_cannot_be_addressed_names_its_field(source: Git, named: str) -> None:
    with pytest.raises(SourceFailure) as caught:
        address(source)
    assert caught.value.reason is reasons.SOURCE_INVALID
    assert named in caught.value.message
    assert "canary" not in caught.value.message


def test_a_kind_of_host_is_known_to_put_a_folder_around_or_it_is_not() -> None:
    wrapped = {}
    for choice in CHOICES:
        template = "{repository}/{commit}" if choice == "Generic" else None
        where = "https://github.com/a/b"
        wrapped[choice] = address(git(where, host=choice, archive_url=template)).kind.wrapped
    assert {choice for choice in wrapped if not wrapped[choice]} == {"Gitea", "Generic"}


def test_an_archive_is_at_its_url_and_shown_without_its_query() -> None:
    """CVE-2024-6104 (go-retryablehttp): URLs with what is secret in them, in logs."""
    found = archive_address(Archive(url="https://h.corp/a.zip?sig=canary", sha256="a" * 64))
    assert found.url(with_credential=True) == "https://h.corp/a.zip?sig=canary"
    assert found.secret_host == "h.corp"
    assert found.what == "https://h.corp/a.zip"


@pytest.mark.parametrize("url", ["h.corp/a.zip", "ftp://h/a.zip", "https://u@h/a.zip", "https://"])
def test_an_archive_needs_a_plain_url(url: str) -> None:
    with pytest.raises(SourceFailure) as caught:
        archive_address(Archive(url=url, sha256="a" * 64))
    assert caught.value.reason is reasons.SOURCE_INVALID
