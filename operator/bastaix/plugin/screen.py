"""One screen that says how a ModelDeployment stands, and what has changed since the last look.

Pure: the time and the width of the terminal are given.
"""

import textwrap
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from bastaix.api import conditions, reasons
from bastaix.plugin import phases
from bastaix.plugin.columns import columns
from bastaix.plugin.seen import Object, Seen, age, happened, short
from bastaix.text.terminal import in_one_line

WIDTH: Final = 100
HISTORY: Final = 5
EVENTS: Final = 6
LONGEST_REASON: Final = 40
"""Of an Event, so that it pushes no other column away: who may write one writes what he likes."""
HELD: Final = "Held"

_CONDITIONS: Final = (
    conditions.READY,
    conditions.SERVING,
    conditions.RECONCILING,
    conditions.STALLED,
    conditions.PROMOTED,
    conditions.SOURCE_VERIFIED,
)
_HELD: Final = "It failed and stays to be looked into, off the traffic (rollout.onFailure: Hold)."


def screen(seen: Seen, now: datetime, width: int = WIDTH) -> list[str]:
    """No line is longer than the width."""
    blocks = (
        _heading(seen),
        _conditions(seen, now, width),
        _revisions(seen, now, width),
        phases.rows(seen, now, width),
        _history(seen, now),
        _events(seen, now),
    )
    lines: list[str] = []
    for block in blocks:
        lines += ["", *block] if lines and block else block
    return [cut(line, width) for line in lines]


def facts(seen: Seen) -> dict[str, str]:
    """What may be told as a change, each in one line, and without ages, which always change."""
    status = seen.status
    found = {type: _said(seen.condition(type)) for type in _CONDITIONS}
    found["Spec"] = " ".join([_spec(seen), lag(seen)]).strip()
    found["Active"] = _named(seen.active)
    found["Candidate"] = _named(seen.candidate, seen.candidate.get("phase"))
    found["Replicas"] = _replicas(status)
    found["Startup"] = phases.told(seen)
    found["Request"] = seen.requested
    return found


def changes(before: Seen | None, seen: Seen) -> list[str]:
    """What is to be said where nothing can be painted over."""
    old, new = facts(before) if before else {}, facts(seen)
    said = [f"{key}: {text or 'none'}" for key, text in new.items() if text != old.get(key, "")]
    known = {_identity(each) for each in (before.events or () if before else ())}
    fresh = [] if before is None else [e for e in seen.events or () if _identity(e) not in known]
    return [*said, *(f"Event: {_told(each)}" for each in reversed(fresh))]


def cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: max(width - 1, 0)] + "…"


def _heading(seen: Seen) -> list[str]:
    first, url = f"{seen.name} in {seen.namespace}, {_spec(seen)}", seen.status.get("url")
    return [line for line in (first, url, lag(seen)) if line]


def _spec(seen: Seen) -> str:
    return f"generation {seen.generation}"


def lag(seen: Seen) -> str:
    if seen.is_current:
        return ""
    last = int(seen.status.get("observedGeneration", -1))
    shown = f"this is how it stood at generation {last}" if last > 0 else "nothing is known"
    return f"The operator has not looked at generation {seen.generation} yet: {shown}."


def _conditions(seen: Seen, now: datetime, width: int) -> list[str]:
    """A message stands once, under the first condition that gives it."""
    there = [each for type in _CONDITIONS if (each := seen.condition(type))]
    if not there:
        return []
    rows = columns(
        [
            (
                str(each["type"]),
                str(each["status"]),
                str(each["reason"]),
                age(each.get("lastTransitionTime"), now),
            )
            for each in there
        ]
    )
    lines, said = [], set()
    for condition, row in zip(there, rows, strict=True):
        message = one_line(condition.get("message"))
        lines.append(row)
        if message and message not in said:
            lines += wrapped(message, width, "    ")
        said.add(message)
    return lines


def _revisions(seen: Seen, now: datetime, width: int) -> list[str]:
    active, candidate = seen.active, seen.candidate
    lines = [f"Active     {_named(active) or 'none'}{_since(active, now)}"]
    if candidate:
        phase = str(candidate.get("phase") or "")
        lines.append(f"Candidate  {_named(candidate, phase)}{_since(candidate, now)}")
        lines += wrapped(_awaited(phase), width, "           ")
    lines.append(f"Replicas   {_replicas(seen.status) or 'unknown'}")
    if seen.requested:
        lines.append(f"Request    {seen.requested}")
    return lines


def _awaited(phase: str) -> str:
    """What the candidate is at, or waits for."""
    if phase == HELD:
        return _HELD
    reason = reasons.BY_NAME.get(phase)
    return reason.meaning if reason else ""


def _history(seen: Seen, now: datetime) -> list[str]:
    ended = (seen.status.get("history") or ())[:HISTORY]
    if not ended:
        return []
    rows = [
        (
            str(each.get("revision")),
            short(each.get("commit")),
            str(each.get("outcome")),
            str(each.get("reason") or ""),
            _pass_rate(each),
            _ago(each.get("at"), now),
        )
        for each in ended
    ]
    return ["History", *columns(rows, indent="  ")]


def _events(seen: Seen, now: datetime) -> list[str]:
    if seen.events is None:
        return [
            "Events: you may not list events in this namespace, or they are too large;"
            " `kubectl get events` tells which"
        ]
    if not seen.events:
        return []
    rows = [
        (
            age(happened(each), now),
            str(each.get("type")),
            str(each.get("reason"))[:LONGEST_REASON],
            one_line(each.get("message")),
        )
        for each in seen.events[:EVENTS]
    ]
    return ["Events", *columns(rows, indent="  ")]


def _named(revision: Object, phase: object = None) -> str:
    if not revision:
        return ""
    parts = [str(revision.get("revision")), f"commit {short(revision.get('commit'))}"]
    return "  ".join([*parts, str(phase)] if phase else parts)


def _since(revision: Object, now: datetime) -> str:
    since = revision.get("since")
    return f"  since {since} ({age(since, now)})" if since else ""


def _replicas(status: Object) -> str:
    replicas = status.get("replicas")
    if not replicas:
        return ""
    return f"{replicas.get('ready', 0)} of {replicas.get('desired', 0)} ready"


def _pass_rate(ended: Mapping[str, Any]) -> str:
    rate = (ended.get("evaluation") or {}).get("passRate")
    return "" if rate is None else f"pass rate {rate:.3g}"


def _ago(since: object, now: datetime) -> str:
    text = age(since, now)
    return f"{text} ago" if text else ""


def _said(condition: Object) -> str:
    if not condition:
        return ""
    return f"{condition['status']} {condition['reason']}: {one_line(condition.get('message'))}"


def _told(event: Object) -> str:
    return f"{event.get('type')} {event.get('reason')}: {one_line(event.get('message'))}"


def _identity(event: Object) -> tuple[object, str]:
    return event["metadata"].get("name"), happened(event)


def one_line(text: object) -> str:
    """What others wrote must not steer a terminal."""
    return in_one_line(" ".join(str(text or "").split()))


def wrapped(text: str, width: int, indent: str) -> list[str]:
    room = max(width, len(indent) + 20)
    return textwrap.wrap(text, room, initial_indent=indent, subsequent_indent=indent)
