"""What a reason means, for whoever asks: one of them on a terminal, all of them as a page. Pure."""

from difflib import get_close_matches
from typing import Final

from bastaix.api.reasons import BY_GROUP, BY_NAME, Heals, Reason

HEALS: Final[dict[Heals, str]] = {
    "itself": "by itself",
    "outside": "by itself, when somebody has done what it takes",
    "never": "when the spec changes, or on `kubectl bastaix retry`",
}
"""How work goes on."""

_HEAD: Final = """# Reasons

Every reason that a condition of a ModelDeployment can carry, as `kubectl get md` shows it. The same
text is on a terminal by `bastaix explain REASON`. This page is made from the code.

"""


class UnknownReason(Exception):
    """There is no such reason; the message names those that are like it."""


def explain(name: str) -> str:
    """Of one reason, for a terminal; capitals do not matter."""
    by_small = {known.lower(): reason for known, reason in BY_NAME.items()}
    reason = by_small.get(name.lower())
    if reason is None:
        near = [by_small[each].name for each in get_close_matches(name.lower(), by_small)]
        hint = f"did you mean {' or '.join(near)}?" if near else "`bastaix explain` lists them all"
        raise UnknownReason(f"no reason is called {name!r}: {hint}")
    return "\n".join([f"{reason.name} ({reason.severity})", *_lines(reason)])


def listing() -> str:
    """All of them, a line each."""
    width = max(map(len, BY_NAME))
    lines: list[str] = []
    for title, group in BY_GROUP.items():
        lines += ["", f"{title}:", *(f"  {each.name:{width}}  {each.meaning}" for each in group)]
    return "\n".join(lines[1:])


def page() -> str:
    """docs/reasons.md."""
    parts = [_HEAD]
    parts += [f"- [{title}](#{_anchor(title)})\n" for title in BY_GROUP]
    for title, group in BY_GROUP.items():
        parts.append(f"\n## {title}\n")
        for reason in group:
            about = "\n".join(f"- {line.strip()}" for line in _lines(reason)[1:])
            parts.append(f"\n### {reason.name}\n\n{reason.meaning}\n\n{about}\n")
    return "".join(parts)


def _lines(reason: Reason) -> list[str]:
    given = {
        "From": reason.causes,
        "What to do": reason.hint,
        "Severity": reason.severity,
        "Goes on": HEALS[reason.heals],
    }
    return [f"  {reason.meaning}", *(f"  {key}: {said}" for key, said in given.items() if said)]


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")
