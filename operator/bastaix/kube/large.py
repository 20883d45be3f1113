"""Large answers are read one by one, so that many of them are not parsed at once.

What is held of them afterwards is bounded by the look that reads them (`reconcile.budget`).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Final

AT_ONCE: Final = 2
"""Of all namespaces; of each one."""


class LargeReads:
    def __init__(self) -> None:
        self._places = asyncio.Semaphore(AT_ONCE)
        self._namespaces: dict[str, asyncio.Lock] = {}
        self._waiting: dict[str, int] = {}

    @asynccontextmanager
    async def turn(self, namespace: str, *, is_large: bool = True) -> AsyncIterator[None]:
        """For one answer, one after another in a namespace, so none waits for many of another.

        One that is not large waits for those of its namespace alone.
        """
        lock = self._namespaces.setdefault(namespace, asyncio.Lock())
        self._waiting[namespace] = self._waiting.get(namespace, 0) + 1
        try:
            async with lock, self._places if is_large else nullcontext():
                yield
        finally:
            self._waiting[namespace] -= 1
            if not self._waiting[namespace]:
                del self._waiting[namespace], self._namespaces[namespace]
