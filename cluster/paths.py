"""Where everything lies, in one place, so that `down` knows what is ours.

Nothing is created here: each part makes the folders that it fills.
"""

import os
from pathlib import Path


def _cache() -> Path:
    if chosen := os.environ.get("BASTAIX_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "bastaix"


SOURCES = Path(__file__).resolve().parent
GO_MODULES = SOURCES / "go"
MANIFESTS = SOURCES / "manifests"

CACHE = _cache()
BIN = CACHE / "bin"
LOCKS = CACHE / "locks"
CONTROL_PLANE = CACHE / "control-plane"

CONTAINERD_ROOT = CACHE / "containerd"  # images; `down` keeps it, so that `up` is quick
NODE = CACHE / "node"  # all else that the node writes; `down` deletes it
LOGS = NODE / "log"
PKI = NODE / "pki"
KUBECONFIG = NODE / "kubeconfig"
CONTAINERD_SOCKET = NODE / "containerd.sock"
