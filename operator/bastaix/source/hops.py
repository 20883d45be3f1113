"""Whether a URL may be asked at all: the first one as well as each that a redirect leads to.

Who writes a ModelDeployment, or runs a host that one names, could otherwise make the source
controller ask what only it can reach. What is allowed beyond public hosts over TLS is in the
policy alone, which whoever installed the chart has written.
"""

from yarl import URL

from bastaix.api import reasons
from bastaix.source import addresses
from bastaix.source.failure import SourceFailure
from bastaix.source.hosts import PUBLIC
from bastaix.source.locations import netloc
from bastaix.source.policy import HostRule, Policy


def rule(url: URL, policy: Policy) -> HostRule:
    return policy.hosts.get(netloc(url), HostRule())


def check(url: URL, policy: Policy, *, came_from: URL | None = None) -> None:
    """SourceForbidden if the URL may not be asked; its name's addresses are checked later."""
    host, allowed = netloc(url), rule(url, policy)
    way = f"{netloc(came_from)} redirects to {host}" if came_from is not None else host
    if came_from is not None and came_from.scheme == "https" != url.scheme:
        raise forbidden(f"{way} without TLS, which is never followed")
    if url.scheme not in ("https", "http") or not url.host:
        raise forbidden(f"{way}, which is no https URL")
    if url.scheme == "http" and not allowed.http:
        raise forbidden(f"{way} without TLS, which is not allowed for it")
    if host not in policy.hosts and not url.is_default_port():
        raise forbidden(f"{way}, a port that is not allowed")
    if policy.proxy is not None and host not in policy.hosts and host not in PUBLIC:
        raise forbidden(f"{way}, which is neither well-known nor listed, as the proxy requires")
    literal = addresses.is_literal(url.host)
    if literal and not allowed.private and not addresses.is_public(url.host):
        raise not_public(host)


def proxy(url: URL, policy: Policy) -> str | None:
    """What is private is near: a proxy to the internet could not reach it."""
    return None if rule(url, policy).private else policy.proxy


def not_public(host: str) -> SourceFailure:
    return forbidden(f"{host} is at an address that is not public")


def forbidden(message: str) -> SourceFailure:
    return SourceFailure(
        reasons.SOURCE_FORBIDDEN, f"{message} (the chart's value source.allowedHosts can allow it)"
    )
