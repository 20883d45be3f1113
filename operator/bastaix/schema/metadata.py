"""What the API server asks of `metadata`, of which a CRD's schema says nothing."""

from collections.abc import Iterator
from typing import Any

from bastaix.schema.structural import type_name, unknown_field
from bastaix.schema.violation import Violation

_FIELDS = (
    *("name", "namespace", "labels", "annotations", "finalizers", "ownerReferences"),
    # which the API server writes, so that they are in what `kubectl get` gives
    *("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"),
)


def violations(metadata: Any) -> Iterator[Violation]:
    if not isinstance(metadata, dict):
        yield Violation("metadata.name", "Required value")
        return
    if metadata.get("name") is None:
        yield Violation("metadata.name", "Required value")
    for key, value in metadata.items():
        if key not in _FIELDS:
            yield unknown_field(f"metadata.{key}", _FIELDS)
        elif key in ("name", "namespace") and not isinstance(value, str | None):
            yield Violation(f"metadata.{key}", f"must be of type string, not {type_name(value)}")
        elif key in ("labels", "annotations") and value is not None:
            yield from _texts(f"metadata.{key}", value)


def _texts(field: str, value: Any) -> Iterator[Violation]:
    if not isinstance(value, dict):
        yield Violation(field, f"must be of type object, not {type_name(value)}")
        return
    for key, text in value.items():
        if not isinstance(text, str):
            said = f"must be of type string, not {type_name(text)}: put it in quotes"
            yield Violation(f"{field}.{key}", said)
