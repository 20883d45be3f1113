"""Takes out of a text what may be a secret, before it is told to anybody. Pure.

What an app writes about itself is not ours: an error may hold the token with which it failed. So
whatever has the form of a known token goes, and the value of whatever is named like one. That is
a net and no proof; nothing that is known to be secret may come here in the first place.
"""

import re
from collections.abc import Callable
from typing import Final

MASK: Final = "***"

_TOKENS: Final = re.compile(
    r"""
    \b(?:gh[pousr]_|github_pat_|gl(?:pat|ptt|dt|rt|cbt|soat|imt|agent|ft|ffct|oas|rtr|wt)-|GR1348941
        |ATATT3|ATCTT3|ATBB|[rs]k_(?:live|test)_|whsec_|xox[abprs]-
        |xapp-|AKIA|ASIA|GOOG1E|AIza|nvapi-|dckr_pat_|gsk_|hv[sb]\.|ya29\.|SG\.
        # packages have such names too, but neither capitals nor many digits
        |(?:hf_|sk-|npm_|pypi-)(?=[a-z_\-]{0,64}[A-Z0-9]))
        [A-Za-z0-9_\-]{8,}[\w.\-]*
    | (?<![\w\-])eyJ[\w\-]{8,}\.[\w\-]{8,}\.[\w\-]*   # a JSON web token
    | (?<=://)[^\s/"'<>]+(?=@)                        # user:password@host
    # a password with slashes in it, and no port before a path
    | (?<=://)[^\s/:@"'<>]{0,200}:(?!\d{1,5}/)[^\s@"'<>]{1,200}(?=@)
    | (?<=\bBearer\ )[\w\-.~+/=]{8,}
    | (?<=\bbearer\ )(?=[\w\-.~+/=]{0,200}[A-Z0-9])[\w\-.~+/=]{8,}
    | (?i:(?<=[?&;]code=)|(?<=[?&;]state=))[^\s&;"'<>]{6,}
    | (?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[\w/]+
    | (?i:(?<=discord\.com/api/webhooks/))[\w/\-]+
    | (?i:(?<=\bapikey\ )|(?<=api_key\ )|(?<=api-key\ ))(?=[\w\-]{0,200}\d)[\w\-]{12,}
    | (?i:(?<=\btoken\ ))[0-9a-f]{40}\b   # Gitea's have the form of a commit
    # curl -u and --user
    | (?:(?<=\ -u\ )|(?<=--user\ )|(?<=--user=))["']?[^\s:"'@]{1,200}:[^\s"']+
    | (?<=\bBasic\ )(?=[A-Za-z+/]*[\d=])[\w+/]{8,}=*  # base64, and no word
    | (?i:(?<=\bcookie:\ ))[^\n"']{4,}
    """,
    re.VERBOSE,
)
_AUTHORIZATION: Final = re.compile(
    r"""
    (?P<name>\b(?:proxy-)?authorization \\{0,15}["']? \s{0,8}(?:=>|[=:])\s{0,8})
    (?:
        (?P<quote>[bfru]?\\{0,15}["'])(?P<scheme>(?:(?:bearer|basic)\ +)?+) [^\n"'\\]{4,}
        | (?P<bare>(?:(?:bearer|basic)\ +)?+) [^\n'\\]{4,}
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""A header to the end of its line or its quotes, whatever its scheme (RFC 9110, section 11.4)."""
_PARTS: Final = r"""secret|passw(?:or)?d|passphrase|authorization|credential
    |(?:api|access|account|private|auth|signing|encryption|shared)[_\- ]?key"""
# Each part has an end: an app that writes a line to make this slow shall not have its way.
_NAMED: Final = re.compile(
    rf"""
    (?P<name>
        (?:token(?!i[sz])(?!s["']?\s*[=:]\s*\d{{1,7}}\b)|{_PARTS}|\bsig(?:nature)?(?==)
            |(?:(?:\b|_)(?:auth|pwd|pass)|(?-i:[A-Z]PASS)|\bcookie)(?=\\{{0,15}}["']?\s*[=:]))
        [\w\-]{{0,64}} \\{{0,15}}["']? \s*(?:=>|[=:])\s* (?:[|>][+\-]?\s+)?)
    (?!\\{{0,15}}["']?(?:none|null|true|false)\b)
    (?:
        (?P<list>\[)[^\]\n]{{4,}}
        | (?P<prefix>[bfru]?)(?P<quote>\\{{0,15}}["'])(?P<scheme>(?:bearer\s+|basic\s+)?+)
            (?:(?!(?P=quote))[^\n]){{4,}}
        | (?P<bare>["']?(?:bearer\s+|basic\s+)?+)[^\s"',;&}}\]]{{4,}}
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_IS_NAMED: Final = re.compile(
    rf"token(?!i[sz])|{_PARTS}|(?:^|[_.\-])(?:auth|pwd|pass|cookie)(?:$|\.)",
    re.VERBOSE | re.IGNORECASE,
)
_OPTION: Final = re.compile(
    rf"""
    (?P<name>(?<![\w\-])--[\w\-]{{0,64}}?(?:token(?!i[sz]|s\b)|{_PARTS})[\w\-]{{0,64}}["']?,?\s+)
    (?!["']?-)
    (?:(?P<quote>["'])(?:(?!(?P=quote))[^\n]){{4,}} | [^\s"']{{4,}})
    """,
    re.VERBOSE | re.IGNORECASE,
)
_COUNT: Final = re.compile(
    r"(?:max|min|num|new|batched|prompt|completion|total)\W?.{0,64}tokens", re.DOTALL
)
_PRIVATE: Final = r"[A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_KEY: Final = re.compile(rf"-----BEGIN {_PRIVATE}.*?(?:-----END {_PRIVATE}|\Z)", re.DOTALL)
_END_OF_KEY: Final = re.compile(rf"\A.*-----END {_PRIVATE}", re.DOTALL)


def masked(text: str) -> str:
    """The text without what looks like a secret; a private key goes over many lines."""
    text = _KEY.sub(MASK, text)
    # the beginning has been cut off
    text = _END_OF_KEY.sub(MASK, text)
    text = _AUTHORIZATION.sub(_keeping("name", "quote", "scheme", "bare"), text)
    text = _OPTION.sub(_keeping("name", "quote"), _TOKENS.sub(MASK, text))
    return _NAMED.sub(_keeping("name", "list", "prefix", "quote", "scheme", "bare"), text)


def is_named_like_a_secret(name: str) -> bool:
    return _IS_NAMED.search(name) is not None and _COUNT.search(name) is None


def _keeping(*parts: str) -> Callable[[re.Match[str]], str]:
    return lambda match: "".join([*(match[part] or "" for part in parts), MASK])
