"""The functions that Kubernetes adds to CEL."""

from decimal import Decimal

import pytest

from bastaix.schema.rules import amount, is_url

QUANTITIES = [
    ("1", "1"),
    ("500m", "0.5"),
    ("+1.5Gi", "1610612736"),
    (".5k", "500"),
    ("2.", "2"),
    ("1e3", "1000"),
    ("1E-3", "0.001"),
    ("-8Mi", "-8388608"),
    ("1n", "0.000000001"),
]


@pytest.mark.parametrize(("text", "is_worth"), QUANTITIES)
def test_reads_a_quantity(text: str, is_worth: str) -> None:
    assert amount(text) == Decimal(is_worth)


@pytest.mark.parametrize(
    "text", ["", "six", "8 GB", "8GB", "1Ki5", "--1", "1.2.3", ".", "8gi", "1e"]
)
def test_refuses_what_is_no_quantity(text: str) -> None:
    assert amount(text) is None


@pytest.mark.parametrize("text", ["https://g.dev/a b", "http://[::1]:80/", "s3://bucket/%41"])
def test_accepts_a_url(text: str) -> None:
    assert is_url(text)


NO_URLS = [
    "g.dev/a",
    "https://g:port/",
    "https://[g/",
    "https://g/%zz",
    "https://a b/",
    "https://g/\n",
]


@pytest.mark.parametrize("text", NO_URLS)
def test_refuses_what_is_no_url(text: str) -> None:
    assert not is_url(text)
