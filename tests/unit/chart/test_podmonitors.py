"""PodMonitors: only where they can exist, and every series says whose it is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bastaix.api import names
from tests.unit.chart.rendered import NAMESPACE, Manifest, of_kind, only, render

MONITORING = ["monitoring.coreos.com/v1"]
ALWAYS = {"podMonitors": {"create": "always"}}


def models(values: dict[str, Any]) -> Manifest:
    spec: Manifest = only(render(values), "PodMonitor", "bastaix-models")["spec"]
    return spec


@pytest.mark.parametrize(
    ("create", "api_versions", "count"),
    [
        ("auto", [], 0),
        ("auto", MONITORING, 2),
        ("always", [], 2),
        ("never", MONITORING, 0),
    ],
)
def test_podmonitors_are_made(create: str, api_versions: list[str], count: int) -> None:
    objects = render({"podMonitors": {"create": create}}, api_versions=api_versions)
    assert len(of_kind(objects, "PodMonitor")) == count


@pytest.mark.parametrize("component", ["bastaix", "bastaix-source"])
def test_one_monitor_selects_pod_and_port_of_both_controllers(component: str) -> None:
    objects = render(ALWAYS)
    spec = only(objects, "PodMonitor", "bastaix")["spec"]
    template = only(objects, "Deployment", component)["spec"]["template"]
    selector = spec["selector"]["matchLabels"]
    assert selector.items() <= template["metadata"]["labels"].items()
    (endpoint,) = spec["podMetricsEndpoints"]
    ports = [port["name"] for port in template["spec"]["containers"][0]["ports"]]
    assert endpoint["port"] in ports


def test_pods_of_models_are_found_by_the_operators_label_on_all_ports_with_metrics() -> None:
    spec = models(ALWAYS)
    expected = {"key": names.NAME_LABEL, "operator": "Exists"}
    assert spec["selector"] == {"matchExpressions": [expected]}
    ports = [endpoint["port"] for endpoint in spec["podMetricsEndpoints"]]
    assert ports == ["metrics", "as-metrics", "dash-metrics"]


def test_series_carry_the_name_and_namespace_of_the_modeldeployment() -> None:
    def meta(label: str) -> list[str]:
        return ["__meta_kubernetes_pod_label_" + re.sub(r"\W", "_", label)]

    for endpoint in models(ALWAYS)["podMetricsEndpoints"]:
        sources = {rule["targetLabel"]: rule["sourceLabels"] for rule in endpoint["relabelings"]}
        assert sources["modeldeployment"] == meta(names.NAME_LABEL)
        assert sources["modeldeployment_revision"] == meta(names.REVISION_LABEL)
        assert sources["modeldeployment_namespace"] == ["__meta_kubernetes_namespace"]


def test_all_namespaces_are_scraped_when_all_are_watched() -> None:
    assert models(ALWAYS)["namespaceSelector"] == {"any": True}


def test_only_the_watched_namespaces_are_scraped_otherwise() -> None:
    spec = models({**ALWAYS, "operator": {"namespaces": ["demo"]}})
    assert spec["namespaceSelector"] == {"matchNames": ["demo"]}


def test_labels_interval_and_metric_relabelings_are_values() -> None:
    dropping = [{"action": "drop", "sourceLabels": ["__name__"], "regex": "ray_tasks.*"}]
    values = {
        "create": "always",
        "labels": {"release": "prometheus"},
        "interval": "5s",
        "rayMetricRelabelings": dropping,
    }
    for monitor in of_kind(render({"podMonitors": values}), "PodMonitor"):
        assert monitor["metadata"]["namespace"] == NAMESPACE
        assert monitor["metadata"]["labels"]["release"] == "prometheus"
        assert monitor["spec"]["podMetricsEndpoints"][0]["interval"] == "5s"
    for endpoint in models({"podMonitors": values})["podMetricsEndpoints"]:
        assert endpoint["metricRelabelings"] == dropping
