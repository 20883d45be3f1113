"""URLs as users write them, taken apart with care: what is odd is refused, never guessed."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from yarl import URL

from bastaix.api import reasons
from bastaix.source.failure import SourceFailure

REPOSITORY_FIELD: Final = "spec.source.git.repository"
TEMPLATE_FIELD: Final = "spec.source.git.archiveURL"
_SHOWN: Final = 300


def netloc(url: URL) -> str:
    """The host, with the port if it is not the scheme's: how rules and Secrets name a host."""
    host = (url.host_subcomponent or "").lower()
    return host if url.is_default_port() else f"{host}:{url.port}"


def plain(url: URL) -> str:
    """For messages: no user, query or fragment, and not for ever."""
    return f"{url.scheme}://{netloc(url)}{url.raw_path}"[:_SHOWN]


def parsed(text: str, where: str) -> URL:
    """An http(s) URL without credentials."""
    try:
        url = URL(text)
        given = url.scheme in ("http", "https") and bool(url.host) and bool(url.port)
    except ValueError:
        given = False
    if not given or not text.isprintable() or " " in text or "\\" in text:
        raise SourceFailure(reasons.SOURCE_INVALID, f"{where} is not an http(s) URL")
    if url.user is not None or url.password is not None:
        raise SourceFailure(
            reasons.SOURCE_INVALID,
            f"{where} holds a credential; put it into a Secret and name that in secretRef",
        )
    return url


@dataclass(frozen=True, kw_only=True)
class Repository:
    page: str
    """As it was written, without the slash at its end."""
    origin: str
    """Scheme, host and port."""
    netloc: str
    names: tuple[str, ...]
    """The path, decoded; the last one is without .git."""

    @classmethod
    def parse(cls, text: str) -> "Repository":
        url = parsed(text, REPOSITORY_FIELD)
        page = text.rstrip("/")
        raw = page.partition("://")[2].partition("/")[2].removesuffix(".git")
        names = tuple(unquote(name) for name in raw.split("/"))
        if not all(map(_is_name, names)) or "?" in text or "#" in text:
            raise SourceFailure(
                reasons.SOURCE_INVALID,
                f"{REPOSITORY_FIELD} must be the address of a repository, such as"
                " https://github.com/acme/serving",
            )
        return cls(
            page=page, origin=f"{url.scheme}://{netloc(url)}", netloc=netloc(url), names=names
        )

    def owner_and_name(self) -> tuple[str, str]:
        """For hosts where a repository has an owner and nothing above."""
        if len(self.names) != 2:
            raise SourceFailure(
                reasons.SOURCE_INVALID,
                f"{REPOSITORY_FIELD} must be {self.origin}/OWNER/NAME for this kind of host",
            )
        return quote(self.names[0], safe=""), quote(self.names[1], safe="")


def _is_name(text: str) -> bool:
    return text.isprintable() and "/" not in text and text not in ("", ".", "..")


def expanded(template: str | None, repository: Repository, commit: str) -> str:
    """The URL of a commit, from a template with {repository} and {commit} in it."""
    values = {"{repository}": repository.page.removesuffix(".git"), "{commit}": commit}
    found = set(re.findall(r"\{[^{}]*\}", template or ""))
    if template is None or "{commit}" not in found or not found <= set(values):
        raise SourceFailure(
            reasons.SOURCE_INVALID,
            f"{TEMPLATE_FIELD} must be a URL with {{commit}}, and perhaps {{repository}}, in it",
        )
    return re.sub(r"\{[^{}]*\}", lambda match: values[match.group()], template)
