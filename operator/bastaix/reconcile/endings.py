"""How Pods of Ray have ended, remembered for a while: nothing in the cluster does that.

KubeRay replaces a Pod as soon as it has ended, and the look that its end brings about may be too
late to see it, so the watch's events are noted at once. Whose Pod it was is decided when somebody
looks: a label is no proof. After a restart of the operator it is counted anew; what loops comes
back soon enough.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from bastaix.observe import ends
from bastaix.observe.observed import End, Object, Observed
from bastaix.reconcile.index import Name, name_of, owner_of
from bastaix.reconcile.kinds import POD, Kind

MOST: Final = 20
"""Of one ModelDeployment."""
MOST_NOTED: Final = 1000
"""Of all of them, until somebody looks."""


class Endings:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._ends: dict[Name, tuple[End, ...]] = {}
        self._noted: dict[str, tuple[Name, End]] = {}
        """By the uid of the Pod, the oldest first."""

    def note(self, kind: Kind, body: Object) -> None:
        """Take an object as the watch brings it, its last state included when it is deleted."""
        metadata = body["metadata"]
        owner = owner_of(kind, metadata)
        if kind != POD or owner is None or metadata["uid"] in self._noted:
            return
        end = ends.end(body, self._now())
        if end is None:
            return
        self._noted[end.uid] = ((name_of(metadata)[0], owner), end)
        if len(self._noted) > MOST_NOTED:
            del self._noted[self._first_to_go()]

    def told(self, name: Name, observed: Observed) -> Observed:
        """With the ends of its Pods so far, the last one last."""
        now, known = self._now(), self._ends.get(name, ())
        seen = {end.uid for end in known}
        new = (ends.end(pod, now) for pod in observed.pods if pod["metadata"]["uid"] not in seen)
        found = {end.uid: end for end in (*self._taken(name, observed), *new, *known) if end}
        # those whose Pods are still there included: it is the end that was long ago
        recent = (end for end in found.values() if now - end.at < ends.SOON)
        kept = tuple(sorted(recent, key=lambda end: (end.at, end.uid)))[-MOST:]
        if kept:
            self._ends[name] = kept
        else:
            self._ends.pop(name, None)
        return replace(observed, ends=kept)

    def forget(self, name: Name) -> None:
        self._ends.pop(name, None)
        self._noted = {uid: note for uid, note in self._noted.items() if note[0] != name}

    def _taken(self, name: Name, observed: Observed) -> list[End]:
        """What was noted of Pods of its own RayClusters; whatever bears its label is looked at."""
        clusters = {cluster["metadata"].get("uid") for cluster in observed.rayclusters}
        noted = [end for owner, end in self._noted.values() if owner == name]
        for end in noted:
            del self._noted[end.uid]
        return [end for end in noted if end.cluster and end.cluster in clusters]

    def _first_to_go(self) -> str:
        """The oldest of the namespace that has the most: none pushes out what is another's."""
        counts = Counter(owner[0] for owner, _ in self._noted.values())
        fullest = max(counts, key=lambda namespace: counts[namespace])
        return next(uid for uid, (owner, _) in self._noted.items() if owner[0] == fullest)
