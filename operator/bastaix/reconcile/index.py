"""What the operator knows of the cluster, and how fresh each piece is.

The watch tells it, our own writes tell it, and a listing of names now and then catches what a
watch can miss: kopf does not notice an object that vanished while its watch was broken. What is
doubtful is read from the API server by whoever needs it.

The answer to a write is newer than what the watch has brought so far. It may hold what others
wrote just before, of which nobody would hear any more: so that is news once more when the watch
brings it. So is what was made: the look that made it was planned without it.

kopf's own indexes are not used: until all kinds are listed they keep every listed body as
parsed JSON, about twenty times what is kept here. Bodies are compressed JSON without
managedFields; of one that is too large there is a stub (`packed`). Of what is controlled by
something that controls nothing of ours there is its metadata in brief and no more, and the bodies
of one namespace have a bound together: what is beyond is read when it is needed, and so is what is
large. Nothing here waits, so nothing here can be seen half done.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from bastaix.api import names, sizes
from bastaix.reconcile import packed
from bastaix.reconcile.kinds import MODELDEPLOYMENT, Kind, may_be_ours
from bastaix.reconcile.reading import in_brief

Body = dict[str, Any]
Name = tuple[str, str]
"""Namespace and name."""

_REMEMBERED_ENDS = 1000
MOST_PACKED: Final = 8 * 1024 * 1024
"""Bytes of the bodies of one namespace; a Pod of Ray has 3 KB."""
SMALL: Final = 16 * 1024
"""Bytes of a body; such ones may take twice as many together."""
LARGE_LOOK: Final = 4 * 1024 * 1024
"""Bytes that all of one ModelDeployment takes once it is unpacked; with fifty Pods it has 3 MB."""
MOST_STRANGERS: Final = 500
"""Of one kind in one namespace: of objects that bear our label and cannot be ours."""


@dataclass(slots=True)
class _Entry:
    owner: str
    uid: str
    version: str
    metadata: Mapping[str, Any]
    """In brief."""
    is_stranger: bool
    """It cannot be ours, so nothing else of it is kept."""
    packed: bytes | None = None
    """None: it is read when it is needed."""
    weight: int = 0
    """About how many bytes the body takes once it is unpacked; 0: that is not known."""
    burden: int = 0
    """Its part in a look; the answer to a write of what is too large is as large."""
    is_doubted: bool = False
    """To be read before it is believed."""
    is_awaited: bool = False
    """Seen in a listing of names alone."""
    is_unheard: bool = False
    """Nobody who waits for news of it has heard of this version."""

    @property
    def is_believed(self) -> bool:
        return not (self.is_doubted or self.is_awaited)


class Index:
    def __init__(self) -> None:
        self._bytes: Counter[str] = Counter()
        self._burdens: Counter[Name] = Counter()
        """Of all of each ModelDeployment."""
        self._strangers: Counter[tuple[Kind, str]] = Counter()
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
        if not self.told(kind, body):
            return
        # by what is new to us nothing has been decided yet, nor by what is still to be heard of
        is_ours = (
            written is not None
            and before is not None
            and before.uid == body["metadata"]["uid"]
            and not before.is_unheard
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
        if owner is None or not self._has_place(kind, metadata):
            return self._drop(kind, name_of(metadata))
        entry = self._entry(kind, name_of(metadata))
        uid, version = metadata["uid"], metadata["resourceVersion"]
        if _before(version, self._ends.get(uid)):
            return False
        if entry is not None and entry.uid == uid:
            if _before(version, entry.version):
                return False
            if entry.version == version and entry.is_believed and not entry.is_unheard:
                if self._lacks(entry, name_of(metadata)[0]):
                    self._put(kind, entry, body)  # it has been read because it was needed
                return False
        self._put(kind, _made(kind, owner, metadata), body)
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
            is_news = entry is None or entry.uid != uid or _before(entry.version, version)
            if is_news and self._has_place(kind, metadata):
                new = _made(kind, owner, metadata)
                new.is_awaited = not new.is_stranger
                self._put(kind, new)
                owners.add((name[0], owner))
        for name in missing:
            owners.add((name[0], self._entries[kind][name].owner))
            self.doubt(kind, name)
        return owners

    def forget(self, kind: Kind) -> None:
        """The kind itself is gone from the API server, and with it all that was of it."""
        for name in list(self._entries.get(kind, {})):
            self._drop(kind, name)

    def doubtful(self) -> int:
        """How many objects are to be read before they are believed."""
        entries = chain.from_iterable(each.values() for each in self._entries.values())
        return sum(not entry.is_believed for entry in entries)

    def names(self) -> list[Name]:
        return list(self._entries.get(MODELDEPLOYMENT, {}))

    def knows(self, kind: Kind, name: Name) -> bool:
        return name in self._entries.get(kind, {})

    def body(self, kind: Kind, name: Name) -> Body | None:
        """The object as last seen; None when it must be read (see `knows`) or is not there.

        Of one that cannot be ours there is its metadata in brief.
        """
        entry = self._entry(kind, name)
        if entry is None or not entry.is_believed:
            return None
        if entry.is_stranger:
            return self.brief(kind, name)
        if entry.packed is None:
            return None
        # in a list the API server leaves out what the list is of
        return {**_typed(kind), **packed.unpack(entry.packed)}

    def brief(self, kind: Kind, name: Name) -> Body | None:
        """Its metadata in brief; None when it is doubted, or not there."""
        entry = self._entry(kind, name)
        if entry is None or entry.is_doubted:
            return None
        return {**_typed(kind), "metadata": dict(entry.metadata)}

    def weight(self, kind: Kind, name: Name) -> int:
        """About how many bytes its body takes once it is unpacked; 0: that is not known."""
        entry = self._entry(kind, name)
        return 0 if entry is None else entry.weight

    def is_left_out(self, kind: Kind, name: Name) -> bool:
        """Whether it is known, and there was no room for its body."""
        entry = self._entry(kind, name)
        return entry is not None and entry.packed is None and entry.weight > 0

    def is_large(self, owner: Name) -> bool:
        """Whether a look at a ModelDeployment takes much memory: of it all, or for one answer."""
        return self._burdens[owner] > LARGE_LOOK

    def owned(self, kind: Kind, owner: Name) -> list[Name]:
        """Names of the objects of a kind that belong to one ModelDeployment."""
        namespace = owner[0]
        return [(namespace, name) for name in sorted(self._owned.get(kind, {}).get(owner, ()))]

    def _entry(self, kind: Kind, name: Name) -> _Entry | None:
        return self._entries.get(kind, {}).get(name)

    def _lacks(self, entry: _Entry, namespace: str) -> bool:
        """Whether there is room for its body, and it is not there."""
        is_lacking = entry.packed is None and not entry.is_stranger
        return is_lacking and self._bytes[namespace] < MOST_PACKED

    def _has_place(self, kind: Kind, metadata: Mapping[str, Any]) -> bool:
        """Whether an object is known already, or not one stranger too many."""
        if self.knows(kind, name_of(metadata)) or may_be_ours(kind, metadata):
            return True
        return self._strangers[kind, name_of(metadata)[0]] < MOST_STRANGERS

    def _put(self, kind: Kind, entry: _Entry, body: Mapping[str, Any] | None = None) -> None:
        name = name_of(entry.metadata)
        self._drop(kind, name)
        self._entries.setdefault(kind, {})[name] = entry
        owners = self._owned.setdefault(kind, {})
        owners.setdefault((name[0], entry.owner), set()).add(name[1])
        if entry.is_stranger:
            self._strangers[kind, name[0]] += 1
        elif body is not None:
            if sizes.WEIGHT in body:
                entry.weight = body[sizes.WEIGHT]
            else:
                self._pack(name[0], entry, body)
            is_answer = kind == MODELDEPLOYMENT and sizes.is_stub(body)
            entry.burden = entry.weight + (LARGE_LOOK if is_answer else 0)
            self._burdens[name[0], entry.owner] += entry.burden

    def _pack(self, namespace: str, entry: _Entry, body: Mapping[str, Any]) -> None:
        """Keep the body, if there is room for it in the namespace."""
        data = packed.packed(body)
        entry.weight = sizes.weight(packed.text(data))
        most = MOST_PACKED if len(data) > SMALL else 2 * MOST_PACKED
        if self._bytes[namespace] + len(data) <= most:
            entry.packed = data
            self._bytes[namespace] += len(data)

    def _drop(self, kind: Kind, name: Name) -> bool:
        entry = self._entries.get(kind, {}).pop(name, None)
        if entry is None:
            return False
        owners = self._owned[kind]
        owners[name[0], entry.owner].discard(name[1])
        if not owners[name[0], entry.owner]:
            del owners[name[0], entry.owner]
        self._strangers[kind, name[0]] -= entry.is_stranger
        self._bytes[name[0]] -= len(entry.packed or b"")
        self._burdens[name[0], entry.owner] -= entry.burden
        if not self._burdens[name[0], entry.owner]:
            del self._burdens[name[0], entry.owner]
        return True


def _made(kind: Kind, owner: str, metadata: Mapping[str, Any]) -> _Entry:
    return _Entry(
        owner=owner,
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        metadata=in_brief(metadata),
        is_stranger=not may_be_ours(kind, metadata),
    )


def _typed(kind: Kind) -> Body:
    return {"apiVersion": kind.api_version, "kind": kind.name}


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
