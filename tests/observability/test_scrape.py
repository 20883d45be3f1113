"""The translation of PodMonitors: exact, and refusing what it does not understand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.observability.scrape import scrape_configs, static_targets

PORT = {"name": "metrics", "containerPort": 8080}


def pod(namespace: str = "monitoring") -> dict[str, Any]:
    return {
        "metadata": {
            "name": "w",
            "namespace": namespace,
            "labels": {"ray.io/node-type": "worker"},
        },
        "spec": {"containers": [{"name": "ray-worker", "ports": [PORT]}, {"name": "sidecar"}]},
        "status": {"phase": "Running", "podIP": "10.244.0.9"},
    }


def monitor(**spec: Any) -> dict[str, Any]:
    endpoint = {"port": "metrics", "interval": "15s"}
    whole = {"selector": {}, "podMetricsEndpoints": [endpoint], **spec}
    return {"metadata": {"name": "models", "namespace": "monitoring"}, "spec": whole}


def job(*pods: dict[str, Any], **spec: Any) -> dict[str, Any]:
    (only,) = scrape_configs([monitor(**spec)], pods)
    return only


def rules(labels: list[str], **spec: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = job(**spec)["relabel_configs"]
    return [rule for rule in found if rule.get("source_labels") == labels]


def test_a_job_is_named_after_monitor_and_endpoint() -> None:
    endpoints = [{"port": "a", "interval": "15s"}, {"port": "b", "interval": "15s"}]
    found = scrape_configs([monitor(podMetricsEndpoints=endpoints)], [])
    assert [one["job_name"] for one in found] == [
        "podMonitor/monitoring/models/0",
        "podMonitor/monitoring/models/1",
    ]


@pytest.mark.parametrize(
    ("selector", "seen"),
    [
        ({"any": True}, ["demo", "monitoring"]),
        ({"matchNames": ["demo"]}, ["demo"]),
        ({}, ["monitoring"]),
    ],
    ids=["all", "named", "its own"],
)
def test_pods_are_seen_in_the_namespaces(selector: dict[str, Any], seen: list[str]) -> None:
    targets = job(pod("demo"), pod("monitoring"), namespaceSelector=selector)["static_configs"]
    assert [target["labels"]["__meta_kubernetes_namespace"] for target in targets] == seen


PRESENT = "__meta_kubernetes_pod_labelpresent_serving_bastaix_dev_name"
VALUE = "__meta_kubernetes_pod_label_serving_bastaix_dev_name"


@pytest.mark.parametrize(
    ("operator", "values", "labels", "regex", "action"),
    [
        ("Exists", [], [PRESENT], "true", "keep"),
        ("DoesNotExist", [], [PRESENT], "true", "drop"),
        ("In", ["a", "b"], [VALUE, PRESENT], "(a|b);true", "keep"),
        ("NotIn", ["a"], [VALUE, PRESENT], "(a);true", "drop"),
    ],
)
def test_expressions_of_the_selector_become_rules(
    operator: str, values: list[str], labels: list[str], regex: str, action: str
) -> None:
    expression = {"key": "serving.bastaix.dev/name", "operator": operator, "values": values}
    (rule,) = rules(labels, selector={"matchExpressions": [expression]})
    assert (rule["regex"], rule["action"]) == (regex, action)


def test_labels_of_the_selector_become_rules() -> None:
    (rule,) = rules(
        [VALUE, PRESENT], selector={"matchLabels": {"serving.bastaix.dev/name": "smollm2"}}
    )
    assert (rule["regex"], rule["action"]) == ("(smollm2);true", "keep")


def test_ended_pods_are_not_scraped() -> None:
    (rule,) = rules(["__meta_kubernetes_pod_phase"])
    assert (rule["regex"], rule["action"]) == ("(Failed|Succeeded)", "drop")


def test_relabelings_come_last_so_that_they_win() -> None:
    relabeling = {"sourceLabels": ["a"], "targetLabel": "namespace", "replacement": "$1-x"}
    endpoint = {"port": "metrics", "interval": "15s", "relabelings": [relabeling]}
    assert job(podMetricsEndpoints=[endpoint])["relabel_configs"][-1] == {
        "source_labels": ["a"],
        "target_label": "namespace",
        "replacement": "$1-x",
    }


def test_metric_relabelings_are_kept_apart() -> None:
    dropping = {"sourceLabels": ["__name__"], "regex": "ray_tasks", "action": "drop"}
    endpoint = {"port": "metrics", "interval": "15s", "metricRelabelings": [dropping]}
    (rule,) = job(podMetricsEndpoints=[endpoint])["metric_relabel_configs"]
    assert rule == {"source_labels": ["__name__"], "regex": "ray_tasks", "action": "drop"}


@pytest.mark.parametrize(
    "spec",
    [
        {"attachMetadata": {"node": True}},
        {"podMetricsEndpoints": [{"port": "metrics", "interval": "15s", "honorLabels": True}]},
        {"namespaceSelector": {"labels": {}}},
        {"selector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}},
    ],
)
def test_what_is_not_understood_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not understood|no operator"):
        job(**spec)


def test_a_pod_without_an_address_is_no_target_yet() -> None:
    assert static_targets([{**pod(), "status": {"phase": "Pending"}}]) == []


def test_each_declared_port_of_a_pod_is_a_target_with_the_labels_of_discovery() -> None:
    (target,) = static_targets([pod("demo")])
    assert target["targets"] == ["10.244.0.9:8080"]
    assert target["labels"] == {
        "__meta_kubernetes_namespace": "demo",
        "__meta_kubernetes_pod_name": "w",
        "__meta_kubernetes_pod_phase": "Running",
        "__meta_kubernetes_pod_container_name": "ray-worker",
        "__meta_kubernetes_pod_container_port_name": "metrics",
        "__meta_kubernetes_pod_label_ray_io_node_type": "worker",
        "__meta_kubernetes_pod_labelpresent_ray_io_node_type": "true",
    }
