"""Kubernetes' way of writing amounts, such as 500m of a processor or 8Gi of memory."""

import re
from decimal import Decimal
from typing import Final

_QUANTITY: Final = re.compile(
    r"([+-]?(?:\d++\.?\d*+|\.\d++))(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?\d{1,3}))?"
)
_THOUSANDS: Final = {**dict(zip("kMGTPE", range(1, 7), strict=True)), "m": -1, "u": -2, "n": -3}


def amount(quantity: str) -> Decimal | None:
    """Of a Kubernetes quantity, such as 500m or 8Gi; None if it is none."""
    match = _QUANTITY.fullmatch(quantity)
    if match is None:
        return None
    digits, binary, decimal, exponent = match.groups()
    factor = Decimal(1)
    if binary:
        factor = Decimal(1024) ** _THOUSANDS[binary[0].replace("K", "k")]
    elif decimal:
        factor = Decimal(1000) ** _THOUSANDS[decimal]
    elif exponent:
        factor = Decimal(10) ** int(exponent)
    return Decimal(digits) * factor
