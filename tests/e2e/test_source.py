"""Where the code comes from: a private repository, what it refuses, and that it is needed once."""

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from cluster import githost
from demo import steps
from demo.kubectl import KubectlError, kubectl
from tests.e2e.conftest import ECHO
from tests.e2e.deployed import Deployed, Node

ANSWER_SECONDS = 60


@pytest.fixture
def apply_echo(
    real_node: Node, namespace: str
) -> Iterator[Callable[[dict[str, Any], dict[str, Any]], Deployed]]:
    """Applies the echo app with other fields in spec.source.git and spec.app; gone afterwards."""
    name = f"echo-{uuid.uuid4().hex[:5]}"

    def apply(git: dict[str, Any], app: dict[str, Any]) -> Deployed:
        values = {
            "NAME": name,
            "NAMESPACE": namespace,
            "COMMIT": real_node.commit,
            "IMAGE": real_node.images["ray"],
        }
        manifest = yaml.safe_load(steps.filled(ECHO, **values))
        changed = manifest["spec"]["source"]["git"] | git
        manifest["spec"]["source"]["git"] = {
            key: value for key, value in changed.items() if value is not None
        }
        manifest["spec"]["app"] |= app
        kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
        return Deployed(name, namespace, real_node.progress)

    yield apply
    kubectl("delete", "md", name, "-n", namespace, "--ignore-not-found")


@pytest.fixture
def secret(namespace: str) -> Iterator[Callable[..., str]]:
    """Makes a credential Secret of these keys, or changes the one it made."""
    name = f"token-{uuid.uuid4().hex[:5]}"

    def make(**data: str) -> str:
        metadata = {"name": name, "namespace": namespace}
        manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}
        kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
        return name

    yield make
    kubectl("delete", "secret", name, "-n", namespace, "--ignore-not-found")


def reason(deployed: Deployed, condition: str = "Ready") -> str:
    found: str = steps.conditions(deployed.read()).get(condition, {}).get("reason", "")
    return found


@pytest.mark.parametrize(
    ("git", "app", "expected"),
    [
        ({"commit": "f" * 40}, {}, "SourceNotFound"),
        ({"repository": "http://git.git.svc/private/nothing"}, {}, "SourceNotFound"),
        ({"repository": "http://git.nowhere.svc/serving"}, {}, "SecretHostNotAllowed"),
        ({"secretRef": None}, {}, "SourceUnauthorized"),
        ({"secretRef": {"name": "nobody"}}, {}, "SecretNotFound"),
        (
            {"repository": "http://kubernetes.default.svc/serving", "secretRef": None},
            {},
            "SourceForbidden",
        ),
        ({"path": "serve_apps/nothing"}, {}, "PathNotFound"),
        ({"path": "serve_apps"}, {}, "ImportPathNotFound"),
        ({}, {"importPath": "app:buidl"}, "ImportPathNotFound"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_wrong_with_the_code_is_known_before_any_ray_pod_exists(
    apply_echo: Callable[..., Deployed],
    git: dict[str, Any],
    app: dict[str, Any],
    expected: str,
) -> None:
    deployed = apply_echo(git, app)
    deployed.wait(expected, lambda: reason(deployed) == expected, ANSWER_SECONDS)
    assert reason(deployed, "SourceVerified") == expected
    assert not deployed.listed("rayservices")
    assert not deployed.listed("pods")


def test_repairing_the_secret_is_enough(
    apply_echo: Callable[..., Deployed], secret: Callable[..., str]
) -> None:
    user, password = githost.credential()
    name = secret(hosts="elsewhere.example", username=user, password="wrong")
    deployed = apply_echo({"secretRef": {"name": name}}, {})
    for data, expected in (
        ({}, "SecretHostNotAllowed"),
        ({"hosts": githost.HOST}, "SourceUnauthorized"),
        ({"password": password}, "Verified"),
    ):
        if data:
            kept = {"hosts": githost.HOST, "username": user, "password": "wrong"} | data
            secret(**kept)
        deployed.wait(
            expected,
            lambda wanted=expected: reason(deployed, "SourceVerified") == wanted,  # type: ignore[misc]
            ANSWER_SECONDS,
        )


def test_the_artifact_is_immutable_owned_and_named_by_its_content(echo: Deployed) -> None:
    digest = echo.read()["status"]["source"]["digest"].removeprefix("sha256:")
    (artifact,) = echo.listed("secrets")
    assert artifact["metadata"]["name"] == f"{echo.name}-src-{digest[:8]}"
    assert artifact["immutable"] is True
    (owner,) = artifact["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("ModelDeployment", echo.name)
    assert list(artifact["data"]) == [f"{digest}.zip"]


def test_the_token_is_found_nowhere_but_in_its_secret(echo: Deployed) -> None:
    user, password = githost.credential()
    header = base64.b64encode(f"{user}:{password}".encode()).decode()
    signs = (password, header)
    secrets = kubectl("get", "secret", steps.CREDENTIAL, "-n", echo.namespace, "-o", "yaml")
    assert base64.b64encode(password.encode()).decode() in secrets, "what is looked for is there"
    for place, text in _places(echo):
        for sign in signs:
            assert sign not in text, f"the token stands in {place}"
            assert base64.b64encode(sign.encode()).decode() not in text, place
    for pod in echo.listed("pods"):
        container = pod["spec"]["containers"][0]["name"]
        words = ("exec", "-i", pod["metadata"]["name"], "-n", echo.namespace, "-c", container)
        for sign in signs:
            # by standard input: an argument would stand in the address that the kubelet is asked
            search = 'read -r sign; grep -rlF -- "$sign" /tmp/ray /proc/[0-9]*/environ 2>/dev/null'
            found = kubectl(*words, "--", "bash", "-c", f"{search}; true", stdin=f"{sign}\n")
            assert not found.strip(), f"the token stands in {found} of {pod['metadata']['name']}"


def _places(deployed: Deployed) -> Iterator[tuple[str, str]]:
    """What the API server shows, what the Pods print, and what Ray's own API tells."""
    for kind in (
        *("modeldeployments", "rayservices", "rayclusters", "pods", "services"),
        *("controllerrevisions", "events", "configmaps"),
    ):
        yield kind, kubectl("get", kind, "--all-namespaces", "-o", "json")
    for namespace in (
        steps.SYSTEM_NAMESPACE,
        deployed.namespace,
        "kuberay-system",
        githost.NAMESPACE,
    ):
        for pod in kubectl("get", "pods", "-n", namespace, "-o", "name").split():
            words = ("-n", namespace, "--all-containers", "--tail=-1")
            yield f"the log of {pod}", kubectl("logs", pod, *words)
    head = next(
        pod["metadata"]["name"]
        for pod in deployed.listed("pods")
        if pod["metadata"]["labels"]["ray.io/node-type"] == "head"
    )
    for page in ("serve/applications/", "jobs/", "v0/runtime_envs", "v0/logs?node_id="):
        address = f"http://127.0.0.1:8265/api/{page}"
        ask = f'wget -qO- --header "Authorization: Bearer $RAY_AUTH_TOKEN" "{address}" || true'
        words = ("exec", head, "-n", deployed.namespace, "-c", "ray-head", "--")
        yield f"Ray's {page}", kubectl(*words, "bash", "-c", ask)


def test_a_killed_worker_comes_back_with_everything_of_ours_and_the_git_host_down(
    echo: Deployed,
) -> None:
    ours = [("git", githost.NAME), *((steps.SYSTEM_NAMESPACE, name) for name in _deployments())]
    assert len(ours) == 3, "operator, source controller, Git host"
    (worker,) = _workers(echo)
    try:
        for namespace, name in ours:
            kubectl("scale", "deployment", name, "-n", namespace, "--replicas=0")
        for namespace, _ in ours:
            echo.progress.wait(
                f"no Pod left in {namespace}",
                lambda where=namespace: not kubectl("get", "pods", "-n", where, "-o", "name"),  # type: ignore[misc]
                seconds=60,
            )
        kubectl("delete", "pod", worker, "-n", echo.namespace, "--now")
        echo.wait("another worker", lambda: _workers(echo) not in ([], [worker]), 180)
        echo.wait("an answer of it", lambda: _answers(echo), 180)
    finally:
        for namespace, name in ours:
            kubectl("scale", "deployment", name, "-n", namespace, "--replicas=1")
        for namespace, name in ours:
            kubectl("rollout", "status", f"deployment/{name}", "-n", namespace, "--timeout=120s")
        steps.publish(echo.progress)  # the Git host's repositories live as long as its Pod


def _deployments() -> list[str]:
    words = ("get", "deployments", "-n", steps.SYSTEM_NAMESPACE, "-o", "name")
    return [name.partition("/")[2] for name in kubectl(*words).split()]


def _workers(deployed: Deployed) -> list[str]:
    return [
        pod["metadata"]["name"]
        for pod in deployed.listed("pods")
        if pod["metadata"]["labels"]["ray.io/node-type"] == "worker"
        and "deletionTimestamp" not in pod["metadata"]
    ]


def _answers(deployed: Deployed) -> bool:
    try:
        return "hello" in steps.text(steps.ask(deployed.address, "echo-1", "hello", timeout=5))
    except (OSError, KubectlError):
        return False
