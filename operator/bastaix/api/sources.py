"""Names for what is asked of the source controller, so that both controllers agree on them.

A `content key` names what is to be fetched and packed. A `verification key` names that and
all that it is checked against, so a verified answer counts for as long as the key stays; a
change of scaling or of a credential changes neither.

Both are whole sha256s: who writes the specs chooses what is hashed, and finds two of which the
first 16 digits are the same. Earlier versions wrote these alone. They are still written, in fields
of their own, as a `helm rollback` needs them; and they count where nothing longer stands beside
them, so that an upgrade makes nobody fetch anything anew.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from bastaix.api.v1alpha1 import Source, Spec

EARLIER_DIGITS: Final = 16
"""That earlier versions wrote of a key."""
_DIGITS: Final = 64
_WHOLE: Final = "Sha256"
"""With this ends the name of a field that earlier versions did not write."""


def content_key(source: Source) -> str | None:
    """64 hex digits; None: the code is in the image."""
    chosen = source.git or source.archive
    if chosen is None:
        return None
    fields = {key: value for key, value in asdict(chosen).items() if key != "secret"}
    # absent fields count for nothing, so that a new one makes nobody fetch anything anew
    return _digest({key: value for key, value in fields.items() if value})


def verification_key(spec: Spec) -> str | None:
    """64 hex digits, and with a data set in the source `-` and 64 more.

    None: there is nothing to verify.
    """
    return _verification_key(spec, _DIGITS)


def content_fields(key: str | None) -> dict[str, str]:
    """A content key as it is written; one that an earlier version wrote stays as it is."""
    if key is None:
        return {}
    earlier = {"content": key[:EARLIER_DIGITS]}
    return earlier if key == earlier["content"] else {**earlier, f"content{_WHOLE}": key}


def written_content(fields: Mapping[str, Any]) -> object:
    """The content key of such fields: whole, or of an earlier version."""
    return fields.get(f"content{_WHOLE}") or fields.get("content")


def is_content(written: object, key: str) -> bool:
    """Whether a written content key is this one; of an earlier version its digits count."""
    return written in (key, key[:EARLIER_DIGITS])


def verification_fields(spec: Spec) -> dict[str, str]:
    """The verification key as it is written in `status.source`."""
    keys = {
        "verified": _verification_key(spec, EARLIER_DIGITS),
        f"verified{_WHOLE}": verification_key(spec),
    }
    return {name: key for name, key in keys.items() if key is not None}


def is_verified(source: Mapping[str, Any], spec: Spec) -> bool:
    """Whether a `status.source` is about what this spec asks for."""
    wanted = verification_fields(spec)
    return bool(wanted) and _is_written(source, wanted)


def is_code_verified(source: Mapping[str, Any], spec: Spec) -> bool:
    """The same of the code alone, whatever data set a gate has."""
    wanted = verification_fields(spec)
    return bool(wanted) and _is_written(_of_code(source, wanted), _of_code(wanted, wanted))


def _is_written(source: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    found = {name: source[name] for name in wanted if source.get(name) is not None}
    earlier = {name: key for name, key in wanted.items() if not name.endswith(_WHOLE)}
    return found in (dict(wanted), earlier)


def _of_code(source: Mapping[str, Any], wanted: Mapping[str, str]) -> dict[str, str]:
    """Of the verification keys in it what is of the code, without the data set of a gate."""
    return {name: str(source[name]).partition("-")[0] for name in wanted if name in source}


def _verification_key(spec: Spec, digits: int) -> str | None:
    content = content_key(spec.source)
    if content is None:
        return None
    runtime, gate = spec.runtime, spec.rollout.gate
    asked = [content[:digits], spec.app.import_path, runtime.image, runtime.ray_version]
    code = _digest(asked)[:digits]
    if gate is None or gate.path is None:
        return code
    return f"{code}-{_digest([gate.path, gate.evaluator is not None])[:digits]}"


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
