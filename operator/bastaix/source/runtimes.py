"""What a runtime image is known to hold. What is not known is not judged.

Ray's own images say in their tags which Ray and Python they hold, and one Ray release pins one
vLLM. Of any other image nothing is known but the version of Ray that the spec gives for it.
"""

import re
from dataclasses import dataclass
from typing import Final

from bastaix.render.pods import DEFAULT_IMAGE
from bastaix.render.raycluster import RAY_VERSION

Python = tuple[int, int]

# rayproject/ray-llm:2.60.0-py312-cu130, by any mirror's name before it
_RAYS_OWN: Final = re.compile(
    r"(?:^|/)rayproject/(?P<name>ray|ray-ml|ray-llm):"
    r"(?P<ray>\d+\.\d+\.\d+)(?P<rest>(?:[-.][A-Za-z0-9.]+)*)(?:@sha256:[0-9a-f]{64})?$"
)
_PYTHON: Final = re.compile(r"-py(3)(\d{1,2})(?:-|$)")

# By the release of Ray: what ray[llm] pins, and what that pins.
_RAY_LLM: Final = {
    "2.60.0": {"vllm": "0.29.0", "torch": "2.13.0"},
}


@dataclass(frozen=True, kw_only=True)
class Holding:
    """Versions in an image by the distribution's name, and its Python where that is known."""

    image: str
    versions: dict[str, str]
    python: Python | None = None
    machine: str = "x86_64"
    declared_ray: str = RAY_VERSION
    """What spec.runtime.rayVersion says, or its default."""
    ray_by: str = ""
    """What alone says which Ray the image holds, where its tag does not."""


def holding(image: str | None, ray_version: str | None) -> Holding:
    """What is known of spec.runtime.image, given spec.runtime.rayVersion."""
    image, declared = image or DEFAULT_IMAGE, ray_version or RAY_VERSION
    tag = _RAYS_OWN.search(image)
    if tag is None:
        by = "runtime.rayVersion" if ray_version else "the default of runtime.rayVersion"
        return Holding(image=image, versions={"ray": declared}, declared_ray=declared, ray_by=by)
    python = _PYTHON.search(tag["rest"])
    bundled = _RAY_LLM.get(tag["ray"], {}) if tag["name"] == "ray-llm" else {}
    return Holding(
        image=image,
        versions={"ray": tag["ray"], **bundled},
        python=(int(python[1]), int(python[2])) if python else None,
        machine="aarch64" if "-aarch64" in tag["rest"] else "x86_64",
        declared_ray=declared,
    )
