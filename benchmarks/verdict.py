"""From `kubectl apply` to what is said of the source, on the node with the Git host in the cluster.

The way a user goes, so two starts of kubectl are in each figure. The deployments are suspended: no
Pod disturbs the machine. Each round pins a commit that has never been fetched. The baseline is the
goal.
"""

import json
import tempfile
import time
import uuid
from pathlib import Path
from statistics import median

import yaml

from benchmarks.report import Figure, report
from cluster import githost, lifecycle
from cluster.progress import Progress
from demo import steps
from demo.kubectl import kubectl

NAMESPACE = "bench-verdict"
REPOSITORY = "private/verdict"
ROUNDS = 10
LIMIT_SECONDS = 2.0


def new_commit() -> str:
    """A commit of the same app that nobody has seen."""
    with tempfile.TemporaryDirectory() as folder:
        app = Path(folder) / "apps" / "one"
        app.mkdir(parents=True)
        (app / "app.py").write_text(f"build = '{uuid.uuid4()}'\n")
        return githost.push(Path(folder), REPOSITORY)


def seconds(name: str, commit: str, path: str, reason: str) -> float:
    """Until the condition SourceVerified has this reason."""
    manifest = yaml.safe_load(
        steps.filled(
            steps.MODEL, NAMESPACE=NAMESPACE, COMMIT=commit, IMAGE="registry.example/ray:1"
        )
    )
    manifest["metadata"]["name"] = name
    manifest["spec"]["suspend"] = True
    git = manifest["spec"]["source"]["git"]
    manifest["spec"]["source"]["git"] = git | {
        "repository": githost.repository_url(REPOSITORY),
        "path": path,
    }
    said = '{.status.conditions[?(@.type=="SourceVerified")].reason}'
    began = time.monotonic()
    kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    kubectl(
        *("wait", f"md/{name}", "-n", NAMESPACE, "--timeout=60s"),
        f"--for=jsonpath={said}={reason}",
    )
    return time.monotonic() - began


def main() -> None:
    progress = Progress()
    lifecycle.up(progress)
    images = steps.built("operator", "githost", progress=progress)
    steps.install_operator(images["operator"])
    githost.deploy(progress)
    steps.prepare_namespace(NAMESPACE)
    try:
        good = [seconds(f"good-{n}", new_commit(), "apps/one", "Verified") for n in range(ROUNDS)]
        bad = [seconds(f"bad-{n}", new_commit(), "apps/two", "PathNotFound") for n in range(ROUNDS)]
        absent = [
            seconds(f"none-{n}", uuid.uuid4().hex + "0" * 8, "apps/one", "SourceNotFound")
            for n in range(ROUNDS)
        ]
    finally:
        steps.remove_namespace(NAMESPACE)
    report(
        "verdict",
        Figure("apply_to_verified", median(good), "s", baseline=LIMIT_SECONDS),
        Figure("apply_to_verified_slowest", max(good), "s", baseline=LIMIT_SECONDS),
        Figure("apply_to_path_not_found", median(bad), "s", baseline=LIMIT_SECONDS),
        Figure("apply_to_source_not_found", median(absent), "s", baseline=LIMIT_SECONDS),
    )


if __name__ == "__main__":
    main()
