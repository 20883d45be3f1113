"""How `in_pod.bastaix_proxy` gets into every Ray Pod, whatever its image is.

Its text is an annotation of the Pod template and a file in the Pod, so that a revision is still
all that is needed to make its Pods. What it does, and why, stands there; how it learns that its
Pod is to end stands in `closing`.
"""

from importlib.resources import files
from typing import Any, Final

from bastaix.api import names

MODULE: Final = "bastaix_proxy"
VOLUME: Final = "bastaix-proxy"
PATH: Final = "/bastaix/proxy"

# Before `ray start`, and not in `env`: the image may have a PYTHONPATH of its own.
ARGS: Final = (f"export PYTHONPATH={PATH}${{PYTHONPATH:+:$PYTHONPATH}}",)
ENV: Final = {"RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": f"{MODULE}.middlewares"}
MOUNT: Final = {"name": VOLUME, "mountPath": PATH, "readOnly": True}


def annotations() -> dict[str, str]:
    return {names.PROXY_ANNOTATION: files("bastaix.in_pod").joinpath(f"{MODULE}.py").read_text()}


def volume() -> dict[str, Any]:
    field = {"fieldPath": f"metadata.annotations['{names.PROXY_ANNOTATION}']"}
    item = {"path": f"{MODULE}.py", "fieldRef": field}
    return {"name": VOLUME, "downwardAPI": {"items": [item]}}
