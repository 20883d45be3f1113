"""A start is measured once, by a process that saw it from its beginning."""

from datetime import timedelta

from bastaix.reconcile.first_answers import FirstAnswers
from tests.unit.reconcile.fakes import Clock, Notebook

NAME = ("demo", "smollm2")


def rayservice(clock: Clock, uid: str, seconds: float = 0) -> dict[str, str]:
    made = clock() + timedelta(seconds=seconds)
    return {"uid": uid, "creationTimestamp": made.strftime("%Y-%m-%dT%H:%M:%SZ")}


def test_each_rayservice_is_measured_once_whatever_asks_anew() -> None:
    clock, notes = Clock(), Notebook()
    first = FirstAnswers(notes, clock)
    made = rayservice(clock, "a")
    clock.forward(80)
    first.note(NAME, made)
    first.note(NAME, made)
    first.note(NAME, rayservice(clock, "b", -10))
    assert notes.answers == [80, 10]


def test_what_was_there_before_this_process_is_not_measured() -> None:
    clock, notes = Clock(), Notebook()
    made = rayservice(clock, "a", -60)
    FirstAnswers(notes, clock).note(NAME, made)
    assert notes.answers == []
