"""Variants of the echo app, each a commit of its own, and what is seen of their rollout."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster import githost
from demo import steps
from tests.e2e.deployed import Deployed

MODEL = "echo-1"
QUICK = {"drainSeconds": 5, "bakeSeconds": 5, "progressDeadlineSeconds": 240}

Edits = Mapping[str, tuple[str, str]]
"""By the path in the app: a text, and what takes its place."""


class Commit:
    """Pushes the apps with another echo app among them; gives the commit."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, lines: str = "", edits: Edits | None = None) -> str:
        """`lines` come before those of app.py."""
        tree = self._folder / str(len(list(self._folder.iterdir())))
        shutil.copytree(steps.ROOT / "serve_apps", tree / "serve_apps")
        app = tree / "serve_apps/echo/app.py"
        app.write_text(f"{lines}\n{app.read_text()}")
        for name, (old, new) in (edits or {}).items():
            file = tree / "serve_apps/echo" / name
            assert old in file.read_text(), f"{old!r} is not in {name}"
            file.write_text(file.read_text().replace(old, new))
        return githost.push(tree, "private/variants")


def change(deployed: Deployed, commit: str) -> None:
    """As a user who pushes and pins the new commit."""
    git = {"repository": "http://git.git.svc/private/variants", "commit": commit}
    deployed.patch({"source": {"git": git}})


def ready(deployed: Deployed) -> dict[str, Any]:
    """The condition Ready, once it speaks of the spec as it is now."""
    found = deployed.read()
    condition = steps.conditions(found).get("Ready", {})
    return (
        condition if condition.get("observedGeneration") == found["metadata"]["generation"] else {}
    )


def rayservices(deployed: Deployed) -> set[str]:
    return {each["metadata"]["name"] for each in deployed.listed("rayservices")}


def uids(deployed: Deployed) -> set[str]:
    """Of the RayServices: one that was made anew has another."""
    return {each["metadata"]["uid"] for each in deployed.listed("rayservices")}


def revisions_with_pods(deployed: Deployed) -> set[str]:
    labels = [pod["metadata"]["labels"] for pod in deployed.listed("pods")]
    revision = "serving.bastaix.dev/revision"
    return {each[revision] for each in labels if revision in each}
