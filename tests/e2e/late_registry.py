"""An image that the node has, by a name for which it must ask a registry that takes its time."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cluster import node
from demo import steps
from demo.kubectl import kubectl

MANIFESTS = Path(__file__).parent / "late_registry.yaml"
NAMESPACE = "late-registry"
PORT = 5055
NAME = f"localhost:{PORT}/bastaix/ray:late"


@contextmanager
def late(images: Mapping[str, str], seconds: float) -> Iterator[str]:
    """The name of the Ray image, for which the node waits so long."""
    manifest = node.ctr("content", "get", _digest(images["ray"])).encode()
    filled = steps.filled(
        MANIFESTS,
        IMAGE=images["operator"],
        MANIFEST=base64.b64encode(manifest).decode(),
        PORT=str(PORT),
        SECONDS=str(seconds),
    )
    kubectl("create", "namespace", NAMESPACE)
    try:
        kubectl("apply", "-n", NAMESPACE, "-f", "-", stdin=filled)
        kubectl("wait", "pod/registry", "-n", NAMESPACE, "--for=condition=Ready", "--timeout=60s")
        yield NAME
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--timeout=60s")
        if NAME in node.ctr("images", "ls", "-q").split():
            node.ctr("images", "rm", NAME)


def _digest(image: str) -> str:
    lines = (line.split() for line in node.ctr("images", "ls").splitlines())
    return next(words[2] for words in lines if words[0] == image)
