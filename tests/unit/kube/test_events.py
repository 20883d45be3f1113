"""What is said again is counted; what is new is a new Event; and none is ever worth an error."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from bastaix.kube.cluster import Client
from bastaix.kube.events import LONGEST_NOTE, MOST_NOTES, MOST_REMEMBERED, SOON, EventWriter
from bastaix.reconcile.cluster import Refused

EVENTS = "/apis/events.k8s.io/v1/namespaces/demo/events"
MD = {"metadata": {"namespace": "demo", "name": "smollm2", "uid": "u1"}}
OTHER = {"metadata": {**MD["metadata"], "uid": "u2"}}


@dataclass
class Server:
    """Keeps Events as the API server does."""

    refusal: Refused | None = None
    events: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def request(self, method: str, path: str, body: Any = None, **given: Any) -> Any:
        if self.refusal is not None:
            raise self.refusal
        if method == "POST":
            assert path == EVENTS
            self.events[body["metadata"]["name"]] = dict(body)
            return body
        name = path.removeprefix(f"{EVENTS}/")
        assert given["content_type"] == "application/merge-patch+json"
        if name not in self.events:
            raise Refused(404, "NotFound", "it has gone")
        self.events[name] |= body
        return self.events[name]

    def told(self) -> list[tuple[str, int]]:
        """The reasons, and how often each is counted."""
        events = self.events.values()
        return [(each["reason"], (each.get("series") or {}).get("count", 1)) for each in events]


class Story:
    def __init__(self, server: Server) -> None:
        self.now = datetime(2026, 1, 1, 12, tzinfo=UTC)
        self._writer = EventWriter(cast(Client, server), lambda: self.now)

    async def tell(
        self,
        reason: str,
        note: str = "a note",
        after: float = 10,
        body: Any = MD,
        good: bool = False,
    ) -> None:
        self.now += timedelta(seconds=after)
        await self._writer.record(body, reason=reason, note=note, good=good)


async def test_two_reasons_in_turn_for_an_hour_are_two_events() -> None:
    server = Server()
    story = Story(server)
    for _ in range(180):
        await story.tell("CrashLooping")
        await story.tell("LoadingModel", good=True)
    assert server.told() == [("CrashLooping", 180), ("LoadingModel", 180)]
    first, second = server.events.values()
    assert (first["type"], second["type"]) == ("Warning", "Normal")
    assert first["eventTime"] == "2026-01-01T12:00:10.000000+00:00"
    assert second["series"]["lastObservedTime"] == "2026-01-01T13:00:00.000000+00:00"


async def test_what_happens_once_has_no_series() -> None:
    server = Server()
    await Story(server).tell("Ready")
    (event,) = server.events.values()
    assert "series" not in event
    assert event["regarding"]["uid"] == "u1"


async def test_another_note_is_another_event_and_of_many_the_last_one_is_counted() -> None:
    server = Server()
    story = Story(server)
    for number in range(MOST_NOTES + 3):
        await story.tell("WrongAnswer", f"answer {number}")
    await story.tell("WrongAnswer", "answer 0")
    counts = [2, *[1] * (MOST_NOTES - 2), 4]
    assert server.told() == [("WrongAnswer", count) for count in counts]


async def test_the_same_of_another_object_or_of_another_kind_is_another_event() -> None:
    server = Server()
    story = Story(server)
    await story.tell("Ready")
    await story.tell("Ready", body=OTHER)
    await story.tell("Ready", good=True)
    assert server.told() == [("Ready", 1)] * 3


async def test_after_a_pause_it_is_told_anew() -> None:
    server = Server()
    story = Story(server)
    await story.tell("Ready")
    await story.tell("Ready", after=SOON.total_seconds() - 1)
    await story.tell("Ready", after=SOON.total_seconds())
    assert server.told() == [("Ready", 2), ("Ready", 1)]


async def test_what_the_cluster_has_forgotten_is_told_anew_and_counted_from_there() -> None:
    server = Server()
    story = Story(server)
    await story.tell("Ready")
    server.events.clear()
    await story.tell("Ready")
    await story.tell("Ready")
    assert server.told() == [("Ready", 2)]


async def test_one_that_cannot_be_written_is_no_error_and_nothing_is_counted_on_it() -> None:
    server = Server(Refused(403, "Forbidden", "no"))
    story = Story(server)
    await story.tell("Ready")
    server.refusal = None
    await story.tell("Ready")
    assert server.told() == [("Ready", 1)]


async def test_long_notes_are_cut_to_what_the_api_takes() -> None:
    server = Server()
    story = Story(server)
    await story.tell("Ready", "x" * LONGEST_NOTE + "y")
    await story.tell("Ready", "x" * LONGEST_NOTE + "z")
    (event,) = server.events.values()
    assert event["note"] == "x" * LONGEST_NOTE


async def test_of_many_events_only_the_last_are_remembered() -> None:
    server = Server()
    writer = EventWriter(cast(Client, server), lambda: datetime(2026, 1, 1, tzinfo=UTC))
    for number in range(MOST_REMEMBERED + 1):
        body = {"metadata": {**MD["metadata"], "uid": f"u{number}"}}
        await writer.record(body, reason="Failed", note="x", good=False)
    for uid, events in ((f"u{MOST_REMEMBERED}", 0), ("u0", 1)):
        body = {"metadata": {**MD["metadata"], "uid": uid}}
        await writer.record(body, reason="Failed", note="x", good=False)
        assert len(server.events) == MOST_REMEMBERED + 1 + events
