"""Takes out of a text what may be a secret, before it is told to anybody. Pure.

What an app writes about itself is not ours: an error may hold the token with which it failed. So
whatever has the form of a known token goes, and the value of whatever is named like one. That is
a net and no proof; nothing that is known to be secret may come here in the first place.
"""

import re
from typing import Final

MASK: Final = "***"

_TOKENS: Final = re.compile(
    r"""
    \b(?:hf_|gh[pousr]_|github_pat_|glpat-|gldt-|sk-|xox[abprs]-|AKIA|ASIA)[A-Za-z0-9_\-]{8,}
    | \beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*   # a JSON web token
    | (?<=://)[^\s/@:]+:[^\s/@]+(?=@)                               # user:password@host
    """,
    re.VERBOSE,
)
_NAMED: Final = re.compile(
    r"""
    (?P<name>\b[\w\-]*(?:token|secret|passw(?:or)?d|api[_\-]?key|authorization|credential)[\w\-]*
    ["']?\s*[=:]\s*["']?(?:bearer\s+|basic\s+)?)
    (?P<value>[^\s"',;&}\]]{4,})
    """,
    re.VERBOSE | re.IGNORECASE,
)


def masked(text: str) -> str:
    """The text without what looks like a secret."""
    return _NAMED.sub(rf"\g<name>{MASK}", _TOKENS.sub(MASK, text))
