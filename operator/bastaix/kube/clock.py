"""The API server's clock, by what it says in its answers: the one clock for all durations.

When objects were made is told by the API server's clock, so how long ago that was must be
measured by it too; the clock of a node or a laptop may be hours away. HTTP's `Date` is of whole
seconds, so each answer gives bounds and no time: the offset moves only when it is out of them.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

RESOLUTION: Final = 1.0
"""Seconds by which `Date` may be behind."""


class ServerClock:
    """Runs by the monotonic clock: a step of the local one, by NTP, is none of this one."""

    def __init__(
        self,
        elapsed: Callable[[], float] = time.monotonic,
        local: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`elapsed` gives seconds since any moment; `local` counts until the first answer."""
        self.elapsed = elapsed
        self._origin = local() - timedelta(seconds=elapsed())
        self._offset = 0.0

    @property
    def offset(self) -> float:
        """Seconds that the API server is ahead of the local clock of the beginning."""
        return self._offset

    def now(self) -> datetime:
        return self._origin + timedelta(seconds=self.elapsed() + self._offset)

    def read(self, date: str | None, sent: float) -> None:
        """Take the `Date` of the answer that has just come to what was `sent` (as `elapsed`)."""
        moment = _moment(date)
        if moment is None:
            return
        written = (moment - self._origin).total_seconds()
        lowest, highest = written - self.elapsed(), written + RESOLUTION - sent
        self._offset = min(max(self._offset, lowest), highest)


def _moment(date: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(date or "")
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
