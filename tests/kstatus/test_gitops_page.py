"""What docs/gitops.md gives to copy, run by what will run it, in every state."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kstatus import courses
from tests.kstatus.judge import judge
from tests.kstatus.states import ALL, SUSPENDED, UNDERWAY, State

PAGE = (Path(__file__).parents[2] / "docs/gitops.md").read_text()


def blocks() -> list[dict[str, Any]]:
    parts = PAGE.split("```yaml\n")[1:]
    return [yaml.safe_load(each.partition("```")[0]) for each in parts]


def check() -> str:
    (found,) = [each for each in blocks() if each.get("kind") == "ConfigMap"]
    (text,) = found["data"].values()
    return str(text)


def expressions() -> dict[str, str]:
    found = [each["spec"]["healthCheckExprs"] for each in blocks() if "kind" not in each]
    ((expressions,),) = found
    return dict(expressions)


@pytest.mark.parametrize("state", ALL, ids=lambda state: state.name)
def test_argo_cd_says_of_every_state_what_is_so(state: State) -> None:
    assert judge(state.body, check()).argocd == state.verdicts.argocd


def test_the_check_is_of_the_kind_that_the_crd_defines() -> None:
    (found,) = [each for each in blocks() if each.get("kind") == "ConfigMap"]
    key = "resource.customizations.health.serving.bastaix.dev_ModelDeployment"
    assert list(found["data"]) == [key]


def test_argo_cd_tells_the_reason_and_what_to_do() -> None:
    body = courses.candidate_has_failed()
    said = judge(body, check()).message
    assert said.startswith("ServeFailed: KeyError: 1")


def test_an_object_of_a_crd_without_our_defaults_is_under_way_too() -> None:
    bare = {"metadata": {"name": "smollm2", "generation": 1}}
    for status in ({}, {"status": {}}, {"status": {"observedGeneration": 1}}):
        assert judge({**bare, **status}, check()).argocd == UNDERWAY.argocd


def test_flux_may_be_told_what_suspended_is() -> None:
    """As its StatusEvaluator: another generation first, then the expressions in this order."""
    cel: Any = pytest.importorskip("cel_expr_python.cel")
    environment = cel.NewEnv(variables={"status": cel.Type.DYN})
    failed, current = (environment.compile(expressions()[key]) for key in ("failed", "current"))

    def verdict(body: dict[str, Any]) -> str:
        status = body["status"]
        if status["observedGeneration"] != body["metadata"]["generation"]:
            return "InProgress"
        if failed.eval(data={"status": status}).value() is True:
            return "Failed"
        is_current = current.eval(data={"status": status}).value() is True
        return "Current" if is_current else "InProgress"

    for state in ALL:
        is_suspended = state.verdicts == SUSPENDED
        wanted = "Current" if is_suspended else state.verdicts.kstatus
        assert verdict(state.body) == wanted, state.name
