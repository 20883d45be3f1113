"""Where each kind of Git host keeps a commit as a zip, and how it wants to be asked.

A host is one row of KINDS and a function or two that write its URL; how it says "no" in words of
its own stands in the row too, the rest is in `refusals`. Nothing here talks to anybody.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from bastaix.api import reasons
from bastaix.api.reasons import Reason
from bastaix.api.v1alpha1 import Archive, Git, Source
from bastaix.source.failure import SourceFailure
from bastaix.source.locations import Repository, expanded, netloc, parsed, plain

Url = Callable[[Repository, str], str]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of host."""

    url: Url
    with_credential: Url | None = None
    """Where a credential is accepted, if that is another place."""
    scheme: str = "Bearer"
    """The word before a token."""
    missing: Reason = reasons.SOURCE_NOT_FOUND
    """What 404 means when a credential was sent."""
    scope: str = ""
    """What a token needs; for hosts that answer 404 when it lacks it."""
    wrapped: bool = True
    """Whether its archives always have one folder around the repository."""
    says: Mapping[int, tuple[Reason, str]] = field(default_factory=dict)
    """Statuses with a meaning of the host's own."""


def _github_web(repository: Repository, commit: str) -> str:
    owner, name = repository.owner_and_name()
    return f"{repository.origin}/{owner}/{name}/archive/{commit}.zip"


def _github_api(repository: Repository, commit: str) -> str:
    """Fine-grained tokens are accepted by the API alone."""
    owner, name = repository.owner_and_name()
    return f"https://api.{repository.netloc}/repos/{owner}/{name}/zipball/{commit}"


def _enterprise_api(repository: Repository, commit: str) -> str:
    owner, name = repository.owner_and_name()
    return f"{repository.origin}/api/v3/repos/{owner}/{name}/zipball/{commit}"


def _gitlab(repository: Repository, commit: str) -> str:
    project = quote("/".join(repository.names), safe="")
    return f"{repository.origin}/api/v4/projects/{project}/repository/archive.zip?sha={commit}"


def _bitbucket(repository: Repository, commit: str) -> str:
    workspace, name = repository.owner_and_name()
    return f"{repository.origin}/{workspace}/{name}/get/{commit}.zip"


def _gitea(repository: Repository, commit: str) -> str:
    owner, name = repository.owner_and_name()
    return f"{repository.origin}/api/v1/repos/{owner}/{name}/archive/{commit}.zip"


def _cgit(repository: Repository, commit: str) -> str:
    """The page's own address, with .git if the page has it; the file never has it."""
    name = quote(repository.names[-1])
    return f"{repository.page}/snapshot/{name}-{commit}.zip"


_GITHUB_SCOPE: Final = "Contents: read (fine-grained) or the scope repo (classic)"
KINDS: Final[Mapping[str, Kind]] = {
    "GitHub": Kind(
        url=_github_web,
        with_credential=_github_api,
        missing=reasons.SOURCE_UNAUTHORIZED,
        scope=_GITHUB_SCOPE,
    ),
    "GitHubEnterprise": Kind(
        url=_github_web,
        with_credential=_enterprise_api,
        missing=reasons.SOURCE_UNAUTHORIZED,
        scope=_GITHUB_SCOPE,
    ),
    "GitLab": Kind(url=_gitlab, scope="read_api and a role in the project that may see its code"),
    "BitbucketCloud": Kind(url=_bitbucket, scope="repository read"),
    # its setting PREFIX_ARCHIVE_FILES decides whether there is a folder around
    "Gitea": Kind(url=_gitea, scheme="token", scope="read:repository", wrapped=False),
    "Cgit": Kind(
        url=_cgit,
        says={400: (reasons.SOURCE_NOT_FOUND, "has no such commit, or no `snapshots=zip`")},
    ),
}
_FILE: Final = Kind(url=lambda repository, _: repository.page, wrapped=False)
GENERIC: Final = "Generic"
CHOICES: Final = (*KINDS, GENERIC)

KNOWN: Final[Mapping[str, str]] = {
    "github.com": "GitHub",
    "gitlab.com": "GitLab",
    "bitbucket.org": "BitbucketCloud",
    "codeberg.org": "Gitea",
}
PUBLIC: Final = frozenset(KNOWN) | {
    "api.github.com",
    "codeload.github.com",
    # where GitHub keeps the files of releases
    "objects.githubusercontent.com",
    "release-assets.githubusercontent.com",
}
"""Hosts that everybody knows, with those that they are documented to lead to."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where something is to be fetched, and how its host is to be understood."""

    what: str
    """For messages; holds neither a query nor anything secret."""
    public: str
    authenticated: str
    secret_host: str
    """What a Secret must list to be used here: the host that the user wrote."""
    kind: Kind

    def url(self, with_credential: bool) -> str:
        return self.authenticated if with_credential else self.public


def address(git: Git) -> Address:
    """Where a commit is; SourceInvalid if the spec does not say it."""
    repository = Repository.parse(git.repository)
    _need_hex(git.commit, (40, 64), "spec.source.git.commit must be a full commit hash")
    what = f"commit {git.commit[:12]} of {repository.page}"
    choice = git.host or KNOWN.get(repository.netloc)
    if choice == GENERIC:
        url = expanded(git.archive_url, repository, git.commit)
        host = netloc(parsed(url, "spec.source.git.archiveURL"))
        return Address(what=what, public=url, authenticated=url, secret_host=host, kind=_FILE)
    kind = _kind(choice, repository)
    return Address(
        what=what,
        public=kind.url(repository, git.commit),
        authenticated=(kind.with_credential or kind.url)(repository, git.commit),
        secret_host=repository.netloc,
        kind=kind,
    )


def _kind(choice: str | None, repository: Repository) -> Kind:
    if choice is None or choice not in KINDS:
        raise SourceFailure(
            reasons.SOURCE_INVALID,
            f"spec.source.git.host must say what {repository.netloc} is:"
            f" one of {', '.join(CHOICES)}",
        )
    if choice == "GitHub" and KNOWN.get(repository.netloc) != choice:
        raise SourceFailure(
            reasons.SOURCE_INVALID,
            f"spec.source.git.host: GitHub is github.com alone;"
            f" for {repository.netloc} it is GitHubEnterprise",
        )
    return KINDS[choice]


def archive_address(archive: Archive) -> Address:
    """Where an archive with an http(s) URL is."""
    url = parsed(archive.url, "spec.source.archive.url")
    _need_hex(archive.sha256, (64,), "spec.source.archive.sha256 must be 64 hex digits")
    return Address(
        what=plain(url),
        public=archive.url,
        authenticated=archive.url,
        secret_host=netloc(url),
        kind=_FILE,
    )


def named(source: Source) -> str:
    """The host that the user wrote; for an object its scheme, as the chart says the rest."""
    if source.git is not None:
        return address(source.git).secret_host
    if source.archive is None:
        raise ValueError("a source in the image has no host")
    scheme = source.archive.url.partition("://")[0]
    return f"{scheme}://" if scheme in ("s3", "gs") else archive_address(source.archive).secret_host


def _need_hex(text: str, lengths: tuple[int, ...], complaint: str) -> None:
    if len(text) not in lengths or not set(text) <= set("0123456789abcdef"):
        raise SourceFailure(reasons.SOURCE_INVALID, complaint)
