"""The conditions of a ModelDeployment, after kstatus.

| type             | True says                                                | absent says      |
|------------------|----------------------------------------------------------|------------------|
| `Ready`          | the current generation answered through the public route | (never absent)   |
| `Serving`        | some revision answers through the public route           | (never absent)   |
| `Reconciling`    | work goes on by itself                                   | no work goes on  |
| `Stalled`        | nothing changes until the user acts                      | nothing is stuck |
| `Promoted`       | the revision of the spec has passed and has the traffic  | (never absent)   |
| `Warning`        | it goes on, and something of it should be known          | no such thing    |
| `SourceVerified` | the code is there, as it was pinned, and can be started  | nobody looked yet |

`Reconciling`, `Stalled` and `Warning` are True or absent; the first two are never both there.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

READY: Final = "Ready"
SERVING: Final = "Serving"
RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"
PROMOTED: Final = "Promoted"
WARNING: Final = "Warning"
SOURCE_VERIFIED: Final = "SourceVerified"

OF_OPERATOR: Final = frozenset({READY, SERVING, RECONCILING, STALLED, PROMOTED, WARNING})
"""What the operator writes; SourceVerified is the source controller's."""

Condition = dict[str, Any]


def timestamp(now: datetime) -> str:
    """The one form of time in a status: RFC 3339 in UTC, whole seconds."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: object) -> datetime | None:
    """The one reader of times; None: no RFC 3339, or without a zone, so no moment at all."""
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return time if time is not None and time.tzinfo is not None else None


def find_condition(conditions: Iterable[Mapping[str, Any]], type: str) -> Mapping[str, Any] | None:
    return next((condition for condition in conditions if condition.get("type") == type), None)


def set_condition(
    old: Iterable[Mapping[str, Any]],
    type: str,
    status: Literal["True", "False", "Unknown"],
    reason: str,
    message: str,
    generation: int,
    now: datetime,
) -> list[Condition]:
    """The list with this condition in it; its time moves only when its status does."""
    conditions = [dict(condition) for condition in old]
    before = find_condition(conditions, type)
    kept = before is not None and before.get("status") == status
    condition: Condition = {
        "type": type,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": before["lastTransitionTime"]
        if before is not None and kept
        else timestamp(now),
    }
    if before is None:
        return [*conditions, condition]
    return [condition if each["type"] == type else each for each in conditions]


def drop_condition(old: Iterable[Mapping[str, Any]], type: str) -> list[Condition]:
    return [dict(condition) for condition in old if condition.get("type") != type]
