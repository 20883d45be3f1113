"""Which addresses are public: everything odd is not."""

import pytest

from bastaix.source.addresses import is_literal, is_public


@pytest.mark.parametrize(
    "address",
    ["140.82.121.4", "8.8.8.8", "172.32.0.1", "2606:50c0:8000::153", "::ffff:8.8.8.8",
     "64:ff9b::8.8.8.8", "2002:808:808::1"],
)  # fmt: skip
def test_what_the_internet_routes_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "192.168.1.1", "0.0.0.0"),
        *("169.254.169.254", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
        *("192.0.2.1", "198.18.0.1", "192.88.99.1", "224.0.0.1", "233.252.0.1", "240.0.0.1"),
        *("255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254"),
        *("ff02::1", "ff0e::1", "2001:db8::1", "2001::1", "3fff::1", "fec0::1", "5f00::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:a00:1", "::127.0.0.1"),
        *("64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::8.8.8.8"),
        *("2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:a00:1::", "no-address", ""),
    ],
)
def test_what_is_near_or_odd_is_not_public(address: str) -> None:
    assert not is_public(address)


def test_a_literal_is_told_from_a_name() -> None:
    assert is_literal("10.0.0.1")
    assert is_literal("[::1]")
    assert is_literal("fe80::1%eth0")
    assert not is_literal("10.0.0.1.example.com")


@pytest.mark.parametrize("host", ["127.1", "0177.0.0.1", "2130706433", "0", "127.0.0.1."])
def test_an_address_in_an_odd_spelling_is_one_and_not_public(host: str) -> None:
    assert is_literal(host)
    assert not is_public(host)
