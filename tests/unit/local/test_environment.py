"""Which variables an app gets here, and which of them are never shown."""

from typing import Any

from bastaix.local import environment
from bastaix.local.environment import Environment


def read(*env: dict[str, Any], local: dict[str, str] | None = None, **more: Any) -> Environment:
    return environment.read(more.get("ours", {}), env, more.get("env_from", ()), local or {})


def secret(name: str, of: str = "hf") -> dict[str, Any]:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": of, "key": "token"}}}


def test_what_stands_in_the_file_is_given_as_it_stands() -> None:
    given = read({"name": "MODE", "value": "fast"}, {"name": "EMPTY"}, local={"MODE": "slow"})
    assert given.variables == {"MODE": "fast", "EMPTY": ""}
    assert given.notes == ()


def test_the_users_own_comes_over_what_the_operator_adds() -> None:
    ours = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    given = read({"name": "HF_HUB_OFFLINE", "value": "0"}, ours=ours)
    assert given.variables == {"HF_HUB_OFFLINE": "0", "VLLM_NO_USAGE_STATS": "1"}


def test_a_secrets_key_is_the_variable_of_that_name_here() -> None:
    given = read(secret("HF_TOKEN"), local={"HF_TOKEN": "hf_secret"})
    assert given.literal == {}
    assert given.borrowed == {"HF_TOKEN": "hf_secret"}


def test_a_secrets_key_that_is_nowhere_is_said_with_what_to_do() -> None:
    given = read(secret("HF_TOKEN"))
    assert given.variables == {}
    assert given.notes == (
        "HF_TOKEN is not set: in the cluster it comes from the Secret hf; here, export HF_TOKEN=…",
    )


def test_what_the_pod_knows_of_itself_is_missed_in_its_own_words() -> None:
    given = read({"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}})
    assert "it comes from the Pod; here" in given.notes[0]


def test_whole_secrets_cannot_be_known() -> None:
    given = read(env_from=[{"secretRef": {"name": "all"}}])
    assert given.notes == (
        "the variables of runtime.envFrom all are not set: name those it needs in env",
    )


def test_references_are_read_as_kubernetes_does() -> None:
    given = read(
        {"name": "A", "value": "x"},
        {"name": "B", "value": "$(A)/$(LATER)/$$(A)/$A"},
        {"name": "LATER", "value": "y"},
    )
    assert given.variables["B"] == "x/$(LATER)/$(A)/$A"


def test_what_is_made_of_a_secret_is_one() -> None:
    given = read(
        secret("TOKEN"), {"name": "HEADER", "value": "Bearer $(TOKEN)"}, local={"TOKEN": "abcdef"}
    )
    assert given.literal == {}
    assert given.hidden("sent Bearer abcdef and abcdef") == "sent *** and ***"


def test_an_app_sees_only_what_a_program_needs() -> None:
    local = {
        "PATH": "/bin",
        "LC_ALL": "C",
        "HTTPS_PROXY": "http://proxy",
        "PYTHONPATH": "/home/me/lib",
        "RAY_ADDRESS": "auto",
        "HF_TOKEN": "hf_mine",
    }
    assert sorted(environment.needed(local)) == ["HTTPS_PROXY", "LC_ALL", "PATH"]
