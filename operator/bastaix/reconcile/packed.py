"""Objects as they are carried and kept: what is looked up by, and the rest compressed. Pure.

A body comes as text, and is measured before anything is made of it (`reading`). Of one that
cannot be ours, by the kind of what controls it, there is nothing but its metadata.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any, Final

from bastaix.api import names
from bastaix.api.sizes import LARGE, PACKED, WEIGHT
from bastaix.reconcile import kinds
from bastaix.reconcile.reading import Body, in_brief, metadata_of, reduced, weight_of

MOST_CARRIED: Final = 256 * 1024
"""Bytes of an object; a larger one is read when it is needed, and not held by the watch."""
LONGEST_ANNOTATION: Final = 4 * 1024
"""Characters of one that is not ours: kubectl's last-applied-configuration repeats the object."""


def brief(data: bytes, kind: kinds.Kind | None = None) -> Body:
    """One object as text: its metadata in brief, and the whole under PACKED, if it may be ours.

    Of one that may be, and is large, its weight instead.

    ValueError: no name is in it.
    """
    metadata = metadata_of(data)
    if kind is not None and metadata is not None:
        if not kinds.may_be_ours(kind, metadata):
            return {"metadata": in_brief(metadata), PACKED: None}
        if len(data) > MOST_CARRIED:
            return {"metadata": in_brief(metadata), PACKED: None, WEIGHT: weight_of(data)}
    limit = LARGE if kind is None else kinds.limit(kind)
    body = json.loads(data) if limit.allows(data) else reduced(data, limit)
    if PACKED in body:
        return body
    return {
        "metadata": in_brief(body["metadata"]),
        PACKED: base64.b64encode(packed(body)).decode(),
    }


def packed(body: Mapping[str, Any]) -> bytes:
    """As it is kept: without managedFields, and without long annotations of others."""
    carried = body.get(PACKED)
    if carried:
        return base64.b64decode(carried)
    metadata = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    annotations = metadata.get("annotations")
    if annotations:
        metadata["annotations"] = {
            key: value
            for key, value in annotations.items()
            if len(value) <= LONGEST_ANNOTATION or key.startswith(names.GROUP)
        }
    kept = {**body, "metadata": metadata}
    return zlib.compress(json.dumps(kept, separators=(",", ":")).encode(), 1)


def whole(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object itself of one in brief; of one that is too large there is a stub alone."""
    return unpack(packed(body)) if body.get(PACKED) else body


def unpack(data: bytes) -> Body:
    body: Body = json.loads(text(data))
    return body


def text(data: bytes) -> bytes:
    """The JSON of what is kept."""
    return zlib.decompress(data)
