"""An image for which the node must ask a registry that takes its time.

Its layers are those of the Ray image, which the node has; as an image it is another one: kubelet
remembers which it has pulled, and would pull the real one again by every name.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from cluster import node
from demo import steps
from demo.kubectl import kubectl

MANIFESTS = Path(__file__).parent / "late_registry.yaml"
NAMESPACE = "late-registry"
PORT = 5055
NAME = f"localhost:{PORT}/bastaix/late:1"


@contextmanager
def late(images: Mapping[str, str], seconds: float) -> Iterator[str]:
    """The name of an image for which the node waits so long."""
    manifest, config = _another(images["ray"])
    filled = steps.filled(
        MANIFESTS,
        IMAGE=images["operator"],
        MANIFEST=base64.b64encode(manifest).decode(),
        CONFIG=base64.b64encode(config).decode(),
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
        # by its digest as well, else the node would know it the next time
        there = node.ctr("images", "ls", "-q").split()
        for name in (each for each in there if each.startswith(f"localhost:{PORT}/")):
            node.ctr("images", "rm", name)


def _another(image: str) -> tuple[bytes, bytes]:
    """Manifest and configuration of an image that differs from this one in a label."""
    lines = (line.split() for line in node.ctr("images", "ls").splitlines())
    digest = next(words[2] for words in lines if words and words[0] == image)
    manifest = json.loads(node.ctr("content", "get", digest))
    config = json.loads(node.ctr("content", "get", manifest["config"]["digest"]))
    config.setdefault("config", {}).setdefault("Labels", {})["late"] = "yes"
    text = json.dumps(config).encode()
    manifest["config"] |= {"digest": f"sha256:{sha256(text).hexdigest()}", "size": len(text)}
    return json.dumps(manifest).encode(), text
