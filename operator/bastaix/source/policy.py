"""What whoever installs the source controller allows it to reach, and how much of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

from bastaix.source.addresses import Network, is_address


@dataclass(frozen=True, kw_only=True)
class HostRule:
    """An exception for one host, which users cannot make for themselves."""

    http: bool = False
    """Without TLS."""
    private: bool = False
    """At an address that is not public: of a private network, or of the cluster."""
    networks: tuple[Network, ...] = ()
    """At an address in these, and at no other; none: at any that a private host may have."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    hosts: Mapping[str, HostRule] = field(default_factory=dict)
    """By host, or by host:port where the port is not that of the scheme; lower case."""
    denied_networks: tuple[Network, ...] = ()
    """Where nothing is asked but what names the network itself: public addresses used privately."""
    api_server: str | None = None
    """The cluster's, a name or an address, where nothing is ever asked."""
    proxy: str | None = None
    """Through it no address can be checked, so then only listed and well-known hosts are asked."""
    ca_file: Path | None = None
    """Certificate authorities besides those of the system, as PEM."""
    s3_endpoint: str | None = None
    gs_endpoint: str | None = None
    max_bytes: int = 512 * 1024 * 1024
    """Of one archive, as it comes."""
    seconds: float = 300.0
    """For one archive, redirects and all."""
    connect_seconds: float = 15.0
    """Of these, for one connection with its TLS."""
    silence_seconds: float = 60.0
    """Of these, for the next thing that a host says; some begin to pack only when asked."""
    least_bytes_per_second: float = 8 * 1024
    """On average, from the first byte of the archive on."""
    grace_seconds: float = 30.0
    """Before that average is looked at."""
    redirects: int = 5

    @property
    def api_server_networks(self) -> tuple[Network, ...]:
        """The API server's address as a network; none where it is known by a name."""
        address = self.api_server or ""
        return (ip_network(address),) if is_address(address) else ()
