"""What two revisions would run, compared as they are kept. Pure."""

from difflib import unified_diff

from bastaix.plugin.seen import Kept
from bastaix.render.yaml_text import dump


def difference(old: Kept, new: Kept) -> list[str]:
    """As `diff -u` says it; empty for the same."""
    return list(
        unified_diff(
            _text(old).splitlines(),
            _text(new).splitlines(),
            f"revision {old.hash}",
            f"revision {new.hash}",
            lineterm="",
        )
    )


def _text(kept: Kept) -> str:
    revision = kept.revision
    origin = {"commit": revision.commit, "digest": revision.digest}
    known = {key: value for key, value in origin.items() if value is not None}
    return dump({**known, "template": revision.template})
