"""NOTES.txt: what to do next depends on what the cluster lacks."""

from __future__ import annotations

from typing import Any

import yaml

from tests.unit.chart.rendered import CHART, NAMESPACE, RELEASE, helm, with_image


def notes(values: dict[str, Any] | None = None) -> str:
    where = ("--namespace", NAMESPACE, "--values", "-", "--dry-run=client")
    stdin = yaml.safe_dump(with_image(values or {}))
    result = helm("install", RELEASE, CHART, *where, stdin=stdin)
    assert result.returncode == 0, result.stderr
    return result.stdout.partition("NOTES:\n")[2]


def test_a_cluster_without_kuberay_is_told_to_install_it() -> None:
    assert "Install KubeRay's own chart" in notes()


def test_the_watched_namespaces_are_named() -> None:
    assert "in all namespaces" in notes()
    assert "in demo, prod." in notes({"operator": {"namespaces": ["demo", "prod"]}})


def test_the_lack_of_authentication_is_said_plainly() -> None:
    assert "without authentication" in notes()


def test_missing_podmonitors_are_explained() -> None:
    assert "has no monitoring.coreos.com/v1" in notes()
    assert "podMonitors.create=never" in notes({"podMonitors": {"create": "never"}})
    assert "No PodMonitors" not in notes({"podMonitors": {"create": "always"}})


def test_removal_is_said_to_keep_what_serves() -> None:
    assert "every ModelDeployment" in notes()
