"""What an evaluation ends with: the words and bounds that its Job and the operator agree on.

A result is a small JSON object in the termination message of the container that evaluates,
which Kubernetes cuts at 4,096 bytes, and an exit code that says the same.
"""

from collections.abc import Mapping
from typing import Final, Literal

Outcome = Literal["Passed", "Failed", "Error", "Inconclusive"]
"""Failed: the answers are not good enough. Error: it could not be measured, and may be another
time. Inconclusive: it was measured, and says nothing of the answers."""

EXIT_CODES: Final[Mapping[Outcome, int]] = {
    "Passed": 0,
    "Failed": 1,
    "Error": 2,
    "Inconclusive": 3,
}

MAX_RESULT_BYTES: Final = 4000
MAX_MESSAGE: Final = 300
MAX_FAILED: Final = 20
"""How many ids of failed cases a result names."""
MAX_ID: Final = 128
