"""ModelDeployments and their children as the API server would give them, for tests."""

import copy
from typing import Any

MD: dict[str, Any] = {
    "apiVersion": "serving.bastaix.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"name": "smollm2", "namespace": "demo", "uid": "uid-1", "generation": 1},
    "spec": {
        "source": {
            "git": {"repository": "https://github.com/acme/serving", "commit": "3f9c2a1d" * 5}
        },
        "app": {"importPath": "app:build"},
        "model": {"id": "smollm2"},
    },
}


def body() -> dict[str, Any]:
    return copy.deepcopy(MD)


def with_field(given: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    """A copy with one field set, by its dotted path."""
    changed = copy.deepcopy(given)
    *parents, last = field.split(".")
    place = changed
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    return changed
