"""The revisions that are kept, as a table. Pure."""

from bastaix.plugin.columns import columns
from bastaix.plugin.seen import Kept, Seen, short

_HEADINGS = ("NUMBER", "REVISION", "COMMIT", "OUTCOME", "REASON", "AT", "PASS-RATE", "NOW")


def history(seen: Seen) -> list[str]:
    """The newest first. A number is the generation of the spec that first asked for it."""
    return columns([_HEADINGS, *(_row(seen, each) for each in seen.kept)])


def _row(seen: Seen, kept: Kept) -> tuple[str, ...]:
    record = kept.record
    rate = (record.evaluation or {}).get("passRate")
    return (
        str(kept.number),
        kept.hash,
        short(kept.revision.commit),
        record.outcome or "-",
        record.reason or "-",
        record.at or "-",
        "-" if rate is None else f"{rate:.3g}",
        _part(seen, kept.hash),
    )


def _part(seen: Seen, hash: str) -> str:
    if hash == seen.active.get("revision"):
        return "active"
    return "candidate" if hash == seen.candidate.get("revision") else ""
