"""What a cause is: how it is broken, by what it can be known, what it is called, what heals it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.variants import Edits

ECHO = "tests/e2e/echo.yaml"
VLLM = "demo/smollm2.yaml"

Act = Callable[[str], None]
"""Done to the cluster; it gets the namespace of the ModelDeployment."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    name: str
    reason: str
    """The finding that is expected."""
    evidence: str = "DEPLOY_FAILED"
    """Text that is in the cluster's objects as soon as the cause can be known; empty: it is known
    by what stays away."""
    spec: Mapping[str, Any] = field(default_factory=dict)
    """Merged into the spec."""
    lines: str = ""
    """Before those of the echo app's code."""
    edits: Edits | None = None
    """Of the echo app's files."""
    template: str = ECHO
    before: Act | None = None
    """The ModelDeployment is applied."""
    is_told_by_objects: bool = True
    """Else by the answer of the app, or by a Pod that is gone too soon to be recorded."""
    ends: int = 0
    """So many Pods must have been seen to end: each is gone a moment later."""
    heal: Act | None = None
    """From outside. Also done after it all, so twice is as good as once."""
