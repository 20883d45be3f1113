"""What the operator writes in the course of a rollout wakes the source controller for nothing."""

from typing import Any

import pytest

from bastaix.reconcile.index import Name
from bastaix.source.news import News
from tests.unit.bodies import body, with_field

NAME: Name = ("demo", "smollm2")


class Told:
    def __init__(self) -> None:
        self.now: dict[str, Any] | None = body()
        self.news = News(lambda _: self.now)
        assert self.news.is_new(NAME)

    def is_new(self, field: str, value: Any) -> bool:
        assert self.now is not None
        self.now = with_field(self.now, field, value)
        return self.news.is_new(NAME)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status.candidate", {"revision": "smollm2-1", "phase": "Scheduling"}),
        ("status.conditions", [{"type": "Ready", "status": "False", "reason": "Scheduling"}]),
        ("status.replicas", {"desired": 1, "ready": 1}),
        ("metadata.resourceVersion", "77"),
    ],
)
def test_what_the_operator_says_of_its_own_is_no_news(field: str, value: Any) -> None:
    assert not Told().is_new(field, value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metadata.generation", 2),
        ("metadata.uid", "uid-2"),
        ("metadata.deletionTimestamp", "2026-01-01T12:00:00Z"),
        ("status.source", {"digest": "sha256:0"}),
        ("status.conditions", [{"type": "SourceVerified", "status": "Unknown"}]),
        ("status.finding", {"reason": "VolumeMissing"}),
    ],
)
def test_what_a_verdict_depends_on_is_news_once(field: str, value: Any) -> None:
    told = Told()
    assert told.is_new(field, value)
    assert not told.news.is_new(NAME)


def test_what_is_gone_or_in_doubt_is_looked_at() -> None:
    told = Told()
    told.now = None
    assert told.news.is_new(NAME)
    told.now = body()
    assert told.news.is_new(NAME), "another may have its name"
