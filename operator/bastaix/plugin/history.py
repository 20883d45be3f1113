"""The revisions that are kept, as a table. Pure."""

from bastaix.plugin.columns import columns
from bastaix.plugin.seen import Kept, Seen, short

_HEADINGS = ("NUMBER", "REVISION", "COMMIT", "OUTCOME", "REASON", "AT", "NOW")


def history(seen: Seen) -> list[str]:
    """The newest first. A number is the generation of the spec that first asked for it."""
    return columns([_HEADINGS, *(_row(seen, each) for each in seen.kept)])


def _row(seen: Seen, kept: Kept) -> tuple[str, ...]:
    record = kept.record
    return (
        str(kept.number),
        kept.hash,
        short(kept.revision.commit),
        record.outcome or "-",
        record.reason or "-",
        record.at or "-",
        _part(seen, kept.hash),
    )


def _part(seen: Seen, hash: str) -> str:
    if hash == seen.active.get("revision"):
        return "active"
    return "candidate" if hash == seen.candidate.get("revision") else ""
