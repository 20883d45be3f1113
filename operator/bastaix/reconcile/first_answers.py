"""How long each RayService took to its first answer, for the metrics.

It outlives a change of leaders, which begins everything else anew. What this process saw from its
beginning is measured, once.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from bastaix.api.conditions import parse_time
from bastaix.reconcile.cluster import Tally
from bastaix.reconcile.index import Name


class FirstAnswers:
    def __init__(self, tally: Tally, now: Callable[[], datetime]) -> None:
        self._tally = tally
        self._now = now
        self._since = now().replace(microsecond=0)  # the API server has whole seconds
        self._measured: dict[Name, str] = {}

    def note(self, name: Name, metadata: Mapping[str, Any]) -> None:
        """The RayService of this metadata has answered."""
        created = parse_time(metadata["creationTimestamp"])
        if created is None or created < self._since:
            return
        if self._measured.get(name) != metadata["uid"]:
            self._measured[name] = metadata["uid"]
            self._tally.first_answer((self._now() - created).total_seconds())

    def forget(self, name: Name) -> None:
        self._measured.pop(name, None)
