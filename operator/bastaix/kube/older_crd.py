"""What of a status a CRD does not take that is older than this process.

Server-side apply refuses a field that the schema lacks whatever `fieldValidation` says, and with
it all the rest of the status (Kubernetes 1.30 to 1.35). The rest is worth more than that field.
"""

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from bastaix.reconcile.cluster import Refused
from bastaix.reconcile.omissions import Path, without

INVALID: Final = 422
WHOLE: Final = frozenset({"conditions", "rollout"})
"""Fields of which no part is left out for its value: what is left out of an apply is erased."""
AGAIN_SECONDS: Final = 60.0
"""So soon after the CRD has been updated the whole status is there."""
_UNDECLARED: Final = re.compile(
    r"\.status((?:\.[\w-]{1,100}+|\[[^\]]{0,300}+\]){1,40}): field not declared in schema"
)
_INVALID: Final = re.compile(r"status((?:\.[\w-]+|\[[^\]]*\])+)")
_ITEM: Final = re.compile(r"\[[^\]]{0,300}\]")


logger = logging.getLogger(__name__)


class StatusFields:
    """Which fields of a status the CRD was found to lack; after a while all are tried again."""

    def __init__(self, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._elapsed = elapsed
        self._undeclared: frozenset[Path] = frozenset()
        self._logged: frozenset[Path] = frozenset()
        self._since = 0.0

    def omitted(self) -> frozenset[Path]:
        if self._elapsed() - self._since > AGAIN_SECONDS:
            self._undeclared = frozenset()
        return self._undeclared

    def learn(self, refused: Refused, status: Mapping[str, Any]) -> frozenset[Path]:
        """What to leave out of this status, as it was refused so; nothing when that cannot help."""
        lacking = undeclared(refused)
        if not lacking:
            found = invalid(refused, status)
            if found:
                logger.warning("a part of a status is left out: %s", refused)
            return found
        if lacking - self._logged:
            fields = ", ".join(sorted(map(text, lacking)))
            logger.warning("the CRD is older than this process, %s is left out", fields)
        self._logged |= lacking
        self._undeclared |= lacking
        self._since = self._elapsed()
        return lacking


def undeclared(refused: Refused) -> frozenset[Path]:
    """Fields that no status can have there."""
    return frozenset(_path(found) for found in _UNDECLARED.findall(refused.message))


def invalid(refused: Refused, status: Mapping[str, Any]) -> frozenset[Path]:
    """Fields of this status whose values are not taken; of what lacks a field, it itself."""
    if refused.status != INVALID:
        return frozenset()
    found = (_INVALID.fullmatch(field) for field in refused.fields)
    paths = (_there(_path(each[1]), status) for each in found if each is not None)
    return frozenset(path for path in paths if path)


def whole(refused: Refused, paths: Iterable[Path]) -> frozenset[str]:
    """Of the fields in which these were refused, those that are to stay as they are."""
    if undeclared(refused):
        return frozenset()
    return frozenset(path[0] for path in paths) & WHOLE


def as_stood(
    status: Mapping[str, Any], fields: Iterable[str], live: Mapping[str, Any]
) -> dict[str, Any]:
    """With these of `WHOLE` as they are in a live status; of its conditions those alone that are
    in the given one, as the others are another writer's."""
    kept = dict(status)
    types = {each.get("type") for each in status.get("conditions") or ()}
    for field in fields:
        stood = live.get(field)
        if field == "conditions":
            stood = [each for each in stood or () if each.get("type") in types]
        kept.pop(field, None)
        if stood:
            kept[field] = stood
    return kept


def text(path: Path) -> str:
    return ".".join(("status", *path))


def _path(text: str) -> Path:
    return tuple(filter(None, _ITEM.sub("", text).split(".")))


def _there(path: Path, status: Mapping[str, Any]) -> Path:
    """The part of a path that exists: a required field that is missing is refused too."""
    while path and without(status, [path]) == dict(status):
        path = path[:-1]
    return path
