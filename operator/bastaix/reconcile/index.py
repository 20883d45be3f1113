"""What the operator knows of the cluster, and how fresh each piece is.

The watch tells it, our own writes tell it, and a listing of names now and then catches what a
watch can miss: kopf does not notice an object that vanished while its watch was broken. What is
doubtful is read from the API server by whoever needs it.

The answer to a write is newer than what the watch has brought so far. It may hold what others
wrote just before, of which nobody would hear any more: so that is news once more when the watch
brings it.

kopf's own indexes are not used: until all kinds are listed they keep every listed body as
parsed JSON, about twenty times what is kept here. Bodies are compressed JSON without
managedFields; of one that is too large there is a stub (`packed`). Nothing here waits, so
nothing here can be seen half done.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from bastaix.api import names
from bastaix.reconcile import packed
from bastaix.reconcile.kinds import MODELDEPLOYMENT, Kind

Body = dict[str, Any]
Name = tuple[str, str]
"""Namespace and name."""

_REMEMBERED_ENDS = 1000


@dataclass(slots=True)
class _Entry:
    owner: str
    uid: str
    version: str
    packed: bytes | None
    """None: known to exist, or to have existed, and by name alone."""
    is_doubted: bool = False
    """To be read before it is believed."""
    is_unheard: bool = False
    """Nobody who waits for news of it has heard of this version."""

    @property
    def is_believed(self) -> bool:
        return self.packed is not None and not self.is_doubted


class Index:
    def __init__(self) -> None:
        self._entries: dict[Kind, dict[Name, _Entry]] = {}
        self._owned: dict[Kind, dict[Name, set[str]]] = {}
        # Resource version at the end of an object: old news of it, such as the late answer to
        # a write of ours, may come after the news of its end.
        self._ends: dict[str, str] = {}

    def answered(
        self, kind: Kind, body: Mapping[str, Any], written: Mapping[str, Any] | None = None
    ) -> None:
        """Take an object as the API server gave it back: to a write of ours, or to a read."""
        before = self._entry(kind, name_of(body["metadata"]))
        if not self.told(kind, body) or before is None:
            return
        is_ours = (
            written is not None
            and before.packed is not None
            and not _is_foreign(packed.unpack(before.packed), packed.whole(body), written)
        )
        entry = self._entry(kind, name_of(body["metadata"]))
        if entry is not None:
            entry.is_unheard = not is_ours

    def told(self, kind: Kind, body: Mapping[str, Any]) -> bool:
        """Take an object as it was seen; says whether that is news."""
        metadata = body["metadata"]
        owner = owner_of(kind, metadata)
        if owner is None:
            return self._drop(kind, name_of(metadata))
        entry = self._entry(kind, name_of(metadata))
        uid, version = metadata["uid"], metadata["resourceVersion"]
        if _before(version, self._ends.get(uid)):
            return False
        if entry is not None and entry.uid == uid:
            known = entry.version == version and entry.is_believed and not entry.is_unheard
            if known or _before(version, entry.version):
                return False
        self._put(kind, name_of(metadata), _Entry(owner, uid, version, packed.packed(body)))
        return True

    def ended(self, kind: Kind, body: Mapping[str, Any]) -> bool:
        """Take an object as it was when it ended; says whether that is news."""
        metadata = body["metadata"]
        self._ends[metadata["uid"]] = metadata["resourceVersion"]
        if len(self._ends) > _REMEMBERED_ENDS:
            del self._ends[next(iter(self._ends))]
        entry = self._entry(kind, name_of(metadata))
        if entry is None or entry.uid != metadata["uid"]:
            return False
        return self._drop(kind, name_of(metadata))

    def doubt(self, kind: Kind, name: Name) -> None:
        """Read this object anew before it is believed."""
        entry = self._entry(kind, name)
        if entry is not None:
            entry.is_doubted = True

    def known(self, kind: Kind, name: Name) -> object:
        """What stands for an object until there is news of it: for `absent`, after a request."""
        return self._entry(kind, name)

    def absent(self, kind: Kind, name: Name, known: object) -> None:
        """The API server was asked when this was `known`, and it does not exist.

        What has come since is newer than the answer: a watch is faster than a request at times.
        """
        if self._entry(kind, name) is known:
            self._drop(kind, name)

    def listed(
        self, kind: Kind, metadatas: Iterable[Mapping[str, Any]], within: frozenset[str]
    ) -> set[Name]:
        """Compare with a listing of (all or some) namespaces; whatever differs is doubted.

        Gives the ModelDeployments that own what is doubted now.
        """
        owners: set[Name] = set()
        missing = {name for name in self._entries.get(kind, {}) if not within or name[0] in within}
        for metadata in metadatas:
            name, owner = name_of(metadata), owner_of(kind, metadata)
            missing.discard(name)
            entry = self._entry(kind, name)
            uid, version = metadata["uid"], metadata["resourceVersion"]
            if owner is None or _before(version, self._ends.get(uid)):
                continue
            if entry is None or entry.uid != uid or _before(entry.version, version):
                self._put(kind, name, _Entry(owner, uid, version, None))
                owners.add((name[0], owner))
        for name in missing:
            owners.add((name[0], self._entries[kind][name].owner))
            self.doubt(kind, name)
        return owners

    def forget(self, kind: Kind) -> None:
        """The kind itself is gone from the API server, and with it all that was of it."""
        self._entries.pop(kind, None)
        self._owned.pop(kind, None)

    def doubtful(self) -> int:
        """How many objects are to be read before they are believed."""
        entries = chain.from_iterable(each.values() for each in self._entries.values())
        return sum(not entry.is_believed for entry in entries)

    def names(self) -> list[Name]:
        return list(self._entries.get(MODELDEPLOYMENT, {}))

    def knows(self, kind: Kind, name: Name) -> bool:
        return name in self._entries.get(kind, {})

    def body(self, kind: Kind, name: Name) -> Body | None:
        """The object as last seen; None when it must be read (see `knows`) or is not there."""
        entry = self._entry(kind, name)
        if entry is None or entry.packed is None or entry.is_doubted:
            return None
        # in a list the API server leaves out what the list is of
        return {
            "apiVersion": kind.api_version,
            "kind": kind.name,
            **packed.unpack(entry.packed),
        }

    def owned(self, kind: Kind, owner: Name) -> list[Name]:
        """Names of the objects of a kind that belong to one ModelDeployment."""
        namespace = owner[0]
        return [(namespace, name) for name in sorted(self._owned.get(kind, {}).get(owner, ()))]

    def _entry(self, kind: Kind, name: Name) -> _Entry | None:
        return self._entries.get(kind, {}).get(name)

    def _put(self, kind: Kind, name: Name, entry: _Entry) -> None:
        self._drop(kind, name)
        self._entries.setdefault(kind, {})[name] = entry
        owners = self._owned.setdefault(kind, {})
        owners.setdefault((name[0], entry.owner), set()).add(name[1])

    def _drop(self, kind: Kind, name: Name) -> bool:
        entry = self._entries.get(kind, {}).pop(name, None)
        if entry is None:
            return False
        owners = self._owned[kind]
        owners[name[0], entry.owner].discard(name[1])
        if not owners[name[0], entry.owner]:
            del owners[name[0], entry.owner]
        return True


def name_of(metadata: Mapping[str, Any]) -> Name:
    return metadata["namespace"], metadata["name"]


def owner_of(kind: Kind, metadata: Mapping[str, Any]) -> str | None:
    """The name of the ModelDeployment that an object belongs to by its label."""
    if kind == MODELDEPLOYMENT:
        return str(metadata["name"])
    owner = (metadata.get("labels") or {}).get(names.NAME_LABEL)
    return str(owner) if owner else None


def _before(version: str, other: str | None) -> bool:
    """Resource versions of one object grow; if they were ever no numbers, the last one wins."""
    if other is None or not (version.isdigit() and other.isdigit()):
        return False
    return int(version) < int(other)


def _is_foreign(
    before: Mapping[str, Any], after: Mapping[str, Any], written: Mapping[str, Any]
) -> bool:
    """Whether more has changed than what we wrote: a status, or all but the status."""
    if "status" not in written:
        return bool(before.get("status") != after.get("status"))
    parts = ("generation", "annotations", "labels")
    old, new = before["metadata"], after["metadata"]
    if any(old.get(part) != new.get(part) for part in parts):
        return True
    return _others(before, written) != _others(after, written)


def _others(body: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
    """What of a status is not written here."""
    status, ours = body.get("status") or {}, written["status"]
    types = {each["type"] for each in ours.get("conditions") or ()}
    kept = {key: value for key, value in status.items() if key not in (*ours, "conditions")}
    listed = status.get("conditions") or ()
    conditions = {each["type"]: each for each in listed if each["type"] not in types}
    return {**kept, "conditions": conditions}
