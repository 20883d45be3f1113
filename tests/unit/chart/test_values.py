"""Values: documented, complete, and refused before anything reaches a cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from tests.unit.chart.rendered import CHART, attempt, helm, with_image

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())


def test_lint_finds_nothing_even_when_strict() -> None:
    result = helm("lint", "--strict", CHART)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"replicas": 2}, "replicas"),
        ({"operator": {"namespace": "demo"}}, "namespace"),
        ({"operator": {"namespaces": "demo"}}, "namespaces"),
        ({"operator": {"namespaces": ["Demo"]}}, "namespaces"),
        ({"operator": {"namespaces": ["demo", "demo"]}}, "namespaces"),
        ({"operator": {"logLevel": "verbose"}}, "logLevel"),
        ({"operator": {"workers": -1}}, "workers"),
        ({"operator": {"workers": 65}}, "workers"),
        ({"operator": {"workers": "4"}}, "workers"),
        ({"operator": {"podLabels": {"a": 1}}}, "podLabels"),
        ({"operator": {"terminationGracePeriodSeconds": -1}}, "terminationGracePeriodSeconds"),
        ({"source": {"allowedHosts": ["git.corp"]}}, "allowedHosts"),
        ({"source": {"allowedHosts": [{"private": True}]}}, "allowedHosts"),
        ({"source": {"allowedHosts": [{"host": "https://git.corp"}]}}, "host"),
        ({"source": {"allowedHosts": [{"host": "Git.Corp"}]}}, "host"),
        ({"source": {"allowedHosts": [{"host": "git.corp", "any": True}]}}, "any"),
        ({"source": {"proxy": "http://me:password@proxy.corp"}}, "proxy"),
        ({"source": {"s3Endpoint": "s3.corp"}}, "s3Endpoint"),
        ({"source": {"gsEndpoint": "https://gs.corp/bucket"}}, "gsEndpoint"),
        ({"source": {"caBundle": {"configMap": "corp"}}}, "configMap"),
        ({"source": {"workers": 0}}, "workers"),
        ({"source": {"namespaces": ["demo"]}}, "namespaces"),
        ({"image": {"tag": 123456789012}}, "tag"),
        ({"image": {"digest": "abc"}}, "digest"),
        ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
        ({"image": {"pullSecrets": ["registry"]}}, "pullSecrets"),
        ({"crds": {"enabled": "yes"}}, "enabled"),
        ({"podMonitors": {"create": True}}, "create"),
        ({"podMonitors": {"interval": "fast"}}, "interval"),
        ({"rbac": {"create": "no"}}, "create"),
        ({"admissionPolicies": {"create": "no"}}, "create"),
        ({"admissionPolicies": {"artifactWriters": ["a' || 'b"]}}, "artifactWriters"),
        ({"admissionPolicies": {"closedNamespaces": ["Kube"]}}, "closedNamespaces"),
        ({"networkPolicies": {"create": "auto"}}, "create"),
        ({"networkPolicies": {"serveFrom": [{"labels": {"app": "web"}}]}}, "serveFrom"),
        ({"networkPolicies": {"serveFrom": [{}]}}, "serveFrom"),
        ({"networkPolicies": {"kubeRay": []}}, "kubeRay"),
        ({"networkPolicies": {"privateCIDRs": ["10.0.0.0"]}}, "privateCIDRs"),
        ({"networkPolicies": {"apiServer": {"ports": []}}}, "ports"),
        ({"networkPolicies": {"apiServer": {"ports": [0]}}}, "ports"),
    ],
)
def test_wrong_values_are_refused_by_name(values: dict[str, Any], key: str) -> None:
    result = attempt(with_image(values))
    assert result.returncode != 0
    assert "values don't meet the specifications of the schema" in result.stderr
    assert key in result.stderr


@pytest.mark.parametrize(
    "accounts",
    [
        {"serviceAccount": {"name": "one"}, "source": {"serviceAccount": {"name": "one"}}},
        {"serviceAccount": {"name": "bastaix-source"}},
        {
            "serviceAccount": {"create": False, "name": "one"},
            "source": {"serviceAccount": {"create": False, "name": "one"}},
        },
    ],
    ids=["named alike", "named like the other's default", "that exist"],
)
def test_one_account_for_both_controllers_is_refused(accounts: dict[str, Any]) -> None:
    result = attempt(with_image(accounts))
    assert result.returncode != 0
    assert "is the operator's account too" in result.stderr


@pytest.mark.parametrize("part", ["operator", "source"])
@pytest.mark.parametrize("label", ["app.kubernetes.io/component", "app.kubernetes.io/version"])
def test_a_label_of_the_charts_own_is_not_replaced(part: str, label: str) -> None:
    result = attempt(with_image({part: {"podLabels": {label: "mine"}}}))
    assert result.returncode != 0
    assert f"{part}.podLabels: the label {label} is the chart's own" in result.stderr


def leaves(values: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


def test_every_value_of_the_schema_has_a_default_that_can_be_read() -> None:
    for section, schema in SCHEMA["properties"].items():
        if section != "global":  # helm's own
            known = SCHEMA["definitions"]["account"] if "$ref" in schema else schema
            assert set(DEFAULTS[section]) == set(known["properties"]), section


def test_every_value_is_used_by_a_template() -> None:
    templates = "".join(path.read_text() for path in (CHART / "templates").iterdir())
    for path in leaves(DEFAULTS):
        assert f".Values.{'.'.join(path[:2])}" in templates, path
