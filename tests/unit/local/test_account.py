"""What is said of the steps: a line each; the hint, the command and the reason at the end."""

import asyncio
import re
from pathlib import Path

import pytest

from bastaix.api import reasons
from bastaix.api.errors import Stalled
from bastaix.api.reasons import Finding
from bastaix.local.account import Account, Failed, ending

FINDING = Finding(reasons.DEPENDENCY_MISSING, "No module named 'zoo'")


async def came_to(text: str) -> str:
    return text


async def refused() -> str:
    raise Stalled(FINDING.reason, FINDING.message)


async def test_a_step_is_said_with_its_seconds_and_what_it_came_to() -> None:
    lines: list[str] = []
    await Account(lines.append).take("import", came_to("app"), lambda text: f"module {text}")
    assert len(lines) == 1
    assert re.fullmatch(r"  import +\d+\.\d s  module app", lines[0])


async def test_what_the_cluster_refuses_fails_the_step_with_its_reason() -> None:
    lines: list[str] = []
    with pytest.raises(Failed) as failed:
        await Account(lines.append).take("fetch", refused(), str, doing=lambda: "fetching")
    assert failed.value.finding == FINDING
    assert lines[0].endswith("s  failed")


async def test_who_is_cancelled_waits_until_the_work_has_put_everything_away() -> None:
    begun, put_away = asyncio.Event(), asyncio.Event()

    async def work() -> str:
        try:
            begun.set()
            return await asyncio.Future[str]()
        finally:
            await asyncio.sleep(0)
            put_away.set()

    account = Account(print)
    taken = asyncio.ensure_future(account.take("deploy", work(), str, doing=lambda: "deploying"))
    await begun.wait()
    taken.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taken
    assert put_away.is_set()


def test_the_reason_has_the_last_word_after_hint_and_command() -> None:
    failed = Failed("import", FINDING, output="Traceback\n  x\n", commands=("python -c …",))
    assert ending(failed, Path("/tmp/x")) == [
        "    | Traceback",
        "    |   x",
        f"  hint: {reasons.DEPENDENCY_MISSING.hint}",
        "  the same without Bastaix:",
        "    python -c …",
        "  kept: /tmp/x, until you remove it",
        "DependencyMissing: No module named 'zoo'",
    ]


def test_of_a_long_output_the_end_is_shown_and_no_token() -> None:
    output = "\n".join(["first", *map(str, range(20)), "token=abcdefgh"])
    lines = ending(Failed("build", FINDING, output=output), None)
    assert lines[0] == "    | … 7 lines before"
    assert "    | token=***" in lines
    assert not any("first" in line for line in lines)
