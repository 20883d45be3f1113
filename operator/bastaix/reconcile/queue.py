"""One keyed queue: every key is looked at after it was added, and never twice at once.

Adding is idempotent until the work begins; what is added during the work runs once more
after it. Groups of keys take turns, and none of them has all workers, so that many keys of one keep
no other waiting, even where each takes long. Work that fails is retried with backoff and jitter;
work that asks for it is repeated after a while. Time is the event loop's and randomness is given,
so tests own both. What the keys mean is nobody's business here.
"""

import asyncio
import logging
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable, Iterable
from itertools import islice
from random import Random
from typing import Generic, Protocol, TypeVar

Key = TypeVar("Key", bound=Hashable)

FIRST_BACKOFF = 1.0
LAST_BACKOFF = 300.0
LAST_TRANSIENT_BACKOFF = 30.0
"""What failed only because the API server did is looked at soon after that works again."""
MOST_LARGE = 2
MOST_SOUGHT = 100
"""Keys of a group among which one is sought that is not large."""
JITTER = 0.2
"""Part of a delay that chance adds or takes, so that what failed together returns apart."""

logger = logging.getLogger(__name__)


class Watcher(Protocol):
    """Who wants to know how the queue does (the metrics)."""

    def started(self, waited: float) -> None: ...
    def finished(self, took: float, error: BaseException | None) -> None: ...


class Line(Generic[Key]):
    """First come, first served within a group, the groups in turn, and a share for each.

    A group has at most half of the workers. The last quarter of them, or the last one, is for
    groups of which nothing runs, so that two or three groups do not have all of them either. One
    worker alone takes everything.

    Of large keys, which take much memory, few run at once, and one of a group; what is behind
    them does not wait for them.
    """

    def __init__(
        self,
        group: Callable[[Key], Hashable],
        is_large: Callable[[Key], bool] = lambda _: False,
    ) -> None:
        self._group = group
        self._is_large = is_large
        self._large: dict[Key, Hashable] = {}
        """Those that run, and their groups."""
        self._groups: OrderedDict[Hashable, deque[Key]] = OrderedDict()
        self._running: Counter[Hashable] = Counter()
        self._workers = 1

    def set_workers(self, number: int) -> None:
        self._workers = number

    def append(self, key: Key) -> None:
        self._groups.setdefault(self._group(key), deque()).append(key)

    def begin(self) -> Key | None:
        """The next key, which runs from now on; None: there is none that may."""
        for group in filter(self._may_begin, self._groups):
            key = self._next(group)
            if key is not None:
                break
        else:
            return None
        keys = self._groups.pop(group)
        keys.remove(key)
        if keys:
            self._groups[group] = keys
        self._running[group] += 1
        return key

    def _next(self, group: Hashable) -> Key | None:
        """Of a group, which is large if it may be."""
        has_place = len(self._large) < MOST_LARGE and group not in self._large.values()
        for key in islice(self._groups[group], MOST_SOUGHT):
            is_large = self._is_large(key)
            if is_large and has_place:
                self._large[key] = group
            if has_place or not is_large:
                return key
        return None

    def end(self, key: Key) -> None:
        group = self._group(key)
        self._large.pop(key, None)
        self._running[group] -= 1
        if not self._running[group]:
            del self._running[group]

    def _may_begin(self, group: Hashable) -> bool:
        running = self._running[group]  # a Counter makes no entry of what is only looked up
        if not running:
            return True
        spare = self._workers - self._running.total()
        return running < self._workers // 2 and spare > max(1, self._workers // 4)


class Queue(Generic[Key]):
    def __init__(
        self,
        work: Callable[[Key], Awaitable[float | None]],
        *,
        random: Random,
        watcher: Watcher,
        deadline: float = 60.0,
        is_transient: Callable[[BaseException], bool] = lambda _: False,
        group: Callable[[Key], Hashable] = lambda key: key,
        is_large: Callable[[Key], bool] = lambda _: False,
    ) -> None:
        """`work` gives the seconds after which it wants to look again, or None.

        The keys of each `group` are as much as those of any other; each key is one if not said.
        Of those that are large a few are worked on at once.

        What `is_transient` is no bug, and neither is work that takes longer than the deadline:
        it is logged in a line and tried again sooner.
        """
        self._work = work
        self._random = random
        self._watcher = watcher
        self._deadline = deadline
        self._is_transient = is_transient
        self._loop = asyncio.get_running_loop()
        self._ready = Line(group, is_large)
        self._since: dict[Key, float] = {}  # when a key that is ready, or again, became so
        self._running: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._some = asyncio.Event()
        self._begun = False
        self._paused = False
        self._closed = False
        self._progress = self._loop.time()

    @property
    def depth(self) -> int:
        return len(self._since)

    def stuck(self) -> float:
        """Seconds without any work begun or ended although there is some; 0 when all is well.

        Before `run`, and while it is paused, nobody works, and that is meant.
        """
        if not self._begun or self._paused or not (self._since or self._running):
            return 0.0
        return self._loop.time() - self._progress

    def add(self, key: Key) -> None:
        """Look at this key as soon as a worker is free."""
        self._forget_timer(key)
        if key in self._since:
            return
        if not self._since and not self._running:
            self._progress = self._loop.time()
        self._since[key] = self._loop.time()
        if key not in self._running:
            self._ready.append(key)
            self._some.set()

    def add_after(self, key: Key, seconds: float) -> None:
        """Look at this key after so many seconds, unless it is looked at before."""
        when = self._loop.time() + seconds
        timer = self._timers.get(key)
        if key in self._since or (timer is not None and timer.when() <= when):
            return
        self._forget_timer(key)
        self._timers[key] = self._loop.call_at(when, self.add, key)

    async def run(self, workers: int) -> None:
        """Work until `close`; what is being worked on then is brought to its end."""
        self._begun = True
        self._ready.set_workers(workers)
        self._progress = self._loop.time()
        async with asyncio.TaskGroup() as group:
            for number in range(workers):
                group.create_task(self._worker(), name=f"queue worker {number}")

    def pause(self) -> None:
        """Begin nothing until `resume`; what is added meanwhile waits."""
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._progress = self._loop.time()
        self._some.set()

    def close(self) -> None:
        """Begin nothing new; `run` returns when what runs has ended."""
        self._closed = True
        self._some.set()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def spread(self, keys: Iterable[Key], seconds: float) -> None:
        """Look at all these within a time, each at a moment of its own."""
        for key in keys:
            self.add_after(key, seconds * self._random.random())

    async def _worker(self) -> None:
        while not self._closed:
            key = None if self._paused else self._ready.begin()
            if key is None:
                self._some.clear()
                await self._some.wait()
                continue
            self._running.add(key)
            try:
                await self._attempt(key)
            finally:
                self._running.discard(key)
                self._ready.end(key)
                if key in self._since:
                    self._ready.append(key)
                self._some.set()  # another of its group may begin now

    async def _attempt(self, key: Key) -> None:
        began = self._progress = self._loop.time()
        self._watcher.started(began - self._since.pop(key))
        self._forget_timer(key)
        error: Exception | None = None
        again: float | None = None
        timer = asyncio.timeout(self._deadline)
        try:
            async with timer:
                again = await self._work(key)
            self._failures.pop(key, None)
        except Exception as caught:
            error = caught
            again = self._backoff(key)
            is_late = isinstance(caught, TimeoutError) and timer.expired()
            if is_late or self._is_transient(caught):
                again = min(again, LAST_TRANSIENT_BACKOFF * self._random.uniform(1 - JITTER, 1))
                why = f"not done within {self._deadline:.0f} s" if is_late else caught
                logger.warning("%s: %s; again in %.0f s", key, why, again)
            else:
                logger.exception("%s failed; again in %.0f s", key, again)
        self._progress = self._loop.time()
        self._watcher.finished(self._progress - began, error)
        if again is not None and not self._closed:
            self.add_after(key, again)

    def _backoff(self, key: Key) -> float:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = min(LAST_BACKOFF / (1 + JITTER), FIRST_BACKOFF * 2.0 ** min(failures - 1, 20))
        return delay * self._random.uniform(1 - JITTER, 1 + JITTER)

    def _forget_timer(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
