"""At which addresses a host may be asked: what whoever installs it allows, and never a few."""

from ipaddress import ip_network

import pytest
from yarl import URL

from bastaix.api import reasons
from bastaix.source import hops
from bastaix.source.failure import SourceFailure
from bastaix.source.policy import HostRule, Policy

PRIVATE = HostRule(private=True)
BOUND = HostRule(private=True, networks=(ip_network("10.20.0.0/16"), ip_network("fd00:1::/32")))
NEVER = [
    *("169.254.169.254", "169.254.1.1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fd20:ce::254"),
    *("192.0.0.192", "100.100.100.200", "168.63.129.16", "0.0.0.0", "224.0.0.1", "ff02::1", "::"),
    *("255.255.255.255", "::ffff:169.254.169.254", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1"),
    *("10.96.0.1", "::ffff:10.96.0.1", "no address"),
]


def allowed(address: str, rule: HostRule | None = None, *denied: str) -> bool:
    policy = Policy(
        hosts={} if rule is None else {"git.corp": rule},
        denied_networks=tuple(ip_network(network) for network in denied),
        api_server="10.96.0.1",
    )
    return hops.is_allowed(address, URL("https://git.corp/a.zip"), policy)


@pytest.mark.parametrize("address", NEVER)
def test_metadata_and_the_api_server_are_never_asked_whatever_is_allowed(address: str) -> None:
    everywhere = HostRule(private=True, networks=(ip_network("0.0.0.0/0"), ip_network("::/0")))
    for rule in (None, HostRule(), PRIVATE, everywhere):
        assert not allowed(address, rule)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "8.8.8.8"]
)
def test_a_private_host_that_is_bound_to_no_network_is_asked_as_before(address: str) -> None:
    assert allowed(address, PRIVATE)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_a_private_host_is_not_this_very_machine(address: str) -> None:
    assert not allowed(address, PRIVATE)
    bound = HostRule(private=True, networks=(ip_network("127.0.0.0/8"), ip_network("::1/128")))
    assert allowed(address, bound)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_this_machine_by_its_own_name_is_asked_if_it_is_listed(host: str) -> None:
    url = URL(f"https://{host}:8443/a.zip")
    address = "::1" if host == "[::1]" else "127.0.0.1"
    assert hops.is_allowed(address, url, Policy(hosts={f"{host}:8443": PRIVATE}))
    assert not hops.is_allowed(address, url, Policy(hosts={f"{host}:8443": HostRule()}))


def test_a_host_that_is_bound_to_networks_is_asked_there_and_nowhere_else() -> None:
    for address in ("10.20.0.1", "fd00:1::7", "::ffff:10.20.0.1"):
        assert allowed(address, BOUND)
    for address in ("10.21.0.1", "fd00:2::7", "8.8.8.8", "127.0.0.1", "2606:50c0:8000::153"):
        assert not allowed(address, BOUND)


def test_denied_networks_are_asked_by_what_names_them_alone() -> None:
    denied = ("11.0.0.0/8", "2600:1f13::/32")
    for address in ("11.1.2.3", "::ffff:11.1.2.3", "2600:1f13::1"):
        assert allowed(address)
        for rule in (None, HostRule(), PRIVATE, BOUND):
            assert not allowed(address, rule, *denied)
    own = HostRule(private=True, networks=(ip_network("11.1.0.0/16"),))
    assert allowed("11.1.2.3", own, *denied)
    assert not allowed("11.2.2.3", own, *denied)
    assert allowed("12.0.0.1", None, *denied)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://11.1.2.3/a.zip", "none of the networks"),
        ("https://10.1.2.3/a.zip", "not public"),
        ("https://169.254.169.254/latest", "where no source is"),
        ("https://api.cluster.example/a.zip", "the API server's"),
    ],
)
def test_an_address_in_a_url_is_held_against_the_same(url: str, said: str) -> None:
    listed = {"169.254.169.254": PRIVATE, "api.cluster.example": PRIVATE}
    policy = Policy(
        hosts=listed,
        denied_networks=(ip_network("11.0.0.0/8"),),
        api_server="api.cluster.example",
    )
    with pytest.raises(SourceFailure, match=said) as refused:
        hops.check(URL(url), policy)
    assert refused.value.reason is reasons.SOURCE_FORBIDDEN
