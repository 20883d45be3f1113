"""docs/reasons.md is what the code says. BASTAIX_GOLDEN=write makes it anew."""

import os
from pathlib import Path

from bastaix.explain import page

PAGE = Path(__file__).parents[2] / "docs/reasons.md"


def test_the_page_of_reasons_is_what_the_code_says() -> None:
    if os.environ.get("BASTAIX_GOLDEN") == "write":
        PAGE.write_text(page())
    assert PAGE.read_text() == page(), "make it anew: BASTAIX_GOLDEN=write pytest tests/golden"
