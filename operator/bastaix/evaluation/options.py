"""The options of `bastaix eval` as they were written, read into what they mean."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bastaix.api import rollout
from bastaix.evaluation.verdict import Thresholds


class Unusable(Exception):
    """An option cannot be used; the message says what would be right."""


@dataclass(frozen=True, kw_only=True)
class Options:
    url: str
    dataset: str
    archive: Path | None = None
    model: str | None = None
    thresholds: Thresholds
    concurrency: int = 8
    limit: int = 200
    timeout: float = 600
    baseline_url: str | None = None
    baseline_model: str | None = None
    baseline: tuple[str, float] | None = None
    """The digest of a data set, and the pass rate on it."""
    result: Path | None = None
    json: bool = False
    show_answers: bool = False


def options(
    *,
    url: str,
    min_pass_rate: float,
    max_regression: float | None,
    ttft_p95: str | None,
    baseline_url: str | None,
    baseline: str | None,
    **given: Any,
) -> Options:
    """Unusable: one of them is wrong."""
    return Options(
        url=_endpoint("--url", url),
        baseline_url=baseline_url and _endpoint("--baseline-url", baseline_url),
        baseline=_known(baseline),
        thresholds=Thresholds(
            min_pass_rate=min_pass_rate,
            max_regression=max_regression,
            ttft_p95=_duration("--ttft-p95", ttft_p95),
        ),
        **given,
    )


def _endpoint(option: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or set(url) & set("?#"):
        raise Unusable(f"{option} must be a URL such as http://localhost:8000, not {url!r}")
    return url


def _duration(option: str, text: str | None) -> float | None:
    seconds = None if text is None else rollout.seconds(text)
    if text is not None and seconds is None:
        raise Unusable(f"{option} must be a duration such as 500ms or 1.5s, not {text!r}")
    return seconds


def _known(baseline: str | None) -> tuple[str, float] | None:
    """`DIGEST=RATE`."""
    if baseline is None:
        return None
    match = re.fullmatch(r"(sha256:[0-9a-f]{64})=([0-9](?:[.][0-9]{1,18})?)", baseline)
    if match is None or float(match[2]) > 1:
        raise Unusable(
            "--baseline must be DIGEST=RATE, such as sha256:…=0.97: dataset and passRate of an"
            " earlier --result"
        )
    return match[1], float(match[2])
