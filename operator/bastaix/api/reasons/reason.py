"""What a reason is, and a finding: a reason with its evidence."""

from dataclasses import dataclass
from typing import Literal

Heals = Literal["itself", "outside", "never"]
Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Reason:
    name: str
    meaning: str
    hint: str
    heals: Heals
    causes: str = ""
    """What it typically comes from, for whoever reads about it."""
    is_wanted: bool = False
    """Somebody has asked for it: nothing is wrong, and nothing is waited for but a word."""

    is_known: bool = True
    """Else it says only that something broke: whatever is told with it is a cause to learn."""

    @property
    def severity(self) -> Severity:
        if self.is_wanted:
            return "info"
        by_heals: dict[Heals, Severity] = {"itself": "info", "outside": "warning"}
        return by_heals.get(self.heals, "error")

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Finding:
    """A reason with the one line of evidence for it."""

    reason: Reason
    message: str
    object: str = ""
    """Whose evidence it is, as `Kind/name` in the namespace; empty: of no one object."""


def explained(finding: Finding) -> str:
    """The message for a condition: with what to do about it, where anything can be done."""
    reason, message = finding.reason, finding.message
    if reason.heals == "itself" or message.endswith(reason.hint):
        return message
    return f"{message.removesuffix('.')}. {reason.hint}"


def evidence(reason: Reason, message: str) -> str:
    """What a condition's message says of the case alone: without the hint that `explained` adds."""
    if not reason.hint or not message.endswith(reason.hint):
        return message
    return message.removesuffix(reason.hint).rstrip().removesuffix(".")
