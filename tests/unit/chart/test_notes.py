"""NOTES.txt: what to do next depends on what the cluster lacks."""

from __future__ import annotations

from typing import Any

import pytest
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


def test_a_tag_that_moves_is_warned_of_unless_a_digest_pins_it() -> None:
    assert "latest" not in notes()
    assert "operator:latest: what `latest` names changes" in notes({"image": {"tag": "latest"}})
    pinned = {"tag": "latest", "digest": "sha256:" + "a" * 64}
    assert "latest" not in notes({"image": pinned})


@pytest.mark.parametrize("value", ["s3Endpoint", "gsEndpoint"])
def test_an_object_store_without_tls_is_warned_of(value: str) -> None:
    assert "without TLS" not in notes({"source": {value: "https://s3.corp.example"}})
    given = notes({"source": {value: "http://s3.corp.example"}})
    assert f"source.{value} is asked without TLS" in given


def test_admission_policies_that_are_left_out_are_named() -> None:
    assert "admissionPolicies" not in notes()
    left_out = notes({"admissionPolicies": {"create": False}})
    assert "No admission policies were made" in left_out


def test_hosts_that_are_open_wider_than_they_need_be_are_named() -> None:
    wide = {"host": "a.corp", "private": True, "http": True}
    bound = {"host": "b.corp", "private": True, "networks": ["10.20.0.0/16"]}
    found = notes({"source": {"allowedHosts": [wide, bound]}})
    assert "lets a.corp have any private address" in found
    assert "a.corp asked without TLS" in found
    assert "b.corp" not in found
    assert "allowedHosts" not in notes()
