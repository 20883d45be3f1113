"""What a new commit costs those who are being served, under load, on the node.

Blue/green three times, each to a commit that nobody has seen; the app is the echo, slow enough that
an answer is always under way. The baseline is one more rollout in the same load with the strategy
Recreate, whose cost is meant; where there is a goal, that. Connections that are never idle are
counted apart: nothing can close them in good order between two requests.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from benchmarks.outcomes import Connections, Report, total
from benchmarks.report import Figure, report
from benchmarks.stage import watched
from benchmarks.traffic import Traffic
from cluster import githost, lifecycle
from cluster.progress import Progress
from demo import steps
from demo.kubectl import kubectl

NAMESPACE = "bench-rollout"
NAME = "echo"
MODEL_ID = "echo-1"
REPOSITORY = "private/rollout"
MANIFEST = steps.ROOT / "tests/e2e/echo.yaml"
APP = Path("serve_apps/echo")
ROUNDS = 3
RATE = 4.0  # requests a second over new connections, for streams and whole answers each
SECONDS_PER_TOKEN = 0.1  # ten to an answer
ANSWER_SECONDS = 1.5  # with what the machine adds while two revisions are on it
DRAIN_SECONDS = BAKE_SECONDS = 30
GOALS = {"answer_to_promoted": 2.0}
START_TIMEOUT, END_TIMEOUT = 300.0, DRAIN_SECONDS + BAKE_SECONDS + 120.0
LOAD_SECONDS = START_TIMEOUT + 2 * END_TIMEOUT + 120.0
# Counted apart.
WAYS = ((Connections.NEW, Connections.IDLE), (Connections.BUSY,))


@dataclass(frozen=True)
class Rollout:
    phases: dict[str, float]  # seconds each
    without_endpoint: float
    traffic: Report


def new_commit(number: int) -> str:
    """The echo app with a line that makes it another."""
    with tempfile.TemporaryDirectory() as folder:
        copied = shutil.copytree(steps.ROOT / APP, Path(folder) / APP)
        with (copied / "app.py").open("a") as code:
            code.write(f"# rollout {number}\n")
        return githost.push(Path(folder), REPOSITORY, only=APP.parts[0])


def apply(commit: str, image: str, strategy: str) -> None:
    text = steps.filled(MANIFEST, NAME=NAME, NAMESPACE=NAMESPACE, COMMIT=commit, IMAGE=image)
    manifest = deployed(text, strategy)
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(manifest))


def deployed(text: str, strategy: str) -> dict[str, Any]:
    """The tests' echo, from a repository of our own, slower, and rolled out as is asked."""
    manifest: dict[str, Any] = yaml.safe_load(text)
    spec = manifest["spec"]
    spec["source"]["git"]["repository"] = githost.repository_url(REPOSITORY)
    spec["app"]["args"] = {"echo": {"seconds_per_token": SECONDS_PER_TOKEN}}
    spec["rollout"] = {
        "strategy": strategy,
        "drainSeconds": DRAIN_SECONDS,
        "bakeSeconds": BAKE_SECONDS,
    }
    return manifest


def rolled_out(commit: str, image: str, strategy: str, progress: Progress) -> Rollout:
    """Apply another commit under load, and follow it until nothing is left of the one before."""
    old = steps.deployment(NAME, NAMESPACE)["status"]["active"]["revision"]
    with ExitStack() as stack:
        stage = watched(stack, NAME, NAMESPACE, old)

        def wait(what: str, ready: Callable[[], object], seconds: float) -> None:
            progress.wait(
                what,
                lambda: bool(ready()),
                seconds=seconds,
                check=stage.refuse_stalled,
                hint=lambda: steps.say_line(steps.deployment(NAME, NAMESPACE)),
            )

        wait("what is there", stage.is_complete, 30)
        address = steps.address(NAME, NAMESPACE)
        load = Traffic(
            address, MODEL_ID, rate=RATE, seconds=LOAD_SECONDS, answer_seconds=ANSWER_SECONDS
        )
        traffic = stack.enter_context(load)
        applied = time.monotonic()
        apply(commit, image, strategy)
        wait("the candidate's Pods", stage.pods_came, END_TIMEOUT)
        wait("the candidate's answer", lambda: answers(stage.candidate_url()), START_TIMEOUT)
        answered = time.monotonic()
        wait("the promotion", lambda: stage.promoted() and stage.is_active(commit), 60)
        wait("the old revision gone", stage.old_is_gone, END_TIMEOUT)
        ended = time.monotonic()
        pods, promoted, gone = stage.pods_came(), stage.promoted(), stage.old_went()
        assert pods is not None
        assert promoted is not None
        assert gone is not None
        phases = {
            "apply_to_pods": pods - applied,
            "pods_to_answer": answered - pods,
            # we ask ten times a second, so the operator may have had its answer before us
            "answer_to_promoted": max(0.0, promoted - answered),
            # with Recreate it went before
            "promoted_to_old_gone": max(0.0, gone - promoted),
        }
        return Rollout(phases, stage.seconds_without_endpoint(applied, ended), traffic.stop())


def answers(url: str) -> bool:
    """Whether an answer comes from there, now."""
    try:
        return bool(url and steps.text(steps.ask(url, MODEL_ID, "Hello", timeout=5)))
    except (OSError, HTTPException, ValueError):  # no endpoint yet, or an app that is just starting
        return False


def tell(name: str, rollout: Rollout, progress: Progress) -> None:
    progress.say(f"{name}, {rollout.traffic.seconds:.0f} s of load")
    for line in rollout.traffic.lines():
        progress.say(f"    {line}")


def figures(rollouts: list[Rollout], contrast: Rollout) -> list[Figure]:
    """Blue/green, all rounds in one, held against Recreate and the goals."""
    ours, theirs = (
        [total(rollout.traffic.of(*ways) for rollout in rollouts) for ways in WAYS],
        [contrast.traffic.of(*ways) for ways in WAYS],
    )
    lost = [
        figure
        for prefix, our, their in zip(("", "never_idle_"), ours, theirs, strict=True)
        for figure in (
            Figure(f"{prefix}requests", our.total, "requests"),
            Figure(f"{prefix}failed", our.failed, "requests"),
            Figure(f"{prefix}truncated", our.truncated, "requests"),
            Figure(f"{prefix}lost", our.lost_percent, "percent", baseline=their.lost_percent),
        )
    ]
    without = max(rollout.without_endpoint for rollout in rollouts)
    return [
        *lost,
        Figure("after_a_pause", ours[0].paused, "requests"),
        Figure("longest_gap", ours[0].longest_gap, "s", baseline=theirs[0].longest_gap),
        Figure("without_endpoint", without, "s", baseline=contrast.without_endpoint),
        *(
            Figure(
                phase,
                median(rollout.phases[phase] for rollout in rollouts),
                "s",
                baseline=GOALS.get(phase),
            )
            for phase in contrast.phases
        ),
    ]


def main() -> None:
    progress = Progress()
    lifecycle.up(progress)
    images = steps.built("ray", "operator", "githost", progress=progress)
    steps.install_operator(images["operator"])
    githost.deploy(progress)
    steps.prepare_namespace(NAMESPACE)
    try:
        apply(new_commit(0), images["ray"], "BlueGreen")
        steps.wait_ready(NAME, NAMESPACE, seconds=START_TIMEOUT, progress=progress)
        rollouts = []
        for number in range(1, ROUNDS + 1):
            found = rolled_out(new_commit(number), images["ray"], "BlueGreen", progress)
            tell(f"blue/green {number}", found, progress)
            rollouts.append(found)
        contrast = rolled_out(new_commit(ROUNDS + 1), images["ray"], "Recreate", progress)
        tell("recreate", contrast, progress)
    finally:
        steps.remove_namespace(NAMESPACE)
    report("rollout", *figures(rollouts, contrast))


if __name__ == "__main__":
    main()
