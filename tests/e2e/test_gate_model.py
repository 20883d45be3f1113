"""The gate with a real model: a prompt template that makes it babble never gets traffic.

Two copies of the model are there at once, under a light load. Each start takes a minute, so this is
for `make test-long`.
"""

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from demo import steps
from demo.kubectl import kubectl
from tests.e2e.asking import Asking
from tests.e2e.deployed import Deployed, Node
from tests.e2e.variants import rayservices, ready, revisions_with_pods

NAMESPACE = "test-gate-model"
ROLLOUT = {
    "drainSeconds": 5,
    "bakeSeconds": 10,
    "progressDeadlineSeconds": 900,
    "gate": {"dataset": {"path": "evals/golden.jsonl"}, "minPassRate": 0.8, "concurrency": 2},
}
RIGHT = (
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
    "<|im_end|>\n"
    "{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SABOTAGED = "{% for message in messages %}{{ message['content'][::-1] }}{% endfor %}"
START_SECONDS = 600

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    steps.prepare_namespace(NAMESPACE)
    yield NAMESPACE
    steps.remove_namespace(NAMESPACE)


@pytest.fixture
def deploy(real_node: Node, namespace: str) -> Iterator[Callable[[Path, str], Deployed]]:
    """With answers evaluated from the first start on; it goes after the test, for want of room."""

    def apply(template: Path, name: str) -> Deployed:
        image = real_node.images["ray"]
        steps.apply(template, NAMESPACE=namespace, COMMIT=real_node.commit, IMAGE=image)
        found = Deployed(name, namespace, real_node.progress)
        found.patch({"rollout": ROLLOUT})
        found.wait_ready(seconds=START_SECONDS)
        return found

    yield apply
    kubectl("delete", "md", "--all", "-n", namespace)
    kubectl("wait", "pods", "--all", "-n", namespace, "--for=delete", "--timeout=120s")


def template_is(deployed: Deployed, text: str) -> None:
    deployed.patch({"model": {"engineArgs": {"chat_template": text}}})


def evaluation(deployed: Deployed) -> dict[str, Any]:
    """Of the newest end of a revision."""
    found: dict[str, Any] = deployed.read()["status"]["history"][0]["evaluation"]
    return found


def test_a_sabotaged_prompt_template_is_found_out_and_the_right_one_promoted(
    deploy: Callable[[Path, str], Deployed],
) -> None:
    model = deploy(steps.MODEL, "smollm2")
    assert evaluation(model)["passRate"] >= 0.8
    before = rayservices(model)
    with Asking(model.address, "smollm2", steps.QUESTION, "Rome", pause=1.0, timeout=60) as asking:
        template_is(model, SABOTAGED)
        model.wait(
            "a verdict", lambda: ready(model).get("reason") == "EvaluationFailed", START_SECONDS
        )
        model.wait("B's Pods to be gone", lambda: len(revisions_with_pods(model)) == 1)
        assert rayservices(model) == before
        assert "pass rate" in ready(model)["message"]
        assert steps.conditions(model.read())["Serving"]["status"] == "True"
        assert evaluation(model)["passRate"] < 0.8
        template_is(model, RIGHT)
        model.wait_ready(seconds=START_SECONDS)
        model.wait("A's Pods to be gone", lambda: len(revisions_with_pods(model)) == 1)
    assert asking.failures == []
    assert asking.answered > 20
    assert evaluation(model)["passRate"] >= 0.8
    assert not rayservices(model) & before


def test_an_app_of_ones_own_is_promoted_and_rejected_like_the_others(
    deploy: Callable[[Path, str], Deployed],
) -> None:
    topics = deploy(steps.ROOT / "demo/topics.yaml", "topics")
    assert evaluation(topics)["passRate"] == 1.0
    documents = ["The cat sleeps on the sofa.", "Shares fell on Monday."]
    found = posted(topics.address, {"documents": documents, "max_topics": 2})
    assert 1 <= len(found["topics"]) <= 2
    before = rayservices(topics)
    topics.patch({"rollout": {"gate": {"minPassRate": 1}}})
    template_is(topics, SABOTAGED)
    topics.wait(
        "a verdict", lambda: ready(topics).get("reason") == "EvaluationFailed", START_SECONDS
    )
    topics.wait("B to be gone", lambda: rayservices(topics) == before)
    assert "(italy)" in ready(topics)["message"]
    assert posted(topics.address, {"documents": documents})["topics"]


def posted(address: str, body: object) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{address}/topics", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    # no proxy: the address is this machine's own
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
