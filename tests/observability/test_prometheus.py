"""A real Prometheus with the chart's PodMonitors: whose series are they, and do the docs hold?

The Pods are made from the operator's own templates, and scraped is a recording of a Ray node with
a GPU (exporter.py). Tests on the cluster do the same with the Pods that run there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bastaix.api import names
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.metrics import Metrics, SourceMetrics
from bastaix.render import pods
from tests.observability.exporter import RAY_NODE, exporter
from tests.observability.prometheus import Prometheus, running
from tests.observability.scrape import scrape_configs, static_targets
from tests.unit.chart.rendered import NAMESPACE, Manifest, of_kind, only, render

GUIDE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
MINE = '{modeldeployment="smollm2", modeldeployment_namespace="demo"}'
REVISION = "0123abcd"
GPU_SERIES = [
    "ray_node_gpus_available",
    "ray_node_gpus_utilization",
    "ray_node_gram_used",
    "ray_node_gram_available",
    "ray_node_gpu_power_milliwatts",
    "ray_node_gpu_temperature_celsius",
]


def model(name: str, namespace: str) -> ModelDeployment:
    source = {"git": {"repository": "https://git.example/code", "commit": "0" * 40}}
    spec = {
        "source": source,
        "app": {"importPath": "app:build"},
        "model": {"id": name, "source": "path:///models"},
    }
    metadata = {"name": name, "namespace": namespace, "uid": "1", "generation": 1}
    return ModelDeployment.from_body({"metadata": metadata, "spec": spec})


def pod_of(name: str, namespace: str, node_type: str, phase: str = "Running") -> Manifest:
    """A Pod as KubeRay makes it from the operator's template."""
    templates = {"head": pods.head_template, "worker": pods.worker_template}
    template = templates[node_type](model(name, namespace), REVISION, None)
    labels = {**template["metadata"]["labels"], names.RAY_NODE_TYPE_LABEL: node_type}
    pod_name = f"{name}-{node_type}-{phase}".lower()
    return {
        "metadata": {"name": pod_name, "namespace": namespace, "labels": labels},
        "spec": template["spec"],
        "status": {"phase": phase, "podIP": "127.0.0.1"},
    }


def of_somebody_else(pod: Manifest) -> Manifest:
    labels = {names.RAY_NODE_TYPE_LABEL: "head"}
    return {**pod, "metadata": {"name": "foreign", "namespace": "demo", "labels": labels}}


RAY_PODS = [
    pod_of("smollm2", "demo", "head"),
    pod_of("smollm2", "demo", "worker"),
    pod_of("smollm2", "demo", "worker", phase="Succeeded"),
    pod_of("smollm2", "other", "worker"),
    of_somebody_else(pod_of("smollm2", "demo", "head")),
]


MODEL_TARGETS = {
    ("demo", "smollm2-head-running", "metrics"),
    ("demo", "smollm2-head-running", "as-metrics"),
    ("demo", "smollm2-head-running", "dash-metrics"),
    ("demo", "smollm2-worker-running", "metrics"),
    ("other", "smollm2-worker-running", "metrics"),
}


def controller_pod(objects: list[Manifest], deployment: str) -> Manifest:
    template = only(objects, "Deployment", deployment)["spec"]["template"]
    metadata = {"name": f"{deployment}-1", "namespace": NAMESPACE, **template["metadata"]}
    status = {"phase": "Running", "podIP": "127.0.0.1"}
    return {"metadata": metadata, "spec": template["spec"], "status": status}


def operator_page() -> str:
    """What the operator serves after one deployment that worked and one error."""
    metrics = Metrics()
    metrics.watch_depth(lambda: 0)
    metrics.started(0.01)
    metrics.finished(0.2, TimeoutError())
    metrics.wrote("RayService", "apply")
    metrics.standing(("demo", "smollm2"), True, "Answered")
    metrics.first_answer(81)
    metrics.startup({"source": 1, "image": 20, "engine": 60})
    return metrics.page().decode()


def source_page() -> str:
    """What the source controller serves after one source that was verified and one that was not."""
    metrics = SourceMetrics()
    metrics.watch_depth(lambda: 0)
    for reason in ("Verified", "SourceNotFound"):
        metrics.verification(reason)
        metrics.first_verdict(0.4)
    metrics.fetched(1_000_000)
    return metrics.page().decode()


def fenced(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL)


def plain_job() -> Manifest:
    """The job of the guide for a Prometheus without its operator."""
    (snippet,) = fenced("yaml")
    job: Manifest
    (job,) = yaml.safe_load(snippet)["scrape_configs"]
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod"}]
    return {**job, "scrape_interval": "1s", "scrape_timeout": "1s"}


@pytest.fixture(scope="module")
def objects() -> list[Manifest]:
    return render({"podMonitors": {"create": "always", "interval": "1s"}})


@pytest.fixture(scope="module")
def prometheus(
    objects: list[Manifest], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    monitors = of_kind(objects, "PodMonitor")
    controllers = [controller_pod(objects, name) for name in ("bastaix", "bastaix-source")]
    existing = [*RAY_PODS, *controllers]
    with (
        exporter(RAY_NODE.read_text()) as ray,
        exporter(operator_page()) as operator,
        exporter(source_page()) as source,
    ):

        def address(pod: Mapping[str, Any], port: Mapping[str, Any]) -> str:
            if port["name"] != "http":
                return ray
            return source if pod["metadata"]["name"] == "bastaix-source-1" else operator

        jobs = scrape_configs(monitors, existing, address=address)
        targets = static_targets(existing, address=address)
        jobs.append({**plain_job(), "static_configs": targets})
        with running({"scrape_configs": jobs}, tmp_path_factory.mktemp("prometheus")) as server:
            server.wait_for(f"count(up == 1) == {2 * len(MODEL_TARGETS) + len(controllers)}")
            yield server


def scraped(prometheus: Prometheus, job: str) -> set[tuple[str, ...]]:
    targets = [labels for labels in prometheus.targets() if labels["job"] == job]
    found = [tuple(labels[key] for key in ("namespace", "pod", "endpoint")) for labels in targets]
    assert len(found) == len(set(found))
    return set(found)


@pytest.mark.parametrize("series", GPU_SERIES)
def test_gpu_series_say_whose_they_are(prometheus: Prometheus, series: str) -> None:
    found = prometheus.wait_for(series + MINE)
    for sample in found:
        assert sample.labels["modeldeployment_revision"] == REVISION
        assert sample.labels["GpuDeviceName"] == "NVIDIA A10G"
        assert sample.labels["GpuIndex"] == "0"
    monitored = [found for found in found if found.labels["job"] == f"{NAMESPACE}/bastaix-models"]
    assert {sample.labels["ray_node_type"] for sample in monitored} == {"head", "worker"}


def test_every_series_of_a_model_carries_name_and_namespace(prometheus: Prometheus) -> None:
    prometheus.wait_for("ray_node_gpus_available" + MINE)
    assert prometheus.query('{__name__=~"ray_.+", modeldeployment=""}') == []
    assert prometheus.query('{__name__=~"ray_.+", modeldeployment_namespace=""}') == []


def test_the_same_name_in_two_namespaces_stays_apart(prometheus: Prometheus) -> None:
    for namespace in ("demo", "other"):
        chosen = f'{{modeldeployment="smollm2", modeldeployment_namespace="{namespace}"}}'
        found = prometheus.query(f"ray_vllm_num_requests_running{chosen}")
        pods_found = {sample.labels["pod"] for sample in found}
        assert ("smollm2-head-running" in pods_found) == (namespace == "demo")
        assert "smollm2-worker-running" in pods_found


def test_only_running_pods_of_models_are_scraped_and_each_once(prometheus: Prometheus) -> None:
    assert scraped(prometheus, f"{NAMESPACE}/bastaix-models") == MODEL_TARGETS


def test_the_controllers_are_scraped_apart_from_the_models(prometheus: Prometheus) -> None:
    assert scraped(prometheus, f"{NAMESPACE}/bastaix") == {
        (NAMESPACE, "bastaix-1", "http"),
        (NAMESPACE, "bastaix-source-1", "http"),
    }
    found = prometheus.wait_for("count(bastaix_queue_depth) by (container, modeldeployment) == 1")
    assert {sample.labels["container"] for sample in found} == {"operator", "source"}
    assert all("modeldeployment" not in sample.labels for sample in found)


def test_the_guides_plain_configuration_gives_the_same_labels(prometheus: Prometheus) -> None:
    plain = prometheus.wait_for('ray_node_gpus_available{job="modeldeployments"}')
    pods = {(found.labels["modeldeployment_namespace"], found.labels["pod"]) for found in plain}
    assert {("demo", "smollm2-head-running"), ("other", "smollm2-worker-running")} <= pods
    assert {found.labels["modeldeployment"] for found in plain} == {"smollm2"}


@pytest.mark.parametrize("query", [found.strip() for found in fenced("promql")])
def test_every_query_of_the_guide_answers(prometheus: Prometheus, query: str) -> None:
    assert prometheus.wait_for(query)


def test_time_to_first_token_is_what_was_recorded(prometheus: Prometheus) -> None:
    (query,) = [found for found in fenced("promql") if "0.95" in found and "first_token" in found]
    (sample,) = prometheus.wait_for(f"({query}) > 0")
    assert 0.1 < sample.value <= 0.25  # every recorded one fell into this bucket


def test_a_wrong_query_is_an_error_and_not_an_empty_answer(prometheus: Prometheus) -> None:
    with pytest.raises(ValueError, match="parse error"):
        prometheus.query("sum(")
