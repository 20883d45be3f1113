"""The CRD that came with this version, and what its whole schema says of an object."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

import bastaix
from bastaix.api import names
from bastaix.schema import metadata
from bastaix.schema.rules import Rules
from bastaix.schema.structural import defaulted, violations
from bastaix.schema.violation import Schema, Violation

_PACKAGE = Path(bastaix.__file__).parent
_PLACES = (
    _PACKAGE / "crds/modeldeployments.yaml",  # in the wheel
    _PACKAGE.parents[1] / "crds/modeldeployments.yaml",  # in a checkout
)


@cache
def schema() -> Schema:
    place = next(place for place in _PLACES if place.exists())
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    versions = yaml.load(place.read_text(), loader)["spec"]["versions"]
    found = next(each for each in versions if each["name"] == names.VERSION)
    whole: Schema = deepcopy(found["schema"]["openAPIV3Schema"])
    whole["properties"].pop("status")  # not what a user writes
    return whole


def examine(body: dict[str, Any], rules: Rules | None) -> list[Violation]:
    """All that is wrong with a ModelDeployment; without rules, what its structure alone shows."""
    if body.get("apiVersion") != names.API_VERSION:
        return [Violation("apiVersion", f"must be {names.API_VERSION}")]
    given = {key: value for key, value in body.items() if key != "status"}
    found = [*violations(schema(), given), *metadata.violations(given.get("metadata"))]
    if rules is not None:
        found += rules.violations(schema(), defaulted(schema(), given), [v.field for v in found])
    return found
