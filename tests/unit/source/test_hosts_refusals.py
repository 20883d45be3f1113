"""What an answer means that is no archive: one reason a cause, and when to try again."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from yarl import URL

from bastaix.api import reasons
from bastaix.api.reasons import Reason
from bastaix.api.v1alpha1 import Git
from bastaix.source.failure import SourceFailure
from bastaix.source.hosts import address
from bastaix.source.refusals import Answer, asks_to_sign_in, refusal

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
REPOSITORIES = {
    "GitHub": "https://github.com/acme/serving",
    "GitLab": "https://gitlab.com/acme/serving",
    "Gitea": "https://codeberg.org/acme/serving",
    "Cgit": "https://git.corp/serving",
}


def said(
    status: int,
    headers: dict[str, str] | None = None,
    *,
    host: str = "GitHub",
    credential: bool = False,
) -> SourceFailure:
    where = address(Git(repository=REPOSITORIES[host], commit="a" * 40, host=host))
    answer = Answer(
        host="the.host", status=status, headers=headers or {}, with_credential=credential
    )
    return refusal(where, answer, NOW)


@pytest.mark.parametrize(
    ("status", "headers", "host", "credential", "reason", "text"),
    [
        (404, {}, "GitHub", False, reasons.SOURCE_NOT_FOUND, "does not have it"),
        (404, {}, "GitHub", True, reasons.SOURCE_UNAUTHORIZED, "does not have it, or hides it"),
        (404, {}, "GitHub", True, reasons.SOURCE_UNAUTHORIZED, "Contents: read (fine-grained)"),
        (404, {}, "GitHub", True, reasons.SOURCE_UNAUTHORIZED, "repo (classic)"),
        (404, {}, "GitLab", True, reasons.SOURCE_NOT_FOUND, "read_api"),
        (404, {}, "Gitea", True, reasons.SOURCE_NOT_FOUND, "read:repository"),
        (404, {}, "Cgit", True, reasons.SOURCE_NOT_FOUND, "does not have it"),
        (410, {}, "Cgit", False, reasons.SOURCE_NOT_FOUND, "does not have it"),
        (400, {}, "Cgit", True, reasons.SOURCE_NOT_FOUND, "no such commit, or no `snapshots=zip`"),
        (401, {}, "GitHub", True, reasons.SOURCE_UNAUTHORIZED, "does not accept"),
        (401, {}, "Cgit", False, reasons.SOURCE_UNAUTHORIZED, "secretRef"),
        (403, {}, "GitHub", True, reasons.SOURCE_FORBIDDEN, "Contents: read"),
        (403, {"x-github-sso": "x"}, "GitHub", True, reasons.SOURCE_FORBIDDEN, "single sign-on"),
        (403, {"x-ratelimit-remaining": "7"}, "GitHub", True, reasons.SOURCE_FORBIDDEN, "403"),
        (407, {}, "GitHub", True, reasons.SOURCE_UNREACHABLE, "the proxy before"),
        (451, {}, "GitHub", False, reasons.SOURCE_FORBIDDEN, "451"),
        (500, {}, "GitLab", False, reasons.SOURCE_UNREACHABLE, "500"),
        (503, {}, "GitLab", True, reasons.SOURCE_UNREACHABLE, "503"),
        (204, {}, "GitLab", False, reasons.SOURCE_UNREACHABLE, "204"),
    ],
)
def test_a_cause_has_one_reason(
    status: int, headers: dict[str, str], host: str, credential: bool, reason: Reason, text: str
) -> None:
    failure = said(status, headers, host=host, credential=credential)
    assert failure.reason is reason
    assert text in failure.message
    assert "the.host" in failure.message


LATER = {"x-ratelimit-reset": str(int(NOW.timestamp()) + 900)}


@pytest.mark.parametrize(
    ("status", "headers", "after", "time"),
    [
        (429, {}, 60, "12:01:00Z"),
        (429, {"retry-after": "30"}, 30, "12:00:30Z"),
        (429, {"retry-after": format_datetime(NOW.replace(hour=13), usegmt=True)}, 3600, "13:00"),
        (429, {"retry-after": "30", **LATER}, 30, "12:00:30Z"),
        (429, LATER, 900, "12:15:00Z"),
        (403, {"x-ratelimit-remaining": "0", **LATER}, 900, "12:15:00Z"),
        (403, {"retry-after": "120"}, 120, "12:02:00Z"),
        (429, {"ratelimit-reset": LATER["x-ratelimit-reset"]}, 900, "12:15:00Z"),
        (429, {"retry-after": "0"}, 1, "12:00:01Z"),
        (429, {"x-ratelimit-reset": "1"}, 1, "12:00:01Z"),
        (429, {"retry-after": "999999999999"}, 3600, "13:00:00Z"),
        (429, {"retry-after": "-5"}, 60, "12:01:00Z"),
        (429, {"retry-after": "soon"}, 60, "12:01:00Z"),
        (429, {"retry-after": "٣"}, 60, "12:01:00Z"),
        (429, {"retry-after": "Mon, 01 Jan 99999999999 00:00:00 GMT"}, 60, "12:01:00Z"),
        (429, {"retry-after": "Mon, 01 Jan 2024 00:00:00 +99999999999"}, 60, "12:01:00Z"),
        (429, {"x-ratelimit-reset": "9" * 400}, 60, "12:01:00Z"),
    ],
)
def test_a_limit_tells_when_the_next_try_is(
    status: int, headers: dict[str, str], after: float, time: str
) -> None:
    failure = said(status, headers)
    assert failure.reason is reasons.SOURCE_RATE_LIMITED
    assert failure.after == after
    assert time in failure.message


def test_a_host_that_is_down_may_say_for_how_long() -> None:
    assert said(503, {"retry-after": "40"}).after == 40


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("https://gitlab.corp/users/sign_in", True),
        ("https://bitbucket.org/account/signin/?next=/acme", True),
        ("https://id.atlassian.com/anything", True),
        ("https://codeberg.org/user/login", True),
        ("https://ghe.corp/login?return_to=x", True),
        ("https://codeload.github.com/acme/login/zip/abc", False),
        ("https://h.corp/login.zip", False),
    ],
)
def test_a_sign_in_page_is_known_by_its_address(url: str, meant: bool) -> None:
    assert asks_to_sign_in(URL(url)) is meant
