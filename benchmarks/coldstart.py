"""What the operator adds to a cold start: seconds from apply to the first answer of a real vLLM.

The baseline is the very RayService that the operator rendered, applied by hand in another
namespace beside the artifact that the source controller made; so ours has to fetch and to check
the code, and the other has it. The two take turns in one run: the machine is shared and noisy.
"""

import json
import time
import urllib.error
from statistics import median
from typing import Any

from benchmarks.report import Figure, report
from cluster import lifecycle
from cluster.progress import Progress
from demo import steps
from demo.kubectl import kubectl

NAME = "smollm2"
OURS, BY_HAND = "bench-ours", "bench-by-hand"
ROUNDS = 2
TIMEOUT = 600.0


def first_answer(
    service: str, port: int, namespace: str, progress: Progress, began: float
) -> float:
    """Seconds since `began` until the Service gave the model's answer."""

    def answers() -> bool:
        try:
            said = steps.ask(
                f"{steps.address(service, namespace)}:{port}", NAME, "Hello", timeout=30
            )
        except (RuntimeError, OSError, urllib.error.URLError):  # no Service or no endpoint yet
            return False
        return bool(steps.text(said))

    progress.wait(f"an answer of {namespace}/{service}", answers, seconds=TIMEOUT)
    return time.monotonic() - began


def through_operator(commit: str, image: str, progress: Progress) -> tuple[float, dict[str, Any]]:
    began = time.monotonic()
    steps.apply(steps.MODEL, NAMESPACE=OURS, COMMIT=commit, IMAGE=image)
    seconds = first_answer(NAME, 80, OURS, progress, began)
    found = json.loads(kubectl("get", "rayservices", "-n", OURS, "-o", "json"))["items"][0]
    copy_artifact()
    kubectl("delete", "md", NAME, "-n", OURS)
    gone(OURS, progress)
    return seconds, found["spec"]


def copy_artifact() -> None:
    listed = kubectl(
        "get", "secrets", "-n", OURS, "-l", "serving.bastaix.dev/artifact", "-o", "json"
    )
    (artifact,) = json.loads(listed)["items"]
    # without its type: an admission policy keeps artifacts to the source controller
    kept = {key: artifact[key] for key in ("apiVersion", "kind", "data")}
    metadata = {"name": artifact["metadata"]["name"], "namespace": BY_HAND}
    kubectl("apply", "-f", "-", stdin=json.dumps({**kept, "metadata": metadata}))


def by_hand(spec: dict[str, Any], progress: Progress) -> float:
    manifest = {
        "apiVersion": "ray.io/v1",
        "kind": "RayService",
        "metadata": {"name": NAME, "namespace": BY_HAND},
        "spec": spec,
    }
    began = time.monotonic()
    kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    seconds = first_answer(f"{NAME}-serve-svc", 8000, BY_HAND, progress, began)
    kubectl("delete", "rayservice", NAME, "-n", BY_HAND)
    gone(BY_HAND, progress)
    return seconds


def gone(namespace: str, progress: Progress) -> None:
    """The next start must find the machine's cores free."""

    def no_pods() -> bool:
        return not kubectl("get", "pods", "-n", namespace, "-o", "name").strip()

    progress.wait(f"no Pod left in {namespace}", no_pods, seconds=180)


def main() -> None:
    progress = Progress()
    lifecycle.up(progress)
    images = steps.built("ray", "operator", "githost", progress=progress)
    steps.install_operator(images["operator"])
    commit = steps.publish(progress)
    for namespace in (OURS, BY_HAND):
        steps.prepare_namespace(namespace)
    ours, hand = [], []
    try:
        for _ in range(ROUNDS):
            seconds, spec = through_operator(commit, images["ray"], progress)
            ours.append(seconds)
            hand.append(by_hand(spec, progress))
    finally:
        for namespace in (OURS, BY_HAND):
            steps.remove_namespace(namespace)
    report(
        "coldstart",
        Figure("apply_to_first_answer", median(ours), "s", baseline=median(hand)),
        Figure("added_by_operator", median(ours) - median(hand), "s"),
    )


if __name__ == "__main__":
    main()
