"""What is no reason to stop and should be known: the condition Warning. Pure."""

import re
from collections.abc import Iterator
from typing import Final

from bastaix.api import reasons
from bastaix.api.reasons import Finding
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.rollout.roles import Roles

_COMMIT: Final = re.compile("[0-9a-f]{40}")
_MUTABLE: Final = frozenset({"", "latest", "nightly", "main", "master", "dev", "edge", "stable"})
"""Tags that registries and projects move by custom. A tag of a version can be moved, too, but says
that it should not be."""


def warnings(md: ModelDeployment, roles: Roles) -> tuple[Finding, ...]:
    """The gravest first."""
    return (*_outdated(md, roles), *_unpinned(md))


def _outdated(md: ModelDeployment, roles: Roles) -> Iterator[Finding]:
    """A revision that was made before there was a rule goes on; another one would be refused."""
    if md.objection is not None and roles.target is not None:
        yield md.objection


def _unpinned(md: ModelDeployment) -> Iterator[Finding]:
    """The code is pinned; weights and image are only if the user says so."""
    parts = [part for part in (_weights(md), _image(md)) if part is not None]
    if parts:
        yield Finding(reasons.UNPINNED, "; ".join(parts))


def _weights(md: ModelDeployment) -> str | None:
    """Of the hub, and by name; an app that is given no source may load what it likes."""
    given = (md.spec.model.source or "") if md.spec.model is not None else ""
    if not given.startswith("hf://") or _COMMIT.fullmatch(given.partition("@")[2]):
        return None
    return f"the weights of {given} can change: no full commit of the hub stands behind an @"


def _image(md: ModelDeployment) -> str | None:
    image = md.spec.runtime.image
    if image is None or "@sha256:" in image:
        return None
    tag = image.rpartition("/")[2].partition(":")[2]
    return f"image {image} can change: its tag moves" if tag in _MUTABLE else None
