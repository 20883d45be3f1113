"""`make demo`: from a bare machine to a model's answer, phase by phase."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

from cluster import lifecycle, paths, prerequisites, programs
from cluster.progress import Progress
from demo import steps

NAMESPACE, NAME = "demo", "smollm2"


def main() -> None:
    progress = Progress()
    prerequisites.require(prerequisites.NODE)
    progress.say("the first run builds everything (about 20 minutes); later ones take 2 to 4")
    with ThreadPoolExecutor() as pool:  # the image's long build needs nothing of the cluster's
        built = pool.submit(steps.built, "ray", "operator", "githost", progress=progress)
        lifecycle.up(progress)
        images = built.result()
    with progress.step("installing the operator with its Helm chart"):
        steps.install_operator(images["operator"])
    with progress.step("pushing serve_apps to a private repository in the cluster"):
        commit = steps.publish(progress)
    with progress.step(f"namespace {NAMESPACE}, the repository's token, the model on a volume"):
        steps.prepare_namespace(NAMESPACE)
    progress.say(f"applying demo/smollm2.yaml at commit {commit}")
    steps.apply(steps.MODEL, NAMESPACE=NAMESPACE, COMMIT=commit, IMAGE=images["ray"])
    steps.wait_ready(NAME, NAMESPACE, seconds=900, progress=progress)
    address = steps.address(NAME, NAMESPACE)
    answer = steps.ask(address, NAME, steps.QUESTION)
    print(_report(address, steps.text(answer)))


def _report(address: str, answer: str) -> str:
    body = {
        "model": NAME,
        "messages": [{"role": "user", "content": steps.QUESTION}],
        "temperature": 0,
    }
    return f"""
  $ curl {address}/v1/chat/completions -H 'Content-Type: application/json' \\
      -d '{json.dumps(body)}'
  {answer}

In the cluster the URL is http://{NAME}.{NAMESPACE}.svc/v1 ; from this machine {address}/v1

Try next:
  export KUBECONFIG={paths.KUBECONFIG} PATH={programs.path("kubectl").parent}:$PATH
  kubectl get md -n {NAMESPACE}                       # what the operator says of it
  kubectl describe md {NAME} -n {NAMESPACE}           # SourceVerified: what is served, by digest
  kubectl patch md {NAME} -n {NAMESPACE} --type merge -p '{{"spec":{{"suspend":true}}}}'
  make cluster-status, make cluster-down
"""


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, OSError) as error:
        sys.exit(f"make demo: {error}")
