"""All cases asked, so many at a time, until a deadline; each judged as soon as it is answered."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final

from bastaix.evaluation.answers import INFRASTRUCTURE, Answer, Failure
from bastaix.evaluation.client import Endpoint
from bastaix.evaluation.dataset import Case
from bastaix.evaluation.judging import Result, judged

GIVE_UP_AFTER: Final = 20
"""So many requests that fail before one has been answered: nobody is there."""


Ended = Callable[[Result], None]


async def run(
    cases: Sequence[Case],
    endpoint: Endpoint,
    *,
    concurrency: int,
    deadline: float,
    ended: Ended,
    keep_text: bool = True,
) -> tuple[Result, ...]:
    """In the order of the cases. `deadline` is a time of the running loop.

    Without `keep_text` answers lose their text once they are judged, for there may be many.
    """
    found: dict[str, Result] = {}
    waiting = iter(cases)

    async def work(cases: Iterator[Case]) -> None:
        for case in cases:
            reply = await _reply(case, endpoint, deadline)
            result = judged(case, reply)
            found[case.id] = result if keep_text else result.without_text()
            ended(found[case.id])
            if _nobody_there(found) or asyncio.get_running_loop().time() >= deadline:
                return

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, len(cases))):
            group.create_task(work(waiting))
    return tuple(found.get(case.id) or _not_asked(case) for case in cases)


async def _reply(case: Case, endpoint: Endpoint, deadline: float) -> Answer | Failure:
    try:
        async with asyncio.timeout_at(deadline):
            return await endpoint.ask(case)
    except TimeoutError:
        return Failure("timeout", "no answer until the time-out")


def _nobody_there(found: dict[str, Result]) -> bool:
    first = [result.reply for result in islice(found.values(), GIVE_UP_AFTER)]
    return len(first) == GIVE_UP_AFTER and all(
        isinstance(reply, Failure) and reply.kind in INFRASTRUCTURE for reply in first
    )


def _not_asked(case: Case) -> Result:
    return judged(case, Failure("not asked", "not asked"))
