"""A start that goes well never says that it fails, however slow it is.

For `make test-long`: twenty starts, three side by side for two processors that others burn too.
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

pytestmark = pytest.mark.long


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


@pytest.mark.parametrize(
    ("names", "spec", "is_burning"),
    [
        *(((f"alone-{n}",), QUICK, False) for n in range(5)),
        *(((f"slow-{n}-a", f"slow-{n}-b", f"slow-{n}-c"), SLOW, False) for n in range(2)),
        *(((f"starved-{n}-a", f"starved-{n}-b", f"starved-{n}-c"), QUICK, True) for n in range(2)),
        (("worst-a", "worst-b", "worst-c"), SLOW, True),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
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
