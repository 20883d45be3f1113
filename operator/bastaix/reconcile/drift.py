"""Is what lives still what we want? Pure comparison, so that nothing is written twice.

The API server adds defaults and other controllers add fields of their own, so a live object
is right when it *contains* the intent. What a containment cannot see, a field that is wanted
no more, the annotation tells: it is the digest of the intent that was applied last.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from bastaix.api import names
from bastaix.api.sizes import is_stub

Manifest = dict[str, Any]


def stamped(manifest: Manifest) -> Manifest:
    """The intent with its digest on it, as it is applied."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), names.APPLIED_ANNOTATION: digest}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def drifted(live: Mapping[str, Any] | None, intent: Manifest) -> bool:
    """Whether a stamped intent must be applied; of one that is too large its stamp counts."""
    if live is not None and is_stub(live):
        return not contains(live["metadata"], intent["metadata"])
    return live is None or not contains(live, intent)


def service_drifted(live: Mapping[str, Any] | None, intent: Manifest) -> bool:
    """Whether a stamped Service must be applied; a port that somebody added is left to them."""
    if live is None or turned(live, intent):
        return True
    return not contains({**live, "spec": _compared(live["spec"], intent["spec"])}, intent)


def turned(live: Mapping[str, Any] | None, intent: Manifest) -> bool:
    """Whether a Service leads elsewhere: by its selector, to the key, its type or its port."""
    return live is None or not _is_as(live["spec"], intent["spec"])


def leads(live: Mapping[str, Any] | None, spec: Mapping[str, Any]) -> bool:
    """Whether a Service sends its requests where one of this spec does.

    A headless one has no port of its own, and stays headless: the API server keeps its clusterIP.
    """
    if live is None or live["spec"].get("clusterIP") == "None":
        return False
    return _is_as(live["spec"], spec)


def _is_as(live: Mapping[str, Any], spec: Mapping[str, Any]) -> bool:
    is_selected = bool(live.get("selector") == spec["selector"])
    return is_selected and contains(_compared(live, spec), spec)


def _compared(live: Mapping[str, Any], spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """With what the API server leaves out, and without the ports that others have added."""
    ours = {_port(port) for port in spec["ports"]}
    ports = [port for port in live.get("ports") or () if _port(port) in ours]
    left_out = {
        "type": "ClusterIP",
        "externalName": "",
        "externalIPs": [],
        "publishNotReadyAddresses": False,
    }
    return {**left_out, **live, "ports": ports}


def contains(live: Any, intent: Any) -> bool:
    """Whether every field of the intent has its value; lists must match item by item."""
    if isinstance(intent, Mapping):
        return isinstance(live, Mapping) and all(
            key in live and contains(live[key], value) for key, value in intent.items()
        )
    if isinstance(intent, list | tuple):
        return (
            isinstance(live, list)
            and len(live) == len(intent)
            and all(contains(one, other) for one, other in zip(live, intent, strict=True))
        )
    if isinstance(live, bool) or isinstance(intent, bool):
        return live is intent  # True is 1 in Python, and not in JSON
    return bool(live == intent)


def _port(port: Mapping[str, Any]) -> tuple[Any, str]:
    """By what the API server tells the ports of a Service apart."""
    return port.get("port"), port.get("protocol", "TCP")
