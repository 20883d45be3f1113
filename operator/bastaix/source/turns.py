"""Who may work now, fair by namespace: a host or a data set decides how long a piece of work takes,
so who may name one could keep everybody else waiting.

- Of one namespace so many work at a time and no more.
- The last free turn is for a namespace that has none.
- The next turn goes to the namespace that has had the least time lately; in it, to who came first.
- Who has had a turn for long gives it up when a namespace waits that has none and has had less. It
  comes again, and is let alone when that has happened to it a few times.

Waiting costs an entry in a list: `wake` is called when a turn is there, and is not polled for.
"""

import math
from asyncio import Event
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from bastaix.reconcile.index import Name

FADING: Final = 400.0
"""Seconds after which time that a namespace has had counts a third."""
SAFE_SECONDS: Final = 60.0
"""That a turn lasts whoever waits."""
MOST_YIELDS: Final = 3

Wake = Callable[[], None]


@dataclass
class _Share:
    """What a namespace has had, fading."""

    seconds: float = 0.0
    at: float = 0.0

    def had(self, now: float) -> float:
        return self.seconds * math.exp((self.at - now) / FADING)

    def add(self, seconds: float, now: float) -> None:
        self.seconds, self.at = self.had(now) + seconds, now


class Turns:
    def __init__(self, *, at_once: int, of_namespace: int, clock: Callable[[], float]) -> None:
        """`clock` gives seconds; so many turns at once, of all and of one namespace."""
        self._at_once = at_once
        self._of_namespace = of_namespace
        self._clock = clock
        self._began: dict[Name, float] = {}
        self._waiting: dict[Name, Wake] = {}
        """In the order in which they came."""
        self._shares: dict[str, _Share] = {}
        self._yields: Counter[Name] = Counter()

    def take(self, name: Name, wake: Wake) -> bool:
        """Whether it has a turn now, or has had one given; else `wake` is called when it has."""
        if name not in self._began:
            self._waiting.setdefault(name, _nothing)  # who gets it at once need not be woken
            self._give()
            if name in self._waiting:
                self._waiting[name] = wake
        return name in self._began

    def release(self, name: Name) -> None:
        """It works and waits no more; that it did neither is no error."""
        self._waiting.pop(name, None)
        self._end(name)
        self._give()

    def must_yield(self, name: Name) -> bool:
        """Whether its turn is owed to a namespace that has none."""
        now, began = self._clock(), self._began.get(name)
        if began is None or now - began < SAFE_SECONDS or self._yields[name] >= MOST_YIELDS:
            return False
        if len(self._began) < self._at_once:
            return False
        had = self._had(name[0], now)
        holders = {holder[0] for holder in self._began}
        others = {waiter[0] for waiter in self._waiting} - holders
        return any(self._had(namespace, now) < had for namespace in others)

    def give_up(self, name: Name, wake: Wake) -> None:
        """The turn goes to somebody else, and it waits for another."""
        self._yields[name] += 1
        self._end(name)
        self._waiting[name] = wake
        self._give()

    def forget(self, name: Name) -> None:
        """It is done, or no more: nothing of it is remembered."""
        self._yields.pop(name, None)

    @asynccontextmanager
    async def turn(self, name: Name) -> AsyncIterator[None]:
        """A turn for as long as the block lasts, once it is there."""
        there = Event()
        try:
            if not self.take(name, there.set):
                await there.wait()
            yield
        finally:
            self.release(name)

    def _end(self, name: Name) -> None:
        began = self._began.pop(name, None)
        if began is not None:
            now = self._clock()
            self._shares.setdefault(name[0], _Share()).add(now - began, now)
            self._forget_faded(now)

    def _give(self) -> None:
        while (name := self._next()) is not None:
            wake = self._waiting.pop(name)
            self._began[name] = self._clock()
            wake()

    def _next(self) -> Name | None:
        free, now = self._at_once - len(self._began), self._clock()
        held = Counter(holder[0] for holder in self._began)
        may = [
            name
            for name in self._waiting
            if held[name[0]] < self._of_namespace and free > (1 if held[name[0]] else 0)
        ]
        # the first of those that are alike is the one that came first
        return min(may, key=lambda name: self._had(name[0], now), default=None)

    def _had(self, namespace: str, now: float) -> float:
        share = self._shares.get(namespace)
        under_way = sum(now - began for name, began in self._began.items() if name[0] == namespace)
        return under_way + (share.had(now) if share else 0.0)

    def _forget_faded(self, now: float) -> None:
        faded = [namespace for namespace, share in self._shares.items() if share.had(now) < 0.01]
        for namespace in faded:
            del self._shares[namespace]


def _nothing() -> None:
    pass
