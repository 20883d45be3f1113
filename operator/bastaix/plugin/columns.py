"""Rows in columns, as kubectl prints them."""

from collections.abc import Sequence

from bastaix.text.terminal import in_one_line

GAP = "  "


def columns(rows: Sequence[Sequence[str]], indent: str = "") -> list[str]:
    """Each column as wide as its widest cell; the last one as long as it likes."""
    rows = [[in_one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        (
            indent + GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
