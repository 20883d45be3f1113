"""The page for users says what the code does."""

from pathlib import Path

from bastaix.api import reasons
from bastaix.source.hosts import CHOICES, KNOWN
from bastaix.source.policy import Policy

PAGE = (Path(__file__).parents[3] / "docs/sources.md").read_text()


def test_each_reason_of_a_source_stands_there_in_its_own_words() -> None:
    first = reasons.ALL.index(reasons.VERIFIED)
    for reason in (*reasons.ALL[first:], reasons.NOT_OWNED, reasons.API_REFUSED):
        assert f"| `{reason}` | {reason.meaning} | {reason.hint} |" in PAGE


def test_each_kind_of_host_and_each_known_host_stands_there() -> None:
    for choice in CHOICES:
        assert f"| `{choice}` |" in PAGE
    for host in KNOWN:
        assert f"`{host}`" in PAGE


def test_the_limits_are_those_of_the_policy() -> None:
    policy = Policy()
    assert f"| {policy.max_bytes // 2**20} MiB," in PAGE
    assert f"| {policy.seconds:.0f} seconds |" in PAGE
    assert f"| Silence of a host | {policy.silence_seconds:.0f} seconds |" in PAGE
    rate, grace = policy.least_bytes_per_second / 1024, policy.grace_seconds
    assert f"at least {rate:.0f} KiB a second on average, after {grace:.0f} seconds |" in PAGE
    assert f"| {policy.redirects}, never" in PAGE
