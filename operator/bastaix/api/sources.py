"""Short names for what is asked of the source controller, so that both controllers agree on it.

A `content key` names what is to be fetched and packed. A `verification key` names that and
all that it is checked against, so a verified answer counts for as long as the key stays; a
change of scaling or of a credential changes neither.
"""

import hashlib
import json
from dataclasses import asdict
from typing import Any, Final

from bastaix.api.v1alpha1 import Source, Spec

_DIGITS: Final = 16


def content_key(source: Source) -> str | None:
    """None: the code is in the image."""
    chosen = source.git or source.archive
    if chosen is None:
        return None
    fields = {key: value for key, value in asdict(chosen).items() if key != "secret"}
    # absent fields count for nothing, so that a new one makes nobody fetch anything anew
    return _digest({key: value for key, value in fields.items() if value})


def verification_key(spec: Spec) -> str | None:
    """None: there is nothing to verify."""
    content = content_key(spec.source)
    if content is None:
        return None
    runtime, gate = spec.runtime, spec.rollout.gate
    code = _digest([content, spec.app.import_path, runtime.image, runtime.ray_version])
    if gate is None or gate.path is None:
        return code
    return f"{code}-{_digest([gate.path, gate.evaluator is not None])}"


def code_key(key: str) -> str:
    """Of a verification key what is of the code, without the data set of a gate."""
    return key.partition("-")[0]


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
