"""Secrets as manifests, for whoever checks with what he is about to apply."""

import base64
import binascii
from collections.abc import Iterable, Mapping

from bastaix.schema.documents import Body, Unusable

Data = Mapping[str, bytes]


def find(bodies: Iterable[Body], name: str, namespace: str) -> Data | None:
    """The data of a Secret; one without a namespace counts as of any."""
    for body in bodies:
        metadata = body.get("metadata")
        if body.get("kind") != "Secret" or not isinstance(metadata, dict):
            continue
        if metadata.get("name") == name and (metadata.get("namespace") or namespace) == namespace:
            return _data(body, name)
    return None


def _data(body: Body, name: str) -> Data:
    data = body.get("data") or {}
    texts = body.get("stringData") or {}
    if not isinstance(data, dict) or not isinstance(texts, dict):
        raise Unusable(f"Secret {name}: data and stringData must be maps")
    decoded = {key: _decoded(value, f"Secret {name}: data.{key}") for key, value in data.items()}
    return decoded | {key: str(value).encode() for key, value in texts.items()}


def _decoded(value: object, what: str) -> bytes:
    """The message does not repeat what may be the credential itself."""
    try:
        return base64.b64decode("".join(str(value).split()), validate=True)
    except (binascii.Error, ValueError):
        raise Unusable(f"{what} is not base64; plain text belongs into stringData") from None
