"""`spec.model.source`: one address, four things that follow from it.

Where Ray and vLLM find the weights, which revision of them, which claim must be mounted for
that, and whether the Hugging Face hub is to be asked at all.
"""

from dataclasses import dataclass
from typing import Final

from bastaix.api import reasons
from bastaix.api.errors import Stalled

MOUNT_PATH: Final = "/bastaix/model"


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    location: str | None
    hub: bool
    revision: str | None = None
    claim: str | None = None


def parse(source: str | None) -> ModelSource:
    """Absent, it is the hub: Ray then takes the model's id for its name there."""
    if source is None:
        return ModelSource(location=None, hub=True)
    scheme, separator, rest = source.partition("://")
    if separator and scheme == "hf":
        name, _, revision = rest.partition("@")
        return ModelSource(location=name, hub=True, revision=revision or None)
    if separator and scheme in ("s3", "gs"):
        return ModelSource(location=source, hub=False)
    if separator and scheme == "pvc":
        claim, _, path = rest.partition("/")
        location = f"{MOUNT_PATH}/{path}".rstrip("/")
        return ModelSource(location=location, hub=False, claim=claim)
    if separator and scheme == "path":
        return ModelSource(location=rest, hub=False)
    raise Stalled(
        reasons.INVALID_SPEC,
        f"spec.model.source {source!r} must begin with hf://, s3://, gs://, pvc:// or path://",
    )
