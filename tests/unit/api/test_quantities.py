"""Amounts as Kubernetes writes them."""

from decimal import Decimal

import pytest

from bastaix.api.quantities import amount

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
