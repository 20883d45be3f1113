"""An audit says "none" only of packages that were looked up in data that exists."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from release import audit
from release.__main__ import PINNED, ROOT

KNOWN = {
    "name": "requests",
    "version": "2.19.0",
    "vulns": [{"id": "PYSEC-2018-28", "fix_versions": ["2.20.0"]}],
}
SILENT = {"name": "requests", "version": "2.19.0", "vulns": []}
GOOD = {"name": "click", "version": "8.5.1", "vulns": []}
SKIPPED = {"name": "kopf", "skip_reason": "Dependency not found on PyPI"}


def answers(canary: Any, pinned: Any) -> audit.Run:
    """pip-audit as it answers for the canary and for the files of ours."""

    def run(arguments: Sequence[str]) -> tuple[int, str, str]:
        is_canary = any(word.endswith("canary.txt") for word in arguments)
        dependencies = canary if is_canary else pinned
        printed = json.dumps({"dependencies": dependencies, "fixes": []})
        return 0, printed, "No known vulnerabilities found\n"

    return run


def status(tmp_path: Path, run: audit.Run) -> int:
    return audit.audit([Path("pinned.txt")], "pypi", tmp_path, run)


def test_packages_that_were_asked_about_and_have_none_are_clean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(tmp_path, answers([KNOWN], [GOOD])) == audit.CLEAN
    assert "1 pinned versions were asked about, 0 advisories" in capsys.readouterr().out


def test_an_advisory_is_named_with_its_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(tmp_path, answers([KNOWN], [GOOD, KNOWN, SKIPPED])) == audit.VULNERABLE
    said = capsys.readouterr().out
    assert "vulnerable: requests 2.19.0: PYSEC-2018-28, fixed in 2.20.0" in said


def test_a_package_without_an_answer_is_not_clean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(tmp_path, answers([KNOWN], [GOOD, SKIPPED])) == audit.UNKNOWN
    assert "not audited: kopf: Dependency not found on PyPI" in capsys.readouterr().out


@pytest.mark.parametrize(
    "canary", [[SILENT], [{"name": "requests", "skip_reason": "not found"}]], ids=["none", "skip"]
)
def test_an_index_without_advisories_clears_nobody(
    tmp_path: Path, canary: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(tmp_path, answers(canary, [GOOD])) == audit.UNKNOWN
    assert "advisories of pypi are unavailable" in capsys.readouterr().out


def test_an_unreachable_service_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(arguments: Sequence[str]) -> tuple[int, str, str]:
        return 1, "", "Traceback\n  File …\nConnectionError: Failed to resolve 'api.osv.dev'\n"

    assert status(tmp_path, run) == audit.UNKNOWN
    first, _ = capsys.readouterr().out.splitlines()
    assert first.endswith("unavailable: ConnectionError: Failed to resolve 'api.osv.dev'")


def test_files_that_pin_nothing_are_not_clean(tmp_path: Path) -> None:
    assert status(tmp_path, answers([KNOWN], [])) == audit.UNKNOWN


def test_what_two_files_pin_is_named_once(tmp_path: Path) -> None:
    files = [Path("operator.txt"), Path("dev.txt")]
    run = answers([KNOWN], [KNOWN])
    answer = audit.merged([audit.ask("pypi", file, run) for file in files])
    assert (answer.asked, len(answer.advisories)) == (2, 1)


def test_pip_audit_itself_reads_what_is_pinned() -> None:
    name = "serve_apps/requirements.txt"  # the one with markers
    words = ["--require-hashes", "--disable-pip", "--dry-run", f"--requirement={ROOT / name}"]
    done, _, said = audit.run_pip_audit(words)
    assert done == 0, said
    assert "would have audited" in said


def test_every_file_with_hashes_is_audited() -> None:
    hashed = [path for path in ROOT.rglob("requirements*/*.txt") if "--hash=" in path.read_text()]
    hashed += [path for path in ROOT.rglob("requirements.txt") if "--hash=" in path.read_text()]
    assert {path.relative_to(ROOT).as_posix() for path in hashed} == set(PINNED)
