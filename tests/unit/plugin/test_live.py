"""A status that goes on: what is written at each look, on a terminal and elsewhere."""

from typing import Any, cast

import pytest

from bastaix.plugin.live import follow, painted
from bastaix.plugin.seen import Seen
from bastaix.plugin.session import Session, Trouble, Unreachable
from tests.unit.plugin.examples import READY_SEEN, trial


class Looks:
    """Gives one look after the other, or raises it."""

    def __init__(self, *looks: Seen | Trouble) -> None:
        self._looks = iter(looks)

    async def look(self, name: str, **_: Any) -> Seen:
        found = next(self._looks)
        if isinstance(found, Trouble):
            raise found
        return found


async def told(*looks: Seen | Trouble, is_terminal: bool) -> str:
    """All that is written until the object is gone."""
    said: list[str] = []
    session = cast(Session, Looks(*looks, Trouble("it is gone")))
    with pytest.raises(Trouble, match="it is gone"):
        await follow(session, "smollm2", said.append, is_terminal=is_terminal, every=0)
    return "".join(said)


async def test_elsewhere_each_change_is_a_line_and_a_look_without_one_is_silent() -> None:
    first = await told(trial("Evaluating"), is_terminal=False)
    again = await told(trial("Evaluating"), trial("Evaluating"), is_terminal=False)
    assert first.count("\n") == again.count("\n")
    after = await told(trial("Evaluating"), READY_SEEN, is_terminal=False)
    assert "Z Candidate: none\n" in after
    assert "\x1b" not in after


async def test_a_cluster_that_does_not_answer_for_a_while_is_said_once_and_asked_again() -> None:
    away = Unreachable("no answer from the cluster")
    text = await told(trial("Evaluating"), away, away, READY_SEEN, is_terminal=False)
    lines = [line.partition(" ")[2] for line in text.splitlines()]
    assert lines.count("no answer from the cluster") == 1
    assert lines.index("the cluster answers again") > lines.index("no answer from the cluster")
    assert "Candidate: none" in lines


async def test_a_cluster_that_never_answered_ends_it() -> None:
    with pytest.raises(Unreachable):
        await follow(
            cast(Session, Looks(Unreachable("no answer"))), "smollm2", print, is_terminal=False
        )


async def test_on_a_terminal_the_trouble_stands_above_what_was_seen_last() -> None:
    text = await told(trial("Evaluating"), Unreachable("no answer"), is_terminal=True)
    *_, last = text.split("\x1b[H")
    assert "Ctrl-C ends  no answer" in last.splitlines()[0]
    assert "Candidate  77aa01bc" in last


def test_a_screen_is_painted_over_the_one_before_and_never_scrolls() -> None:
    text = painted([str(number) for number in range(50)], height=10)
    assert text.count("\n") == 9
    assert text.startswith("\x1b[H0\x1b[K\n")
    assert text.endswith("\x1b[J")
