"""The small JSON that the operator reads, always under its bound; pure. No prompt, no answer."""

import json
from typing import Any

from bastaix.api.evaluation import MAX_FAILED, MAX_RESULT_BYTES
from bastaix.evaluation.figures import Figures
from bastaix.evaluation.verdict import Verdict


def result(
    verdict: Verdict,
    found: Figures | None = None,
    *,
    dataset: str | None = None,
    baseline: Figures | float | None = None,
) -> dict[str, Any]:
    """`found` is None where nothing could be asked at all."""
    rate = baseline.measured_rate if isinstance(baseline, Figures) else baseline
    figures: dict[str, Any] = {
        "dataset": dataset,
        "cases": found.cases if found else 0,
        "passRate": _rounded(found.pass_rate if found else 0.0),
        "errorRate": _rounded(found.error_rate if found else 0.0),
        "ttftP95Seconds": _rounded(found.ttft_p95 if found else None),
        "baselinePassRate": _rounded(rate),
    }
    given = {key: value for key, value in figures.items() if value is not None}
    failed = list(found.failed[:MAX_FAILED] if found else ())
    document = {"outcome": verdict.outcome, "message": verdict.message, **given, "failed": failed}
    while failed and len(encoded(document)) >= MAX_RESULT_BYTES:
        failed.pop()
    return document


def encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
