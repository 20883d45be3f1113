"""What each recorded failure is called, with its evidence, word for word: findings.yaml.

`BASTAIX_GOLDEN=write` writes it anew; then read the diff, as it is what users get to read.
"""

import os
from pathlib import Path

import yaml

from bastaix.observe.diagnose import diagnose
from tests.corpus.recorded import FILES, recording
from tests.unit.bodies import body

FINDINGS = Path(__file__).parent / "findings.yaml"


def found(file: Path) -> dict[str, str]:
    made = recording(file, body())
    finding = diagnose(made.observed, made.revision)
    return {
        "reason": finding.reason.name,
        "object": finding.object,
        "message": finding.message,
    }


def test_each_recording_has_the_finding_that_was_agreed() -> None:
    text = yaml.safe_dump(
        {file.stem: found(file) for file in FILES}, sort_keys=True, width=1000, allow_unicode=True
    )
    if os.environ.get("BASTAIX_GOLDEN") == "write":
        FINDINGS.write_text(text)
    assert FINDINGS.read_text() == text
