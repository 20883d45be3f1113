"""A start that goes well never says that it fails, however slow it is.

Twenty starts, some of them three side by side for processors that others burn too; all but the
first for `make test-long`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bastaix.api import reasons
from demo.kubectl import kubectl
from tests.e2e.deployed import Deployed
from tests.e2e.told import told

LONGEST_SECONDS = 600.0
SLOW: dict[str, Any] = {"app": {"args": {"echo": {"seconds_to_start": 70}}}}
"""Ray Serve complains of a constructor after 30 s."""
QUICK: dict[str, Any] = {}
REPRESENTATIVE = "alone-0"


@contextmanager
def burning() -> Iterator[None]:
    """Processes that take what they can get of every processor."""
    burners = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def _starts(name: str, spec: dict[str, Any], *, is_burning: bool = False, copies: int = 3) -> Any:
    names = tuple(f"{name}-{n}" for n in range(copies))
    marks = () if name == REPRESENTATIVE else pytest.mark.long
    return pytest.param(names, spec, is_burning, id=name, marks=marks)


@pytest.mark.parametrize(
    ("names", "spec", "is_burning"),
    [
        *(_starts(f"alone-{n}", QUICK, copies=1) for n in range(5)),
        *(_starts(f"slow-{n}", SLOW) for n in range(2)),
        *(_starts(f"starved-{n}", QUICK, is_burning=True) for n in range(2)),
        _starts("worst", SLOW, is_burning=True),
    ],
)
def test_a_healthy_start_never_shows_a_failure(
    deploy_echo: Callable[[str], Deployed],
    namespace: str,
    names: tuple[str, ...],
    spec: dict[str, Any],
    is_burning: bool,
) -> None:
    with told(namespace) as said:
        started = [deploy_echo(name) for name in names]
        try:
            if spec:
                for each in started:
                    each.patch(spec)
            if is_burning:
                with burning():
                    _wait(started)
            else:
                _wait(started)
        finally:
            _end(namespace, names)
        found = said.conditions()
    for name in names:
        assert "Ready=True/Ready" in found[name]
        assert [each for each in found[name] if _is_alarm(each)] == []
        assert _warnings(namespace, name) == []


def _wait(started: list[Deployed]) -> None:
    for each in started:
        each.wait_ready(LONGEST_SECONDS)


def _end(namespace: str, names: tuple[str, ...]) -> None:
    """Their room is for the next ones, who must not have to wait for it."""
    kubectl("delete", "md", *names, "-n", namespace)
    selector = f"serving.bastaix.dev/name in ({','.join(names)})"
    kubectl("wait", "pods", "-l", selector, "-n", namespace, "--for=delete", "--timeout=180s")


def _is_alarm(said: str) -> bool:
    reason = reasons.BY_NAME[said.partition("/")[2]]
    return reason.heals != "itself" or said.startswith("Stalled=True")


def _warnings(namespace: str, name: str) -> list[str]:
    selector = f"involvedObject.kind=ModelDeployment,involvedObject.name={name},type=Warning"
    text = kubectl("get", "events", "-n", namespace, "--field-selector", selector, "-o", "json")
    return [each["message"] for each in json.loads(text)["items"]]
