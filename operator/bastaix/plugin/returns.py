"""What comes of a return to an earlier revision, or of its end, for whoever asks for it. Pure.

Who serves meanwhile is what a person has to know before. Whether to ask at all is `asking`'s.
"""

from bastaix.api import conditions
from bastaix.plugin.seen import Kept, Seen, short


def promised(seen: Seen, to: Kept) -> str:
    active = seen.active.get("revision")
    until = "until the spec changes, or `kubectl bastaix retry`"
    if to.hash == active:
        candidate = seen.candidate.get("revision")
        return f"candidate {candidate} is given up and {_keeping(seen)}, {until}"
    parts = [f"revision {to.hash} (commit {short(to.revision.commit)}) becomes active again"]
    if active is not None:
        parts.append(f"once it answers; {_meanwhile(seen, to)}")
    text = f"{' '.join(parts)}; it stays {until}"
    if to.record.failed:
        text += f". It failed when it was tried last: {to.record.reason} at {to.record.at}"
    return text


def given_up(seen: Seen, to: Kept) -> str:
    """A retry is of the spec: it ends a return, whatever became of it."""
    text = f"the rollback to revision {to.hash} is given up"
    if seen.has_failed(to):
        again = f"`kubectl bastaix rollback {seen.name} {to.hash}` tries that again"
        text += f" (it failed at {to.record.at}: {to.record.reason}; {again})"
    if seen.is_current and seen.condition(conditions.PROMOTED).get("status") == "True":
        return f"{text}; {_keeping(seen)}, as the spec asks for"
    return f"{text}; the revision of the spec (generation {seen.generation}) is tried"


def _keeping(seen: Seen) -> str:
    active = seen.active.get("revision")
    if _has_made_room(seen):
        return f"revision {active} starts anew, and nothing serves until it answers; it stays"
    return f"revision {active} stays active"


def _meanwhile(seen: Seen, to: Kept) -> str:
    """What becomes of the active revision while another one comes back."""
    active, is_auto = seen.active.get("revision"), seen.rollout.get("strategy") == "Auto"
    is_recreated = _is_recreated(seen, to)
    if _has_made_room(seen):
        if is_recreated:
            return f"revision {active} has gone already, and nothing serves meanwhile"
        return f"revision {active} starts anew beside it, and nothing serves until one answers"
    if is_recreated:
        return f"revision {active} goes first, and nothing serves meanwhile"
    unless = ", or goes first where there is no room for both" if is_auto else ""
    return f"revision {active} serves until then{unless}"


def _has_made_room(seen: Seen) -> bool:
    """The active revision was removed for the candidate.

    Until then it still serves: while another one is drained, or before the first step.
    """
    candidate = seen.of(seen.candidate.get("revision"))
    if candidate is None or not _is_recreated(seen, candidate):
        return False
    return seen.condition(conditions.SERVING).get("status") != "True"


def _is_recreated(seen: Seen, revision: Kept) -> bool:
    """It may not run beside the active one; `rollout.roles` has the rule."""
    strategy = seen.rollout.get("strategy")
    had_no_room = revision.record.recreate and not revision.record.failed
    return strategy == "Recreate" or (strategy == "Auto" and had_no_room)
