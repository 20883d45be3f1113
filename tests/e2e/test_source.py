"""Where the code comes from: a private repository, what it refuses, and that it is needed once."""

import base64
import json
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import githost
from demo import steps
from demo.kubectl import KubectlError, kubectl
from tests.e2e.conftest import ECHO
from tests.e2e.deployed import Deployed, Node
from tests.unit.source import attempts

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
        assert text.strip() or place.startswith("the log of"), f"{place} says nothing at all"
        for sign in signs:
            assert sign not in text, f"the token stands in {place}"
            assert base64.b64encode(sign.encode()).decode() not in text, place
    for pod in echo.listed("pods"):
        planted = _found_in(pod, uuid.uuid4().hex, plant=True)
        assert PLANTED in planted, "what is in Ray's folder is found"
        assert any(file.startswith("/proc/") for file in planted), "so is an environment"
        for sign in signs:
            found = _found_in(pod, sign)
            assert not found, f"the token stands in {found} of {pod['metadata']['name']}"


PLANTED = "/tmp/ray/planted"
SEARCH = """grep -rlsF -- "$sign" /tmp/ray /proc/[0-9]*/environ; true"""
PLANTING = f"""
set -e
printf %s "$sign" > {PLANTED}
trap 'rm -f {PLANTED}' EXIT
export sign
bash -c '{SEARCH}'
"""


def _found_in(pod: dict[str, Any], sign: str, *, plant: bool = False) -> list[str]:
    """The files of Ray, and the environments of processes, that hold the sign.

    Planted, it is in a file and in an environment, for as long as it is looked for.
    """
    metadata, container = pod["metadata"], pod["spec"]["containers"][0]["name"]
    words = ("exec", "-i", metadata["name"], "-n", metadata["namespace"], "-c", container, "--")
    # by standard input: an argument would stand in the address that the kubelet is asked
    script = f"read -r sign; {PLANTING if plant else SEARCH}"
    return kubectl(*words, "bash", "-c", script, stdin=f"{sign}\n").split()


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

    def page(name: str) -> tuple[str, str]:
        """KubectlError if Ray does not give it."""
        address = f"http://127.0.0.1:8265/api/{name}"
        ask = f'wget -nv -O- --header "Authorization: Bearer $RAY_AUTH_TOKEN" "{address}"'
        words = ("exec", head, "-n", deployed.namespace, "-c", "ray-head", "--")
        return f"Ray's {name}", kubectl(*words, "bash", "-c", ask)

    nodes = page("v0/nodes")
    yield nodes
    for name in ("serve/applications/", "jobs/", "v0/runtime_envs"):
        yield page(name)
    ids = set(re.findall(r'"node_id":\s*"([0-9a-f]+)"', nodes[1]))
    assert len(ids) >= 2, "head and worker"
    for node_id in sorted(ids):
        yield page(f"v0/logs?node_id={node_id}")


def test_what_opens_archives_holds_nothing_in_its_container(real_node: Node) -> None:
    """It is tried there by a process that is confined as one is that opens an archive."""
    words = ("-n", steps.SYSTEM_NAMESPACE, "deployment/bastaix-source", "-c", "unpack")
    program = Path(attempts.__file__).read_text()
    said = kubectl("exec", "-i", *words, "--", "python", "-I", "-", stdin=program)
    found = json.loads(said)
    assert len(found["confined"]) > 20
    assert {what: how for what, how in found["confined"].items() if how != "EPERM"} == {}
    around = found["around"]
    assert (around["user"], around["token"]) == (1001, False)
    assert not {"work", "ca"} & set(around["folders"]), "nothing of the controller's"
    assert not [name for name in around["environment"] if name.startswith("BASTAIX")]
    servers = "python -I -m bastaix.source.unpack_server"
    strangers = [
        command
        for command in around["processes"]
        if not command.startswith(servers) and command != "python -I -"
    ]
    assert strangers == [], "the controller's processes are not in sight"


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
