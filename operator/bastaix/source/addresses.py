"""Which IP addresses anybody on the internet has, and which only this cluster can reach.

Python's own `is_global` is not enough: it changes between releases, it lets multicast pass, and
it does not look at the IPv4 address inside an IPv6 one, where a gateway sends it to.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Network = IPv4Network | IPv6Network

# Given out to everybody, yet answered by something near: relays, and a cloud's metadata server.
_NEAR_V4: Final = tuple(
    map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "100.64.0.0/10"))
)
# All that is routed on the internet is in here; whatever else there may be, now or later, is not.
_UNICAST_V6: Final = IPv6Network("2000::/3")
_NEAR_V6: Final = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
_NAT64: Final = IPv6Network("64:ff9b::/96")
# Where no host is: link-local with most clouds' metadata, the metadata of AWS, Google, Oracle,
# Alibaba and Azure elsewhere, multicast, broadcast, and "this host".
_NOWHERE_V4: Final = ("169.254.0.0/16", "192.0.0.192/32", "100.100.100.200/32", "168.63.129.16/32")
_NOWHERE_V6: Final = ("fe80::/10", "fd00:ec2::254/128", "fd20:ce::254/128", "ff00::/8", "::/128")
NOWHERE: Final[tuple[Network, ...]] = (
    *map(IPv4Network, (*_NOWHERE_V4, "224.0.0.0/4", "240.0.0.0/4", "0.0.0.0/8")),
    *map(IPv6Network, _NOWHERE_V6),
)
_LOOPBACK: Final[tuple[Network, ...]] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


def is_public(address: str) -> bool:
    """False also for what is no address at all."""
    ip = _parsed(address)
    if ip is None:
        return False
    if isinstance(ip, IPv4Address):
        return _public_v4(ip)
    inner = _inside(ip)
    return _public_v4(inner) if inner else _public_v6(ip)


def is_address(text: str) -> bool:
    return _parsed(text) is not None


def is_loopback(address: str) -> bool:
    return is_within(address, _LOOPBACK)


def is_within(address: str, networks: Iterable[Network]) -> bool:
    """Whether it, or the IPv4 address that it leads to, is in one of them."""
    ip = _parsed(address)
    inner = _inside(ip) if isinstance(ip, IPv6Address) else None
    return any(found in network for network in networks for found in (ip, inner) if found)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None


def is_literal(host: str) -> bool:
    """An address in a URL's place of a name; no resolver is asked for it.

    No name ends in a number, but to some clients 127.1 and 0177.0.0.1 are addresses.
    """
    if host.rstrip(".").rpartition(".")[2].isdigit():
        return True
    return is_address(host)


def _inside(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that this one leads to: mapped, by NAT64, or by 6to4."""
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour


def _public_v4(ip: IPv4Address) -> bool:
    return (
        ip.is_global
        and not ip.is_multicast
        and not ip.is_reserved
        and not any(ip in network for network in _NEAR_V4)
    )


def _public_v6(ip: IPv6Address) -> bool:
    return ip.is_global and ip in _UNICAST_V6 and not any(ip in network for network in _NEAR_V6)
