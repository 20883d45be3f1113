"""PodMonitors as a scrape configuration, the way the Prometheus operator reads them.

So a plain Prometheus, without that operator, can show what a user's Prometheus will show. Debian's
Prometheus is built without discovery in Kubernetes: the Pods that it would find are written out
as static targets with the labels that discovery gives; all after that is Prometheus' own work.

Only the fields that the chart renders are understood; any other is refused, not passed over, since
a field that is silently left out would make the tests prove less than they say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

Manifest = dict[str, Any]
Address = Callable[[Mapping[str, Any], Mapping[str, Any]], str]
POD = "__meta_kubernetes_pod_"

RELABEL_FIELDS = {
    "action": "action",
    "sourceLabels": "source_labels",
    "targetLabel": "target_label",
    "separator": "separator",
    "regex": "regex",
    "modulus": "modulus",
    "replacement": "replacement",
}


def pod_address(pod: Mapping[str, Any], port: Mapping[str, Any]) -> str:
    return f"{pod['status']['podIP']}:{port['containerPort']}"


def scrape_configs(
    monitors: Iterable[Mapping[str, Any]],
    pods: Sequence[Mapping[str, Any]],
    *,
    address: Address = pod_address,
) -> list[Manifest]:
    """One job for each endpoint of each PodMonitor, over the Pods that exist in the cluster."""
    return [
        _job(monitor, number, endpoint, static_targets(_visible(monitor, pods), address=address))
        for monitor in monitors
        for number, endpoint in enumerate(monitor["spec"]["podMetricsEndpoints"])
    ]


def static_targets(
    pods: Iterable[Mapping[str, Any]], *, address: Address = pod_address
) -> list[Manifest]:
    """Each declared port of each Pod, as discovery would find it before any selection."""
    return [
        {"targets": [address(pod, port)], "labels": pod_labels(pod, container, port)}
        for pod in pods
        if "podIP" in pod.get("status", {})
        for container in pod["spec"]["containers"]
        for port in container.get("ports", [])
    ]


def pod_labels(
    pod: Mapping[str, Any], container: Mapping[str, Any], port: Mapping[str, Any]
) -> dict[str, str]:
    """What Prometheus' discovery says about one declared port of a Pod."""
    metadata = pod["metadata"]
    found = {
        "__meta_kubernetes_namespace": metadata["namespace"],
        f"{POD}name": metadata["name"],
        f"{POD}phase": pod["status"]["phase"],
        f"{POD}container_name": container["name"],
        f"{POD}container_port_name": port.get("name", ""),
    }
    for label, value in metadata.get("labels", {}).items():
        found[f"{POD}label_{_sanitized(label)}"] = value
        found[f"{POD}labelpresent_{_sanitized(label)}"] = "true"
    return found


def _job(
    monitor: Mapping[str, Any],
    number: int,
    endpoint: Mapping[str, Any],
    targets: list[Manifest],
) -> Manifest:
    metadata, spec = monitor["metadata"], monitor["spec"]
    _only(spec, {"namespaceSelector", "selector", "podMetricsEndpoints"})
    _only(endpoint, {"port", "path", "interval", "relabelings", "metricRelabelings"})
    where = f"{metadata['namespace']}/{metadata['name']}"
    return {
        "job_name": f"podMonitor/{where}/{number}",
        "metrics_path": endpoint.get("path", "/metrics"),
        "scrape_interval": endpoint["interval"],
        "scrape_timeout": endpoint["interval"],
        "static_configs": targets,
        "relabel_configs": [
            {"source_labels": [f"{POD}phase"], "regex": "(Failed|Succeeded)", "action": "drop"},
            *_selection(spec["selector"]),
            _keep("container_port_name", regex=endpoint["port"]),
            {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
            {"source_labels": [f"{POD}container_name"], "target_label": "container"},
            {"source_labels": [f"{POD}name"], "target_label": "pod"},
            {"target_label": "job", "replacement": where},
            {"target_label": "endpoint", "replacement": endpoint["port"]},
            *map(_relabeling, endpoint.get("relabelings", [])),
        ],
        "metric_relabel_configs": [*map(_relabeling, endpoint.get("metricRelabelings", []))],
    }


def _visible(
    monitor: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Pods of all namespaces, of the named ones, or by default of the PodMonitor's own."""
    selector = monitor["spec"].get("namespaceSelector", {})
    _only(selector, {"any", "matchNames"})
    if selector.get("any"):
        return list(pods)
    namespaces = selector.get("matchNames", [monitor["metadata"]["namespace"]])
    return [pod for pod in pods if pod["metadata"]["namespace"] in namespaces]


def _selection(selector: Mapping[str, Any]) -> Iterator[Manifest]:
    _only(selector, {"matchLabels", "matchExpressions"})
    for label, value in sorted(selector.get("matchLabels", {}).items()):
        name = _sanitized(label)
        yield _keep(f"label_{name}", f"labelpresent_{name}", regex=f"({value});true")
    for expression in selector.get("matchExpressions", []):
        yield _expression(expression)


def _expression(expression: Mapping[str, Any]) -> Manifest:
    name = _sanitized(expression["key"])
    present = f"labelpresent_{name}"
    values = f"({'|'.join(expression.get('values', []))});true"
    match expression["operator"]:
        case "Exists":
            return _keep(present, regex="true")
        case "DoesNotExist":
            return {**_keep(present, regex="true"), "action": "drop"}
        case "In":
            return _keep(f"label_{name}", present, regex=values)
        case "NotIn":
            return {**_keep(f"label_{name}", present, regex=values), "action": "drop"}
        case unknown:
            raise ValueError(f"a label selector knows no operator {unknown}")


def _keep(*labels: str, regex: str) -> Manifest:
    return {
        "source_labels": [POD + label for label in labels],
        "regex": regex,
        "action": "keep",
    }


def _relabeling(rule: Mapping[str, Any]) -> Manifest:
    _only(rule, set(RELABEL_FIELDS))
    return {RELABEL_FIELDS[field]: value for field, value in rule.items()}


def _sanitized(label: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", label)


def _only(mapping: Mapping[str, Any], known: set[str]) -> None:
    if unknown := set(mapping) - known:
        raise ValueError(f"not understood here: {', '.join(sorted(unknown))}")
