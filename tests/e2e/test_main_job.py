"""The main job with a real vLLM and a real model, and what Prometheus sees of it."""

import json
from collections.abc import Iterator

import pytest

from demo import steps
from demo.kubectl import kubectl
from tests.e2e.deployed import Deployed, Node
from tests.observability.prometheus import Prometheus, running
from tests.observability.scrape import scrape_configs
from tests.unit.chart.rendered import of_kind, render

NAMESPACE, NAME = "test-main-job", "smollm2"


@pytest.fixture(scope="module")
def smollm2(real_node: Node) -> Iterator[Deployed]:
    """The demo's own deployment, from the demo's own file."""
    commit = real_node.commit
    steps.prepare_namespace(NAMESPACE)
    try:
        steps.apply(steps.MODEL, NAMESPACE=NAMESPACE, COMMIT=commit, IMAGE=real_node.images["ray"])
        deployed = Deployed(NAME, NAMESPACE, real_node.progress)
        deployed.wait_ready(seconds=600)
        yield deployed
    finally:
        steps.remove_namespace(NAMESPACE)


def test_the_model_knows_the_capital_of_italy(smollm2: Deployed) -> None:
    answer = steps.ask(smollm2.address, NAME, steps.QUESTION)
    assert steps.text(answer) == "The capital of Italy is Rome."


def test_the_url_in_status_answers_inside_the_cluster(smollm2: Deployed) -> None:
    url = smollm2.read()["status"]["url"]
    head = next(
        pod["metadata"]["name"]
        for pod in smollm2.listed("pods")
        if pod["metadata"]["labels"]["ray.io/node-type"] == "head"
    )
    listed = kubectl(
        *("exec", head, "-n", NAMESPACE, "-c", "ray-head", "--"),
        *("wget", "-qO-", f"{url}/models"),
    )
    assert f'"id":"{NAME}"' in listed.replace(" ", "")


@pytest.fixture(scope="module")
def prometheus(smollm2: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """What a user's Prometheus with the chart's PodMonitors sees on the node."""
    objects = render({"podMonitors": {"create": "always", "interval": "2s"}})
    pods = json.loads(kubectl("get", "pods", "--all-namespaces", "-o", "json"))["items"]
    config = {"scrape_configs": scrape_configs(of_kind(objects, "PodMonitor"), pods)}
    for question in (steps.QUESTION, "Name the capital of France."):
        steps.ask(smollm2.address, NAME, question)
    with running(config, tmp_path_factory.mktemp("prometheus")) as server:
        yield server


@pytest.mark.parametrize(
    "series",
    [
        "ray_vllm_time_to_first_token_seconds_count",
        "ray_vllm_e2e_request_latency_seconds_count",
        "ray_vllm_num_requests_running",
        "ray_serve_num_http_requests_total",
        "ray_node_mem_used",
    ],
)
def test_prometheus_finds_the_series_by_the_deployments_name(
    prometheus: Prometheus, series: str
) -> None:
    mine = f'{{modeldeployment="{NAME}", modeldeployment_namespace="{NAMESPACE}"}}'
    assert prometheus.wait_for(series + mine, seconds=90)


def test_the_first_tokens_of_both_questions_were_counted(prometheus: Prometheus) -> None:
    counted = f'sum(ray_vllm_time_to_first_token_seconds_count{{modeldeployment="{NAME}"}})'
    assert prometheus.wait_for(f"{counted} >= 2", seconds=90)


def test_the_operator_counts_its_own_work(prometheus: Prometheus) -> None:
    assert prometheus.wait_for("bastaix_reconcile_seconds_count > 0", seconds=60)
    assert prometheus.wait_for("bastaix_first_answer_seconds_count > 0", seconds=60)


def test_no_prompt_is_logged(smollm2: Deployed) -> None:
    smollm2.prompt_stays_out_of_the_logs(NAME)
