"""What a text of a ModelDeployment must look like before it becomes part of a name or an address.

The CRD has the same rules with better messages. They stand here again because an object can be
older than the CRD, or the CRD older than this program.
"""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Pattern:
    """A text fits as a whole, with at most `longest` characters, or not at all."""

    expression: re.Pattern[str]
    longest: int
    says: str
    """What is right, to follow the name of the field and "must be"."""

    def fits(self, text: str) -> bool:
        return len(text) <= self.longest and self.expression.fullmatch(text) is not None


_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"

OBJECT_NAME: Final = Pattern(
    re.compile(rf"{_LABEL}([.]{_LABEL})*"),
    253,
    "the name of an object in this namespace: lower-case letters, digits, '-' and '.',"
    " beginning and ending with a letter or digit",
)
"""A DNS-1123 subdomain, as Kubernetes 1.35 validates most names."""

COMMIT: Final = Pattern(
    re.compile("[0-9a-f]{40}|[0-9a-f]{64}"),
    64,
    "a full commit hash, 40 (or 64) lower-case hex digits",
)
SHA256: Final = Pattern(re.compile("[0-9a-f]{64}"), 64, "64 lower-case hex digits")
URL: Final = Pattern(
    re.compile(r"([a-z0-9]+://|\{repository\})[^\x00-\x1f\x7f]+"), 1024, "a URL in one line"
)
"""Its shape alone; `source.locations` reads it, and refuses what it does not understand."""
IMPORT_PATH: Final = Pattern(
    re.compile(r"[A-Za-z_]\w*([.][A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII),
    256,
    "MODULE:NAME, such as app:build or package.module:app",
)
MODEL_ID: Final = Pattern(
    re.compile("[A-Za-z0-9][A-Za-z0-9._/-]*"), 128, "letters, digits and . _ / -"
)
