"""Why a ModelDeployment stands as it does: what decides, where in the chain, what else, what to do.

Pure: the time and the width of the terminal are given. What the operator said decides, as it
alone knows the answers of an app; the chain is what is seen now.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from bastaix.api import conditions, names, reasons
from bastaix.api.reasons import Finding, Reason
from bastaix.observe.diagnose import findings
from bastaix.observe.masking import masked
from bastaix.observe.observed import Via
from bastaix.observe.text import shortened
from bastaix.plugin.around import Around
from bastaix.plugin.chain import chain, in_play
from bastaix.plugin.columns import columns
from bastaix.plugin.evidence import context
from bastaix.plugin.screen import WIDTH, cut, lag, one_line, wrapped
from bastaix.plugin.seen import Object, age, happened
from bastaix.plugin.tree import drawn

EVENTS: Final = 6
STRANGERS: Final = 5
INDENT: Final = "    "


@dataclass(frozen=True)
class _Decided:
    name: str
    """Of the reason, which a newer operator may have and we do not know."""
    evidence: str
    known: Reason | None
    is_told: bool
    """The operator said so; else it is what is seen."""


def why(around: Around, now: datetime, width: int = WIDTH) -> list[str]:
    """No line is longer than the width."""
    around = replace(around, at=now)
    decided = _decided(around)
    blocks = (
        _heading(around, decided, width),
        _context(around, decided),
        drawn(chain(around)),
        _besides(around, decided, width),
        _warnings(around, now),
        _unread(around),
        _ignored(around),
        _todo(around, decided, width),
    )
    lines: list[str] = []
    for block in blocks:
        lines += ["", *block] if lines and block else block
    return [cut(line, width) for line in lines]


def _decided(around: Around) -> _Decided:
    ready = around.seen.condition(conditions.READY)
    if ready:
        name, message = str(ready.get("reason")), one_line(ready.get("message"))
        known = reasons.BY_NAME.get(name)
        message = reasons.evidence(known, message) if known else message
        return _Decided(name, masked(message), known, is_told=True)
    focus = _focus(around)
    finding = findings(around.observed, *focus[0])[0] if focus else _NOTHING
    return _Decided(finding.reason.name, finding.message, finding.reason, is_told=False)


_NOTHING: Final = Finding(
    reasons.STARTING_RAY, "the operator has made no revision of it yet: does the operator run?"
)


def _focus(around: Around) -> list[tuple[str, Via]]:
    """The revisions that count, the one that is to be first, and how each must answer."""
    seen = around.seen
    candidate, active = seen.candidate.get("revision"), seen.active.get("revision")
    found: list[tuple[str, Via]] = []
    if candidate:
        found.append((str(candidate), "own"))
    if active:
        found.append((str(active), "stable"))
    if found:
        return found
    kept = {each.hash: each.number for each in seen.kept}
    newest = sorted(in_play(around), key=lambda hash: kept.get(hash, 0), reverse=True)
    return [(hash, "stable") for hash in newest[:1]]


def _heading(around: Around, decided: _Decided, width: int) -> list[str]:
    seen, known = around.seen, decided.known
    severity = f" ({known.severity})" if known and known.severity != "info" else ""
    lines = [f"{seen.name} in {seen.namespace}, generation {seen.generation}: {decided.name}"]
    lines[0] += severity
    if not decided.is_told:
        lines.append("The operator has not said how it stands; this is what is seen now.")
    elif lag(seen):
        lines.append(lag(seen))
    if known:
        lines += wrapped(known.meaning, width, INDENT)
    if decided.evidence and decided.evidence != (known and known.meaning):
        lines += wrapped(decided.evidence, width, INDENT)
    return lines


def _context(around: Around, decided: _Decided) -> list[str]:
    """Of what decides, or else of what else is found: the operator may not have seen it yet."""
    evidence = [decided.evidence, *(each.message for _, each in _others(around, decided))]
    found = next((found for each in evidence if (found := context(around, each))), None)
    if found is None:
        return []
    return [f"From {found.source}:", *(f"{INDENT}{line}" for line in found.lines)]


def _others(around: Around, decided: _Decided) -> list[tuple[str, Finding]]:
    """What is wrong besides, by revision: a consequence, or the next trouble."""
    return [
        (hash, finding)
        for index, (hash, via) in enumerate(_focus(around))
        for finding in findings(around.observed, hash, via)
        if finding.reason.heals != "itself" and (index, finding.reason.name) != (0, decided.name)
    ]


def _besides(around: Around, decided: _Decided, width: int) -> list[str]:
    texts = [f"revision {hash}: {e.reason}: {e.message}" for hash, e in _others(around, decided)]
    lines = [line for text in texts for line in wrapped(text, width, "  ")]
    return ["Also found", *lines] if lines else []


def _warnings(around: Around, now: datetime) -> list[str]:
    rows = [
        (
            age(happened(each), now),
            str(each.get("reason")),
            _about(each),
            shortened(one_line(each.get("message") or each.get("note"))),
        )
        for each in around.events
        if each.get("type") == "Warning"
    ][:EVENTS]
    return ["Warnings", *columns(rows, indent="  ")] if rows else []


def _about(event: Object) -> str:
    about = event.get("involvedObject") or {}
    return "" if about.get("kind") == names.KIND else f"{about.get('kind')} {about.get('name')}"


def _unread(around: Around) -> list[str]:
    """Where KubeRay is absent, that is found already."""
    lines = [
        f"  {kind.name}s: {one_line(each.message)}"
        for kind, each in around.unread.items()
        if each.why != "absent"
    ]
    return ["Not read, so what is wrong there is not seen", *lines] if lines else []


def _ignored(around: Around) -> list[str]:
    """Anybody who may write here can give an object any label."""
    called = [f"  {kind} {one_line(name)}" for kind, name in around.strangers]
    if not called:
        return []
    more = len(called) - STRANGERS
    rest = [f"  and {more} more"] if more > 0 else []
    return [
        "Ignored: named or labelled as its own, and not controlled by it",
        *called[:STRANGERS],
        *rest,
    ]


def _todo(around: Around, decided: _Decided, width: int) -> list[str]:
    known, name = decided.known, around.seen.name
    if known is reasons.READY:
        return []
    lines: list[str] = []
    if known and known.hint:
        lines += wrapped(f"What to do: {known.hint.replace('NAME', name)}", width, "")
    if known:
        lines.append(f"`bastaix explain {known.name}` says what it means and what it comes from.")
    lines.append(f"`kubectl bastaix bundle {name}` packs all of this up for somebody else.")
    return lines
