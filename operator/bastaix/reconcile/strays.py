"""What bears our labels and is not seen to be ours: how long it is waited for, and who is told.

Kubernetes removes soon what has lost its owner, and until then it holds resources. But anybody can
make what looks like it, so it is waited for only so long.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from bastaix.observe.ownership import Family, Object
from bastaix.reconcile.index import Name

LEFTOVER_SECONDS: Final = 120.0
"""A Pod of ours ends within half a minute, and Kubernetes deletes it some seconds before that."""
_NAMED: Final = 3

logger = logging.getLogger(__name__)


class Strays:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._since: dict[Name, datetime] = {}
        self._warned: set[Name] = set()

    def leftovers(self, name: Name, labelled: Family) -> tuple[Object, ...]:
        """Those that are still waited for.

        Counted from when there were none: what is made again and again gets no time of its own.
        """
        self._warn(name, labelled.strangers)
        if not labelled.leftovers:
            self._since.pop(name, None)
            return ()
        waited = (self._now() - self._since.setdefault(name, self._now())).total_seconds()
        return labelled.leftovers if waited < LEFTOVER_SECONDS else ()

    def forget(self, name: Name) -> None:
        self._since.pop(name, None)
        self._warned.discard(name)

    def _warn(self, name: Name, strangers: tuple[Object, ...]) -> None:
        """Once for as long as there are any."""
        if not strangers:
            self._warned.discard(name)
        elif name not in self._warned:
            self._warned.add(name)
            called = (f"{obj['kind']} {obj['metadata']['name']}" for obj in strangers[:_NAMED])
            more = f" and {len(strangers) - _NAMED} more" if len(strangers) > _NAMED else ""
            logger.warning(
                "%s/%s: ignored, as it bears the label and is not controlled by it: %s%s",
                *name,
                ", ".join(called),
                more,
            )
