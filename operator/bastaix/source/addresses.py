"""Which IP addresses anybody on the internet has, and which only this cluster can reach.

Python's own `is_global` is not enough: it changes between releases, it lets multicast pass, and
it does not look at the IPv4 address inside an IPv6 one, where a gateway sends it to.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

# Given out to everybody, yet answered by something near: relays, and a cloud's metadata server.
_NEAR_V4: Final = tuple(
    map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "100.64.0.0/10"))
)
# All that is routed on the internet is in here; whatever else there may be, now or later, is not.
_UNICAST_V6: Final = IPv6Network("2000::/3")
_NEAR_V6: Final = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
_NAT64: Final = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """False also for what is no address at all."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv4Address):
        return _public_v4(ip)
    inner = _inside(ip)
    return _public_v4(inner) if inner else _public_v6(ip)


def is_literal(host: str) -> bool:
    """An address in a URL's place of a name; no resolver is asked for it.

    No name ends in a number, but to some clients 127.1 and 0177.0.0.1 are addresses.
    """
    if host.rstrip(".").rpartition(".")[2].isdigit():
        return True
    try:
        ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return True


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
