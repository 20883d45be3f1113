"""`kubectl bastaix why` against a real API server: what is wrong there, and what may be read."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bastaix.plugin.commands import main
from bastaix.reconcile import kinds
from tests.api.operator_process import until
from tests.api.test_plugin import person
from tests.api.world import FakeKubeRay, World, deploy, modeldeployment, only

TRACEBACK = "\n".join(
    (
        'File "/bastaix/source/app.py", line 3, in <module>',
        "import sentencepiece",
        "ModuleNotFoundError: No module named 'sentencepiece'",
    )
)

pytestmark = pytest.mark.usefixtures("operator")


def why(kubeconfig: Path, namespace: str) -> Result:
    where = ["--kubeconfig", str(kubeconfig), "-n", namespace]
    return CliRunner().invoke(main, ["why", "echo", *where])


def tree(result: Result) -> list[str]:
    return [each for each in result.stdout.splitlines() if "─ " in each]


def test_why_an_app_was_refused_is_told_down_to_its_pods(
    world: World, namespace: str, tmp_path: Path
) -> None:
    deploy(world, modeldeployment(namespace, rollout={"onFailure": "Hold"}))
    rayservice = only(world, kinds.RAYSERVICE, namespace)
    FakeKubeRay(world).fail(rayservice, TRACEBACK)
    until(lambda: world.ready(namespace)["reason"] == "DependencyMissing", "it has failed")
    name = rayservice["metadata"]["name"]

    result = why(world.kubeconfig, namespace)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == f"echo in {namespace}, generation 1: DependencyMissing (error)"
    assert "    > ModuleNotFoundError: No module named 'sentencepiece'" in lines
    assert f"✗ RayService {name}  app DEPLOY_FAILED, DependencyMissing" in result.stdout
    assert f"Pod {name}-worker  worker, ready" in result.stdout
    assert len(tree(result)) == 5
    assert "Not read" not in result.stdout

    kept = world.get(kinds.POD, namespace, f"{name}-worker") or {}
    labels = {**kept["metadata"]["labels"], "app": "unrelated"}
    pod = {
        "metadata": {"name": "unrelated", "namespace": namespace, "labels": labels},
        "spec": kept["spec"],
    }
    world.request("POST", kinds.POD.path(namespace), pod)
    beside = why(world.kubeconfig, namespace).stdout
    assert tree(why(world.kubeconfig, namespace)) == tree(result)
    assert beside.splitlines()[0] == lines[0]
    assert beside[beside.index("Ignored: ") :].splitlines()[1] == "  Pod unrelated"

    shown = why(person(world, namespace, "view", tmp_path), namespace)
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.splitlines()[0] == lines[0]
    assert tree(shown) == tree(result)
    assert "Not read" not in shown.stdout
