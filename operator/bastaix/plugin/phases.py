"""The last start as a bar for each of its phases: what it waits for, or where its time went.

The operator writes how long a phase took when it is over; how long the one takes that a start is
in is reckoned here.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from bastaix.api import conditions
from bastaix.observe import startup as starts
from bastaix.plugin.columns import columns
from bastaix.plugin.seen import Seen, age

LONGEST: Final = 40
"""Characters of all bars together."""

_NAMES: Final = {
    "source": "source",
    "schedule": "scheduling",
    "image": "image",
    "ray": "Ray",
    "engine": "engine",
    "firstAnswer": "first answer",
}
_INDENT: Final = " " * 11
_DONE, _GOING = "#", "."


def rows(seen: Seen, now: datetime, width: int) -> list[str]:
    """Each phase begins where the one before ended."""
    startup = _startup(seen)
    pending = startup.get(starts.PENDING)
    if pending:
        return [f"Startup    a revision is awaited for {age(pending, now)}{_reason(seen)}"]
    if not startup:
        return []
    took = starts.seconds(startup)
    at = starts.current(startup) if _is_underway(seen, startup) else None
    shown = [(name, seconds, _DONE) for name, seconds in took.items() if seconds > 0]
    if at is not None:
        shown.append((at[0], max((now - at[1]).total_seconds(), 0.0), _GOING))
    total = sum(seconds for _, seconds, _ in shown)
    names = [(_NAMES[name], _amount(seconds)) for name, seconds, _ in shown]
    aligned = columns(names, indent=_INDENT)
    room = min(LONGEST, width - max(map(len, aligned), default=0) - 3)
    bars = _bars([seconds for _, seconds, _ in shown], total, room)
    left = max(map(len, aligned), default=0)
    lines = [
        f"{name:<{left}}  {' ' * before}{fill * length}".rstrip()
        for name, (before, length), (_, _, fill) in zip(aligned, bars, shown, strict=True)
    ]
    return [f"Startup    {startup.get('revision')}: {_summed(seen, startup, total)}", *lines]


def told(seen: Seen) -> str:
    """In one line that changes with each phase that ends, and with nothing else."""
    startup = _startup(seen)
    if "revision" not in startup:
        return ""
    took = starts.seconds(startup)
    parts = [f"{_NAMES[name]} {_amount(seconds)}" for name, seconds in took.items()]
    if starts.is_over(startup):
        parts.append(f"{_amount(sum(took.values()))} in all")
    return f"{startup['revision']}: {', '.join(parts) or 'begun'}"


def _startup(seen: Seen) -> Mapping[str, Any]:
    return seen.status.get("startup") or {}


def _is_underway(seen: Seen, startup: Mapping[str, Any]) -> bool:
    if starts.is_over(startup) or not _is_true(seen, conditions.RECONCILING):
        return False
    revision = startup.get("revision")
    if revision == seen.candidate.get("revision"):
        return True
    return revision == seen.active.get("revision") and not _is_true(seen, conditions.SERVING)


def _is_true(seen: Seen, type: str) -> bool:
    return seen.condition(type).get("status") == "True"


def _summed(seen: Seen, startup: Mapping[str, Any], total: float) -> str:
    if starts.is_over(startup):
        return f"{_amount(total)} to the first answer"
    if _is_underway(seen, startup):
        return f"for {_amount(total)} so far{_reason(seen)}"
    if startup.get("revision") == seen.active.get("revision"):
        return "what is still known of its start"
    return "it has not answered; what it got through took"


def _reason(seen: Seen) -> str:
    reason = seen.condition(conditions.RECONCILING).get("reason")
    return f", {reason}" if reason else ""


def _bars(amounts: list[float], total: float, room: int) -> list[tuple[int, int]]:
    """Where each begins and how long it is: in proportion, and never nothing."""
    found, ended = [], 0.0
    for each in amounts:
        before, ended = ended, ended + each
        begin, end = (round(edge / (total or 1) * room) for edge in (before, ended))
        begin = max(min(begin, room - 1), 0)
        found.append((begin, max(end - begin, 1)))
    return found


def _amount(seconds: float) -> str:
    """Two units at most, and tenths of a second where they tell something."""
    if seconds < 10:
        return f"{round(seconds, 1):g}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"
