"""Whether a URL may be asked at all: the first one as well as each that a redirect leads to.

Who writes a ModelDeployment, or runs a host that one names, could otherwise make the source
controller ask what only it can reach. What is allowed beyond public hosts over TLS is in the
policy alone, which whoever installed the chart has written.
"""

import re
from typing import Final

from yarl import URL

from bastaix.api import reasons
from bastaix.source import addresses
from bastaix.source.failure import SourceFailure
from bastaix.source.hosts import PUBLIC
from bastaix.source.locations import netloc
from bastaix.source.policy import HostRule, Policy

_HOST: Final = re.compile(r"[a-z0-9._:-]{1,253}", re.IGNORECASE)
"""Names and addresses: what a host has made up stands in a message only if it is such."""


def rule(url: URL, policy: Policy) -> HostRule:
    return policy.hosts.get(netloc(url), HostRule())


def check(url: URL, policy: Policy, *, came_from: URL | None = None) -> None:
    """SourceForbidden if the URL may not be asked; its name's addresses are checked later."""
    to = f"{netloc(came_from)} redirects to " if came_from is not None else ""
    if url.scheme not in ("https", "http") or not url.host:
        raise SourceFailure(reasons.SOURCE_FORBIDDEN, f"{to}an address that is no https URL")
    if not _HOST.fullmatch(url.raw_host or ""):
        raise SourceFailure(reasons.SOURCE_FORBIDDEN, f"{to}a name that no host can have")
    host, allowed = netloc(url), rule(url, policy)
    way = f"{to}{host}"
    if came_from is not None and came_from.scheme == "https" != url.scheme:
        message = f"{way} without TLS, which is never followed"
        raise SourceFailure(reasons.SOURCE_FORBIDDEN, message)
    if url.scheme == "http" and not allowed.http:
        raise _forbidden(f"{way} without TLS, which is not allowed for it")
    if host not in policy.hosts and not url.is_default_port():
        raise _forbidden(f"{way}, a port that is not allowed")
    if policy.proxy is not None and host not in policy.hosts and host not in PUBLIC:
        raise _forbidden(f"{way}, which is neither well-known nor listed, as the proxy requires")
    literal = addresses.is_literal(url.host)
    if literal and not allowed.private and not addresses.is_public(url.host):
        raise not_public(host)


def proxy(url: URL, policy: Policy) -> str | None:
    """What is private is near: a proxy to the internet could not reach it."""
    return None if rule(url, policy).private else policy.proxy


def not_public(host: str) -> SourceFailure:
    return _forbidden(f"{host} is at an address that is not public")


def _forbidden(message: str) -> SourceFailure:
    """For what a rule of the chart could allow."""
    return SourceFailure(
        reasons.SOURCE_FORBIDDEN, f"{message} (the chart's value source.allowedHosts can allow it)"
    )
