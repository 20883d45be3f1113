"""What the API server asks of `metadata`, of which a CRD's schema says nothing."""

import re
from collections.abc import Iterator
from typing import Any

from bastaix.schema.structural import type_name, unknown_field
from bastaix.schema.violation import Violation

_FIELDS = (
    *("name", "namespace", "labels", "annotations", "finalizers", "ownerReferences"),
    # which the API server writes, so that they are in what `kubectl get` gives
    *("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"),
)

_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


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
        elif key == "namespace" and value and not _NAMESPACE.fullmatch(value):
            said = "must be lower-case letters, digits and '-', at most 63, not beginning with '-'"
            yield Violation("metadata.namespace", said)
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
        elif field == "metadata.labels" and not _LABEL.fullmatch(text):
            said = "must be letters, digits, '-', '_' and '.', at most 63, with no sign at its ends"
            yield Violation(f"{field}.{key}", said)
