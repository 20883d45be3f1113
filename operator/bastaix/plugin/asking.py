"""What a request would do, and whether it makes sense now. Pure.

The operator takes any request and lets those without a meaning be; a person is told here, and
before anything is written. What each does stands in `rollout.roles` and `rollout.gates`.
"""

from dataclasses import dataclass

from bastaix.api import conditions, reasons
from bastaix.api.names import REQUEST_ANNOTATION
from bastaix.api.rollout import Verb
from bastaix.plugin import returns
from bastaix.plugin.screen import HELD
from bastaix.plugin.seen import Kept, Seen, meant, short


class Senseless(Exception):
    """It would change nothing; the message says why, and what would."""


@dataclass(frozen=True)
class Asking:
    text: str
    """The annotation."""
    promise: str
    """What comes of it, for whoever asked."""


def promote(seen: Seen) -> Asking:
    _refuse_idle(seen)
    _refuse_unseen(seen)
    candidate, phase = _candidate(seen), seen.candidate.get("phase")
    if candidate is None:
        raise Senseless(f"no candidate of {seen.name} waits for a promotion: {_state(seen)}")
    if phase == HELD:
        raise Senseless(
            f"revision {candidate} has failed and is held; nothing is promoted past the gate:"
            f" `kubectl bastaix retry {seen.name}` tries it again"
        )
    if _returning(seen):
        raise Senseless(f"revision {candidate} comes back by itself; a return needs no promotion")
    if _approved(seen, candidate):
        raise Senseless(f"the promotion of revision {candidate} has been asked for already")
    if not _will_pause(seen):
        raise Senseless(
            f"revision {candidate} gets the traffic by itself when it has passed the gate"
            f" (now: {phase}); only what is paused waits for `promote`"
        )
    when = "now" if phase == reasons.PAUSED.name else f"when it has passed the gate (now: {phase})"
    return Asking(
        _text(seen, "promote", candidate),
        f"revision {candidate} (commit {short(seen.candidate.get('commit'))}) gets the traffic"
        f" {when}, in the place of {seen.active.get('revision')}",
    )


def pause(seen: Seen) -> Asking:
    _refuse_idle(seen)
    candidate, active = _candidate(seen), seen.active.get("revision")
    if active is None:
        raise Senseless("the first revision is never paused: nothing serves before it")
    if candidate is None and seen.is_current and not seen.condition(conditions.RECONCILING):
        raise Senseless(
            f"no rollout of {seen.name} is under way: {_state(seen)};"
            " spec.rollout.pauseBeforePromotion pauses those to come"
        )
    if seen.candidate.get("phase") == HELD:
        raise Senseless(f"revision {candidate} has failed and is held, off the traffic")
    if _returning(seen):
        raise Senseless(
            f"revision {candidate} comes back as was asked for, and a return is not paused"
        )
    if seen.is_current and _will_pause(seen) and not _approved(seen, candidate):
        raise Senseless(
            f"the rollout is paused already; `kubectl bastaix promote {seen.name}` goes on with it"
        )
    whom = f"revision {candidate}" if candidate else "the candidate"
    return Asking(
        _text(seen, "pause"),
        f"{whom} goes through the gate and then waits for `kubectl bastaix promote {seen.name}`;"
        f" revision {active} keeps the traffic",
    )


def retry(seen: Seen) -> Asking:
    _refuse_idle(seen)
    ready = seen.condition(conditions.READY)
    if seen.is_current and ready.get("status") == "True":
        raise Senseless(f"nothing failed: {_state(seen)}")
    if seen.is_current and ready.get("reason") == reasons.ROLLED_BACK.name:
        return Asking(
            _text(seen, "retry"),
            f"the revision of the spec (generation {seen.generation}) is tried",
        )
    to = seen.returning_to
    if to is not None:
        return Asking(_text(seen, "retry"), returns.given_up(seen, to))
    failed = next((k for k in seen.kept if seen.has_failed(k) and not _was_return(k)), None)
    if failed is None:
        hint = ""
        if seen.condition(conditions.STALLED):
            hint = "; a retry would find the same, so change the spec"
        raise Senseless(f"no revision of this spec has failed: {_state(seen)}{hint}")
    request = seen.request
    is_asked = request is not None and request.verb == "retry"
    if request is not None and is_asked and request.text != failed.record.request:
        raise Senseless(f"revision {failed.hash} is being tried again already: {_state(seen)}")
    return Asking(
        _text(seen, "retry"),
        f"revision {failed.hash} (commit {short(failed.revision.commit)}) is tried again;"
        f" it failed at {failed.record.at}: {failed.record.reason}",
    )


def rollback(seen: Seen, given: str | None) -> Asking:
    _refuse_idle(seen)
    active, candidate = seen.active.get("revision"), _candidate(seen)
    to = meant(seen, given) if given is not None else _last(seen)
    if to.hash == active and candidate is None:
        raise Senseless(f"revision {to.hash} is the active one already: {_state(seen)}")
    if to.hash == candidate and _returning(seen):
        raise Senseless(f"revision {to.hash} comes back already: {_state(seen)}")
    if to.hash != active and to.record.promoted is None:
        raise Senseless(
            f"revision {to.hash} was never promoted, so it cannot be returned to;"
            f" these were: {_promoted_names(seen)}"
        )
    return Asking(_text(seen, "rollback", to.hash), returns.promised(seen, to))


def _last(seen: Seen) -> Kept:
    """What is meant without a name: to give the candidate up, or else the one promoted before."""
    active = seen.active.get("revision")
    if active is not None and _candidate(seen) is not None and not _returning(seen):
        found = seen.of(active)
        if found is not None:
            return found
    before = [
        (each.record.promoted, each)
        for each in seen.kept
        if each.record.promoted and not each.record.failed and each.hash != active
    ]
    if not before:
        raise Senseless(
            f"no revision of {seen.name} but the active one was promoted:"
            " there is none to return to"
        )
    return max(before, key=lambda each: each[0])[1]


def _promoted_names(seen: Seen) -> str:
    return ", ".join(each.hash for each in seen.kept if each.record.promoted) or "none"


def _refuse_idle(seen: Seen) -> None:
    if seen.is_suspended:
        raise Senseless(f"{seen.name} is suspended: set spec.suspend to false first")


def _refuse_unseen(seen: Seen) -> None:
    if not seen.is_current:
        raise Senseless(
            f"the operator has not looked at generation {seen.generation} yet: ask again when it"
            f" has (`kubectl bastaix status {seen.name}`)"
        )


def _candidate(seen: Seen) -> str | None:
    return seen.candidate.get("revision")


def _returning(seen: Seen) -> bool:
    """A rollback is under way."""
    to = seen.returning_to
    return to is not None and to.hash == _candidate(seen)


def _was_return(failed: Kept) -> bool:
    """It failed as what a rollback went to, not as what the spec asks for."""
    request = failed.record.request or ""
    is_unnamed = request.startswith("rollback@") and failed.record.promoted is not None
    return is_unnamed or request.startswith(f"rollback:{failed.hash}@")


def _approved(seen: Seen, candidate: str | None) -> bool:
    request = seen.request
    return (
        request is not None and request.verb == "promote" and request.revision in (None, candidate)
    )


def _will_pause(seen: Seen) -> bool:
    request = seen.request
    is_asked = request is not None and request.verb == "pause"
    return is_asked or (bool(seen.rollout.get("pauseBeforePromotion")) and bool(seen.active))


def _state(seen: Seen) -> str:
    """In a few words how it stands."""
    ready, active = seen.condition(conditions.READY), seen.active.get("revision")
    if not ready:
        return "the operator has not looked at it yet"
    part = f"revision {active} is active" if active else "none is active"
    return f"{part}, Ready is {ready['status']} ({ready['reason']})"


def _text(seen: Seen, verb: Verb, revision: str | None = None) -> str:
    """Another text than any before it of this generation: only another one is another request."""
    metadata = seen.body["metadata"]
    before = (metadata.get("annotations") or {}).get(REQUEST_ANNOTATION, "")
    known = seen.wish.request if seen.wish else None
    texts = [before, known or "", *(each.record.request or "" for each in seen.kept)]
    count = max(_count(text, verb, seen.generation) for text in texts)
    subject = f":{revision}" if revision else ""
    again = f".{count + 1}" if count else ""
    return f"{verb}{subject}@{seen.generation}{again}"


def _count(text: str, verb: str, generation: int) -> int:
    """Which request of its kind and generation it is; 0: it is none."""
    subject, _, number = text.partition("@")
    of, _, again = number.partition(".")
    if subject.partition(":")[0] != verb or of != str(generation):
        return 0
    return int(again) if again.isdigit() else 1
