"""Whether advisories are known of what is pinned, asked through pip-audit.

pip-audit says "no known vulnerabilities found" also of packages that it could not ask about, and an
index may answer without having advisories at all. So a version that is known to be vulnerable is
asked about first: where nothing is said of it, nothing can be said of the rest.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# CVE-2018-18074, in every advisory database since 2018.
CANARY = "requests==2.19.0"
HASHED = "--require-hashes"

CLEAN, VULNERABLE, UNKNOWN = 0, 1, 2  # exit statuses: docs/release.md


@dataclass(frozen=True)
class Advisory:
    package: str
    version: str
    identifier: str
    fixed: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """`asked`: how many packages there was an answer for. `unasked`: name and why, for the rest."""

    asked: int
    advisories: tuple[Advisory, ...]
    unasked: tuple[str, ...]


# Arguments for pip-audit -> its exit status, standard output and standard error.
Run = Callable[[Sequence[str]], tuple[int, str, str]]


class AdvisoriesUnavailable(RuntimeError):
    """Nothing can be said of any package; the message says why."""


def run_pip_audit(arguments: Sequence[str]) -> tuple[int, str, str]:
    command = (sys.executable, "-m", "pip_audit", "--format=json", "--progress-spinner=off")
    done = subprocess.run([*command, *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def require_advisories(service: str, folder: Path, run: Run) -> None:
    """Raise AdvisoriesUnavailable unless `service` knows of the canary; writes into `folder`."""
    file = folder / "canary.txt"
    file.write_text(f"{CANARY}\n")
    answer = ask(service, file, run, "--no-deps")
    if answer.unasked:
        raise AdvisoriesUnavailable(answer.unasked[0])
    if not answer.advisories:
        raise AdvisoriesUnavailable(f"it knows of none for {CANARY}, which has some")


def ask(service: str, file: Path, run: Run, option: str = HASHED) -> Answer:
    """What `service` knows of the versions that a requirements file pins.

    Raises AdvisoriesUnavailable where pip-audit gives no answer.
    """
    # Nothing is resolved or downloaded: what is pinned is what is asked about.
    words = (f"--vulnerability-service={service}", "--disable-pip", option, f"--requirement={file}")
    status, printed, complaints = run(words)
    try:
        return _answer(json.loads(printed)["dependencies"])
    except (ValueError, KeyError):
        said = complaints.strip().splitlines()[-1:] or [f"pip-audit ended with {status}"]
        raise AdvisoriesUnavailable(said[0].strip()) from None


def _answer(dependencies: Sequence[dict[str, Any]]) -> Answer:
    asked = [entry for entry in dependencies if "skip_reason" not in entry]
    return Answer(
        asked=len(asked),
        advisories=tuple(
            Advisory(
                entry["name"], entry["version"], found["id"], tuple(found.get("fix_versions", ()))
            )
            for entry in asked
            for found in entry["vulns"]
        ),
        unasked=tuple(
            f"{entry['name']}: {entry['skip_reason']}"
            for entry in dependencies
            if "skip_reason" in entry
        ),
    )


def merged(answers: Sequence[Answer]) -> Answer:
    """One answer; what several files pin alike is named once."""
    return Answer(
        asked=sum(answer.asked for answer in answers),
        advisories=tuple(dict.fromkeys(found for answer in answers for found in answer.advisories)),
        unasked=tuple(dict.fromkeys(reason for answer in answers for reason in answer.unasked)),
    )


def verdict(answer: Answer) -> tuple[int, list[str]]:
    """The exit status, and the lines that say why."""
    lines = [
        f"vulnerable: {found.package} {found.version}: {found.identifier}, "
        f"fixed in {', '.join(found.fixed) or 'no version'}"
        for found in answer.advisories
    ]
    lines += [f"not audited: {reason}" for reason in answer.unasked]
    lines.append(
        f"{answer.asked} pinned versions were asked about, {len(answer.advisories)} advisories, "
        f"{len(answer.unasked)} packages without an answer"
    )
    if answer.advisories:
        return VULNERABLE, lines
    return (UNKNOWN if answer.unasked or not answer.asked else CLEAN), lines


def audit(files: Sequence[Path], service: str, folder: Path, run: Run = run_pip_audit) -> int:
    """Print what is known of all pinned packages; the exit status that says it in one number."""
    try:
        require_advisories(service, folder, run)
        # One by one: two files may pin the same package in two versions.
        status, lines = verdict(merged([ask(service, file, run) for file in files]))
    except AdvisoriesUnavailable as unavailable:
        status = UNKNOWN
        lines = [
            f"not audited: the advisories of {service} are unavailable: {unavailable}",
            "Nothing was found because nothing could be asked; run this where they can be reached.",
        ]
    print("\n".join(f"audit: {line}" for line in lines))
    return status
