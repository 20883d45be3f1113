"""Says what is being done if it takes long, and nothing if it does not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

EVERY_SECONDS: Final = 2.0

At = Callable[[str], None]
"""Called with what is done from now on."""


@asynccontextmanager
async def progress(say: Callable[[str], object], every: float = EVERY_SECONDS) -> AsyncIterator[At]:
    current = ""

    def at(text: str) -> None:
        nonlocal current
        current = text

    async def tell() -> None:
        while True:
            await asyncio.sleep(every)
            say(f"{current} …")

    task = asyncio.create_task(tell())
    try:
        yield at
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
