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
    if addresses.is_literal(url.host) and not is_allowed(url.host, url, policy):
        raise refused_address(host, url.host, policy)
    if url.host == policy.api_server:
        raise _nowhere(host)


def proxy(url: URL, policy: Policy) -> str | None:
    """What is private is near: a proxy to the internet could not reach it."""
    return None if rule(url, policy).private else policy.proxy


def is_allowed(address: str, url: URL, policy: Policy) -> bool:
    """Whether the host of a URL may be asked at an address that it has."""
    allowed = rule(url, policy)
    if not addresses.is_address(address) or _is_nowhere(address, policy):
        return False
    if allowed.networks:
        return addresses.is_within(address, allowed.networks)
    if addresses.is_within(address, policy.denied_networks):
        return False
    if addresses.is_public(address):
        return True
    return allowed.private and (not addresses.is_loopback(address) or _is_this_machine(url))


def _is_nowhere(address: str, policy: Policy) -> bool:
    return addresses.is_within(address, (*addresses.NOWHERE, *policy.api_server_networks))


def _is_this_machine(url: URL) -> bool:
    """By its own name, which whoever lists it as private cannot mean otherwise."""
    host = url.host or ""
    return host == "localhost" or addresses.is_loopback(host)


def refused_address(host: str, address: str, policy: Policy) -> SourceFailure:
    if _is_nowhere(address, policy):
        return _nowhere(host)
    if addresses.is_public(address):
        return _forbidden(f"{host} is at an address that is in none of the networks allowed for it")
    return _forbidden(f"{host} is at an address that is not public")


def _nowhere(host: str) -> SourceFailure:
    return SourceFailure(
        reasons.SOURCE_FORBIDDEN,
        f"{host} is at an address where no source is: link-local, of a cloud's metadata, multicast,"
        " or the API server's",
    )


def _forbidden(message: str) -> SourceFailure:
    """For what a rule of the chart could allow."""
    return SourceFailure(
        reasons.SOURCE_FORBIDDEN, f"{message} (the chart's value source.allowedHosts can allow it)"
    )
