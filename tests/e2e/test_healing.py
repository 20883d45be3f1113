"""What was mended from outside is found out: it goes on, and nobody touches the ModelDeployment."""

from pathlib import Path

import pytest

from tests.corpus.cause import Cause
from tests.corpus.causes import CAUSES
from tests.corpus.provoke import Provoker, commits, watched
from tests.e2e.deployed import Node

HEALED = [cause for cause in CAUSES if cause.heal is not None]
REPRESENTATIVE = "secret-of-env-missing"


@pytest.fixture
def provoker(real_node: Node, tmp_path: Path) -> Provoker:
    return Provoker(real_node.images, commits(tmp_path / "commits"), real_node.progress)


@pytest.mark.parametrize(
    "cause",
    [
        pytest.param(
            cause,
            id=cause.name,
            marks=() if cause.name == REPRESENTATIVE else pytest.mark.long,
        )
        for cause in HEALED
    ],
)
def test_is_ready_once_its_cause_is_gone(provoker: Provoker, cause: Cause) -> None:
    assert cause.heal is not None
    with provoker.provoked(cause) as deployed:
        assert watched(cause, deployed).reason == cause.reason
        cause.heal(deployed.namespace)
        deployed.wait_ready(seconds=300)
