"""A ModelDeployment on the node, as the tests see it: through kubectl, like its user."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cluster.progress import Progress
from demo import steps
from demo.kubectl import kubectl


def applied(manifest: str, spec: dict[str, Any] | None = None) -> None:
    """Apply it with this merged into its spec, as one write: half of it is another revision."""
    if spec:
        words = ("patch", "--local", "-f", "-", "--type=merge", "-p", json.dumps({"spec": spec}))
        manifest = kubectl(*words, "-o", "json", stdin=manifest)
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=manifest)


@dataclass(frozen=True)
class Node:
    images: dict[str, str]
    commit: str
    progress: Progress


@dataclass(frozen=True)
class Deployed:
    """A ModelDeployment on the node."""

    name: str
    namespace: str
    progress: Progress

    def wait_ready(self, seconds: float = 240) -> dict[str, Any]:
        steps.wait_ready(self.name, self.namespace, seconds=seconds, progress=self.progress)
        return self.read()

    def read(self) -> dict[str, Any]:
        return steps.deployment(self.name, self.namespace)

    def patch(self, spec: dict[str, Any]) -> None:
        change = json.dumps({"spec": spec})
        kubectl("patch", "md", self.name, "-n", self.namespace, "--type=merge", "-p", change)

    def listed(self, kind: str) -> list[dict[str, Any]]:
        """The objects of a kind that carry this deployment's name."""
        selector = f"serving.bastaix.dev/name={self.name}"
        text = kubectl("get", kind, "-n", self.namespace, "-l", selector, "-o", "json")
        items: list[dict[str, Any]] = json.loads(text)["items"]
        return items

    def wait(self, what: str, condition: Callable[[], bool], seconds: float = 120) -> None:
        self.progress.wait(
            what, condition, seconds=seconds, hint=lambda: steps.say_line(self.read())
        )

    @property
    def address(self) -> str:
        return steps.address(self.name, self.namespace)

    def logs(self) -> str:
        """What all containers of all its Pods have printed."""
        selector = f"serving.bastaix.dev/name={self.name}"
        words = ("--all-containers", "--tail=-1", "--max-log-requests=20")
        return kubectl("logs", "-n", self.namespace, "-l", selector, *words)

    def prompt_stays_out_of_the_logs(self, model_id: str) -> None:
        """Ask, wait until the request itself is in the logs, then look for what was asked."""

        def requests() -> int:
            return self.logs().count("POST /v1/chat/completions")

        before = requests()
        steps.ask(self.address, model_id, "a-prompt-nobody-may-log")
        self.wait("the request in the access log", lambda: requests() > before)
        assert "a-prompt-nobody-may-log" not in self.logs()
