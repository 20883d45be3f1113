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
    \b(?:hf_|gh[pousr]_|github_pat_|glpat-|gldt-|sk-|xox[abprs]-|AKIA|ASIA|AIza|npm_|pypi-|nvapi-
        |dckr_pat_)[A-Za-z0-9_\-]{8,}
    | (?<![\w\-])eyJ[\w\-]{8,}\.[\w\-]{8,}\.[\w\-]*   # a JSON web token
    | (?<=://)[^\s/@]+(?=@)                           # user:password@host
    | (?<=\bBearer\ )[\w\-.~+/=]{8,}
    """,
    re.VERBOSE,
)
# Each part has an end: an app that writes a line to make this slow shall not have its way.
_NAMED: Final = re.compile(
    r"""
    (?P<name>
        (?:token(?!i[sz])(?!s["']?\s*[=:]\s*\d{1,7}\b)|secret|passw(?:or)?d|passphrase|(?:api|access|account|private)[_\-]?key
            |authorization|credential|\bsig(?:nature)?(?==))
        [\w\-]{0,64} \\{0,15}["']? \s*[=:]\s*)
    (?!\\{0,15}["']?(?:none|null|true|false)\b)
    (?:
        (?P<quote>\\{0,15}["'])(?P<scheme>(?:bearer\s+|basic\s+)?+)(?:(?!(?P=quote))[^\n]){4,}
        | (?P<bare>["']?(?:bearer\s+|basic\s+)?+)[^\s"',;&}\]]{4,}
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_IS_NAMED: Final = re.compile(
    r"token(?!i[sz])|secret|passw(?:or)?d|passphrase|(?:api|access|account|private)[_\-]?key"
    r"|authorization|credential",
    re.IGNORECASE,
)
_OPTION: Final = re.compile(
    r"""
    (?P<name>--[\w\-]{0,64}?(?:token(?!i[sz]|s\b)|secret|passw(?:or)?d|passphrase
        |(?:api|access|private)[_\-]?key|credential)[\w\-]{0,64}\s+["']?)
    (?P<value>(?!-)[^\s"']{4,})
    """,
    re.VERBOSE | re.IGNORECASE,
)
_COUNT: Final = re.compile(r"(?:max|min|num|new|batched|prompt|completion|total)\W?.*tokens")
_PRIVATE: Final = r"[A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_KEY: Final = re.compile(rf"-----BEGIN {_PRIVATE}.*?(?:-----END {_PRIVATE}|\Z)", re.DOTALL)
_END_OF_KEY: Final = re.compile(rf"\A.*-----END {_PRIVATE}", re.DOTALL)


def masked(text: str) -> str:
    """The text without what looks like a secret; a private key goes over many lines."""
    text = _KEY.sub(MASK, text)
    # the beginning has been cut off
    text = _END_OF_KEY.sub(MASK, text)
    text = _OPTION.sub(rf"\g<name>{MASK}", _TOKENS.sub(MASK, text))
    return _NAMED.sub(_keeping_the_name, text)


def is_named_like_a_secret(name: str) -> bool:
    return _IS_NAMED.search(name) is not None and _COUNT.search(name) is None


def _keeping_the_name(match: re.Match[str]) -> str:
    kept = (match[part] or "" for part in ("name", "quote", "scheme", "bare"))
    return "".join([*kept, MASK])
