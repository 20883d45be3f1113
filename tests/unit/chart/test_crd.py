"""The CRD in the chart is the one in crds/, and outlives the release."""

from __future__ import annotations

import tarfile
from pathlib import Path

import yaml

from tests.unit.chart.rendered import CHART, CRD, helm, of_kind, only, render

KIND = "CustomResourceDefinition"
KEEP = {"helm.sh/resource-policy": "keep"}


def test_the_chart_links_to_the_only_copy() -> None:
    assert (CHART / "files" / "modeldeployments.yaml").resolve() == CRD.resolve()


def test_the_rendered_crd_is_that_copy_and_is_kept_on_uninstall() -> None:
    rendered = only(render(), KIND)
    assert rendered["metadata"].pop("annotations") == KEEP
    assert rendered == yaml.safe_load(CRD.read_text())


def test_a_packaged_chart_carries_the_crd(tmp_path: Path) -> None:
    packaging = helm("package", CHART, "--destination", tmp_path)
    assert packaging.returncode == 0, packaging.stderr
    (package,) = tmp_path.glob("*.tgz")
    with tarfile.open(package) as archive:
        member = archive.extractfile("bastaix/files/modeldeployments.yaml")
        assert member is not None
        assert member.read() == CRD.read_bytes()
    assert only(render(chart=package), KIND)["metadata"]["annotations"] == KEEP


def test_the_crd_can_be_left_out() -> None:
    assert of_kind(render({"crds": {"enabled": False}}), KIND) == []
