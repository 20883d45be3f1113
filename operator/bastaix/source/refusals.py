"""What a host's answer means when it is not the archive: one reason a cause, in our own words.

Only the status and a few headers are looked at, and of those only numbers and dates come out:
what a host has written is never repeated.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from yarl import URL

from bastaix.api import reasons
from bastaix.api.conditions import timestamp
from bastaix.api.reasons import Reason
from bastaix.source.failure import SourceFailure
from bastaix.source.hosts import Address

REDIRECTS: Final = (301, 302, 303, 307, 308)
WHOLE: Final = (200, 203)
"""203 comes with a sign-in page from some hosts, which its content tells."""
_PAUSE: Final = 60.0
_LONGEST_PAUSE: Final = 3600.0
# GitHub and Bitbucket; GitLab and Gitea say which of them.
_SIGN_IN: Final = re.compile(r"/(login|signin|sign_in|user/login|users/sign_in)/?$")
_SIGN_IN_HOSTS: Final = frozenset({"id.atlassian.com", "login.microsoftonline.com"})


@dataclass(frozen=True, kw_only=True)
class Answer:
    host: str
    """Who gave it: another one than the address's after a redirect."""
    status: int
    headers: Mapping[str, str]
    with_credential: bool
    """Whether the Secret was used on the way."""


def refusal(address: Address, answer: Answer, now: datetime) -> SourceFailure:
    """Of an answer that is neither the archive nor a redirect."""
    status, host = answer.status, answer.host
    if status == 429 or (status == 403 and _is_limit(answer.headers)):
        return _limited(answer, now)
    if status in address.kind.says:
        reason, message = address.kind.says[status]
        return SourceFailure(reason, f"{address.what}: {host} {message}")
    if status == 401:
        return unauthorized(address, answer)
    if status == 407:
        message = f"the proxy before {host} asks for a credential, and cannot be given one"
        return _failure(reasons.SOURCE_UNREACHABLE, address, message)
    if status in (404, 410):
        return _missing(address, answer)
    if status == 403 and "x-github-sso" in answer.headers:
        return SourceFailure(
            reasons.SOURCE_FORBIDDEN,
            f"{host} wants the Secret's token authorised for the organisation's single sign-on",
        )
    if 400 <= status < 500 and status != 408:
        message = f"{host} refuses it ({status}){_needs('', address, answer)}"
        return _failure(reasons.SOURCE_FORBIDDEN, address, message)
    after = retry_after(answer.headers, now)
    return SourceFailure(
        reasons.SOURCE_UNREACHABLE, f"{address.what}: {host} answered {status}", after=after
    )


def asks_to_sign_in(target: URL) -> bool:
    """Where a redirect leads to when the host wants to know who asks."""
    return target.host in _SIGN_IN_HOSTS or bool(_SIGN_IN.search(target.path))


def unauthorized(address: Address, answer: Answer) -> SourceFailure:
    if answer.with_credential:
        message = f"{answer.host} does not accept the Secret's credential"
    else:
        message = f"{answer.host} asks for a credential; name a Secret in secretRef"
    return _failure(reasons.SOURCE_UNAUTHORIZED, address, message)


def _missing(address: Address, answer: Answer) -> SourceFailure:
    if not answer.with_credential:
        return _failure(reasons.SOURCE_NOT_FOUND, address, f"{answer.host} does not have it")
    message = f"{answer.host} does not have it{_needs(', or hides it', address, answer)}"
    return _failure(address.kind.missing, address, message)


def _needs(before: str, address: Address, answer: Answer) -> str:
    """Said where a token may be the cause that lacks a permission."""
    if not answer.with_credential or not address.kind.scope:
        return ""
    return f"{before}: the Secret's token needs {address.kind.scope}"


def _failure(reason: Reason, address: Address, message: str) -> SourceFailure:
    return SourceFailure(reason, f"{address.what}: {message}")


# ---- rate limits


def _is_limit(headers: Mapping[str, str]) -> bool:
    return "retry-after" in headers or headers.get("x-ratelimit-remaining", "").strip() == "0"


def _limited(answer: Answer, now: datetime) -> SourceFailure:
    after = retry_after(answer.headers, now) or _reset(answer.headers, now) or _PAUSE
    when = timestamp(now + timedelta(seconds=after))
    message = f"{answer.host} wants fewer requests ({answer.status}); the next try is after {when}"
    return SourceFailure(reasons.SOURCE_RATE_LIMITED, message, after=after)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds in the header of this name; it has a number of them, or a date of HTTP."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if _NUMBER.fullmatch(text):
        return _bounded(float(text))
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return _bounded((date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())


def _reset(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds since 1970, as GitHub has it and GitLab under its own name."""
    for name in ("x-ratelimit-reset", "ratelimit-reset"):
        text = headers.get(name, "").strip()
        if _NUMBER.fullmatch(text):
            return _bounded(float(text) - now.timestamp())
    return None


_NUMBER: Final = re.compile(r"[0-9]{1,12}")


def _bounded(seconds: float) -> float:
    """A host may neither be asked at once again nor put us off for ever."""
    return min(max(seconds, 1.0), _LONGEST_PAUSE)
