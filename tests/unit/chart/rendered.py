"""The chart as helm renders it, for tests that look at the objects and not at the templates.

Values go in as one mapping, so that types survive; nothing here talks to a cluster.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cluster import programs

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "bastaix"
CRD = ROOT / "crds" / "modeldeployments.yaml"
RELEASE = "bastaix"
NAMESPACE = "bastaix-system"
IMAGE = "registry.example/bastaix/operator"

Manifest = dict[str, Any]


class UniqueKeys(yaml.CSafeLoader):
    """A fast loader that refuses a key given twice, as the API server does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key stands twice: {keys}"
        return super().construct_mapping(node, deep)


@cache
def helm(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run once with the same arguments: many tests look at the same rendering."""
    command = [str(programs.path("helm")), *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def with_image(values: Mapping[str, Any]) -> Manifest:
    """The values with the one that has no default, unless the test gives its own."""
    return {**values, "image": {"repository": IMAGE, **values.get("image", {})}}


def attempt(
    values: Mapping[str, Any], *, api_versions: Iterable[str] = (), chart: Path = CHART
) -> subprocess.CompletedProcess[str]:
    """`helm template` with exactly these values."""
    known = [f"--api-versions={version}" for version in api_versions]
    where = ("--namespace", NAMESPACE, "--values", "-")
    return helm("template", RELEASE, chart, *where, *known, stdin=yaml.safe_dump(dict(values)))


def render(
    values: Mapping[str, Any] | None = None,
    *,
    api_versions: Iterable[str] = (),
    chart: Path = CHART,
) -> list[Manifest]:
    """Every object of the release."""
    result = attempt(with_image(values or {}), api_versions=api_versions, chart=chart)
    assert result.returncode == 0, result.stderr
    documents = yaml.load_all(result.stdout, Loader=UniqueKeys)
    return [document for document in documents if document]


def of_kind(objects: Iterable[Manifest], kind: str) -> list[Manifest]:
    return [found for found in objects if found["kind"] == kind]


def only(objects: Iterable[Manifest], kind: str, name: str | None = None) -> Manifest:
    """The one object of this kind (and name): none or two are a failure."""
    found = [
        candidate
        for candidate in of_kind(objects, kind)
        if name is None or candidate["metadata"]["name"] == name
    ]
    assert len(found) == 1, f"{len(found)} objects {kind} {name or ''}"
    return found[0]
