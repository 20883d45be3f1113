"""The page of metrics, as Prometheus would read it."""

import logging

from bastaix.metrics import Metrics, SourceMetrics


def lines(metrics: Metrics, start: str) -> list[str]:
    return [line for line in metrics.page().decode().splitlines() if line.startswith(start)]


def test_every_series_is_there_under_its_name() -> None:
    metrics = Metrics()
    metrics.watch_depth(lambda: 3)
    metrics.started(0.1)
    metrics.finished(0.2, ValueError("x"))
    metrics.wrote("Service", "apply")
    metrics.first_answer(79)
    metrics.startup({"image": 20, "engine": 59})
    page = metrics.page().decode()
    for line in (
        "bastaix_queue_depth 3.0",
        "bastaix_queue_wait_seconds_count 1.0",
        "bastaix_reconcile_seconds_count 1.0",
        'bastaix_reconcile_errors_total{type="ValueError"} 1.0',
        'bastaix_writes_total{kind="Service",verb="apply"} 1.0',
        "bastaix_first_answer_seconds_sum 79.0",
        'bastaix_startup_seconds_sum{phase="image"} 20.0',
        'bastaix_startup_seconds_count{phase="engine"} 1.0',
    ):
        assert line in page.splitlines()
    assert "process_resident_memory_bytes" in page


def test_an_error_in_the_log_counts_and_a_warning_does_not() -> None:
    metrics = Metrics()
    logger = logging.getLogger("bastaix.observe.diagnose")
    logger.addHandler(metrics.logged)
    try:
        logger.error("a check failed")
        logger.warning("something else")
    finally:
        logger.removeHandler(metrics.logged)
    series = "bastaix_logged_errors_total{"
    assert lines(metrics, series) == [f'{series}logger="bastaix.observe.diagnose"}} 1.0']


def test_a_modeldeployment_counts_once_and_where_it_stands() -> None:
    metrics = Metrics()
    one, two = ("demo", "one"), ("demo", "two")
    for name in (one, one, two):
        metrics.standing(name, False, "StartingRay")
    start = "bastaix_modeldeployments{"
    assert lines(metrics, start) == [f'{start}ready="false",reason="StartingRay"}} 2.0']
    metrics.standing(one, True, "Ready")
    metrics.gone(two)
    metrics.gone(two)
    assert lines(metrics, start) == [f'{start}ready="true",reason="Ready"}} 1.0']
    metrics.gone(one)
    assert lines(metrics, start) == []


def test_what_breaks_for_an_unknown_cause_is_counted_each_time_it_was_seen_to_happen() -> None:
    metrics = Metrics()
    one = ("demo", "one")
    metrics.standing(one, False, "ServeFailed")
    assert lines(metrics, "bastaix_unknown_causes_total{") == [], "before this operator"
    for reason in ("LoadingModel", "ServeFailed", "ServeFailed", "LoadingModel", "ImportFailed"):
        metrics.standing(one, False, reason)
    told = 'bastaix_unknown_causes_total{reason="ServeFailed"} 1.0'
    assert lines(metrics, "bastaix_unknown_causes_total{") == [told]


def test_the_source_controller_has_its_own_series_and_not_the_operators() -> None:
    metrics = SourceMetrics()
    metrics.watch_depth(lambda: 1)
    metrics.verification("SourceNotFound")
    metrics.first_verdict(0.4)
    metrics.fetched(1024)
    page = metrics.page().decode()
    for line in (
        "bastaix_queue_depth 1.0",
        'bastaix_source_verifications_total{reason="SourceNotFound"} 1.0',
        "bastaix_source_seconds_count 1.0",
        "bastaix_source_fetched_bytes_total 1024.0",
    ):
        assert line in page.splitlines()
    assert "bastaix_modeldeployments" not in page
    assert "bastaix_source" not in Metrics().page().decode()
