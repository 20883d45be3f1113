"""What a controller does as a process, before it works."""

import logging
import resource
from typing import Any, cast

import pytest

from bastaix import running, web
from bastaix.metrics import QueueMetrics


def test_as_many_files_may_be_open_as_the_process_is_allowed() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[0] - 1, before[1]))
    try:
        running.raise_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_errors_in_the_log_are_counted_from_before_it_listens_until_it_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    metrics, nothing = QueueMetrics(), cast(Any, None)

    async def serve(*_: Any) -> None:
        logging.getLogger("bastaix.somewhere").error("a bug")
        raise OSError("the port is in use")

    monkeypatch.setattr(web, "serve", serve)
    for _ in range(2):
        with pytest.raises(OSError, match="in use"):
            await running.run(
                nothing, nothing, nothing, metrics, nothing, nothing, stuck_seconds=90
            )
    logging.getLogger("bastaix.somewhere").error("another one")
    (family,) = metrics.logged.collect()
    assert [(one.labels["logger"], one.value) for one in family.samples] == [
        ("bastaix.somewhere", 2)
    ]
