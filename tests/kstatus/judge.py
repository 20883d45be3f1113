"""What Flux and Argo CD make of an object, said by their own implementations: see `go/main.go`."""

import json
import subprocess
from dataclasses import dataclass
from typing import Any

from cluster import programs


@dataclass(frozen=True)
class Judgement:
    kstatus: str
    argocd: str
    message: str
    """Of Argo CD."""


def judge(body: dict[str, Any], health: str = "") -> Judgement:
    """`health` is the text of an Argo CD health check."""
    asked = json.dumps({"objects": [body], "health": health})
    (found,) = json.loads(_run(asked))
    argocd = found.get("argocd") or {"status": "", "message": ""}
    return Judgement(found["kstatus"]["status"], argocd["status"], argocd["message"])


def _run(asked: str) -> str:
    done = subprocess.run([programs.path("kstatus")], input=asked, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
