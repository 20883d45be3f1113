"""What of an object is kept from somebody else, and what is not."""

from typing import Any

import pytest
import yaml

from bastaix.observe.masking import MASK
from bastaix.plugin.redacting import HARMLESS, redaction
from bastaix.render.pods import head_template, worker_template
from tests.unit.observe.scenes import MD

CANARY = "the canary sings"


def env(*variables: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "ray", "env": list(variables)}]}}


def hidden(body: dict[str, Any], *public: str) -> dict[str, Any]:
    return redaction([body], public).body(body)


def test_a_literal_variable_keeps_its_name_and_loses_its_value() -> None:
    found = hidden(env({"name": "GREETING", "value": CANARY}))
    assert found == env({"name": "GREETING", "value": MASK})


def test_where_a_variable_comes_from_is_kept() -> None:
    source = {"secretKeyRef": {"name": "hub", "key": "token"}}
    body = env({"name": "HF_TOKEN", "valueFrom": source})
    assert hidden(body) == body


@pytest.mark.parametrize(
    ("name", "value", "is_kept"),
    [
        ("HOME", "/tmp", True),
        ("VLLM_USE_V1", "1", True),
        ("FLAG", "true", True),
        ("EMPTY", "", True),
        ("DB_PASSWORD", "1234", False),
        ("PIN", "123456", False),
        ("MODEL_DIR", "/models", False),
    ],
)
def test_what_is_too_plain_to_be_secret_is_kept_unless_its_name_is_one(
    name: str, value: str, is_kept: bool
) -> None:
    found = hidden(env({"name": name, "value": value}))
    (variable,) = found["spec"]["containers"][0]["env"]
    assert variable["value"] == (value if is_kept else MASK)


def test_all_that_bastaix_itself_sets_is_harmless() -> None:
    templates = head_template(MD, "hash", None), worker_template(MD, "hash", None)
    ours = {
        variable["name"]
        for template in templates
        for container in template["spec"]["containers"]
        for variable in container["env"]
    }
    assert ours <= HARMLESS


@pytest.mark.parametrize(
    "form",
    [
        CANARY,
        "the%20canary%20sings",
        "dGhlIGNhbmFyeSBzaW5ncw",
        '{"said": "the canary sings"}',
    ],
)
def test_what_a_variable_holds_goes_wherever_it_stands(form: str) -> None:
    body = {
        **env({"name": "GREETING", "value": CANARY}),
        "status": {"conditions": [{"message": f"it said {form}."}]},
    }
    said = hidden(body)["status"]["conditions"][0]["message"]
    assert "canary" not in said
    assert form not in said
    assert MASK in said


def test_the_beginning_of_it_in_a_message_that_was_cut_goes_too() -> None:
    body = {**env({"name": "GREETING", "value": CANARY}), "message": "it said the canary…"}
    assert hidden(body)["message"] == f"it said {MASK}…"


def test_a_public_name_stays_though_a_variable_holds_it() -> None:
    body = {**env({"name": "APP", "value": "smollm2-echo"}), "message": "smollm2-echo-head ended"}
    assert hidden(body, "smollm2-echo-head")["message"] == body["message"]


def test_a_field_that_is_named_like_a_secret_loses_its_text() -> None:
    body = {"spec": {"app": {"args": {"hub_token": CANARY, "max_tokens": 16, "tokenizer": "gpt2"}}}}
    assert hidden(body) == {
        "spec": {"app": {"args": {"hub_token": MASK, "max_tokens": 16, "tokenizer": "gpt2"}}}
    }


def test_all_that_is_within_a_field_that_is_named_like_a_secret_goes() -> None:
    body = {"args": {"credentials": {"user": CANARY, "deep": [{"pw": CANARY}]}, "user": "ana"}}
    found = {"credentials": {"user": MASK, "deep": [{"pw": MASK}]}, "user": "ana"}
    assert hidden(body) == {"args": found}


def test_the_names_of_secrets_are_kept() -> None:
    body = {
        "spec": {
            "automountServiceAccountToken": False,
            "imagePullSecrets": [{"name": "registry"}],
            "volumes": [
                {"name": "source", "secret": {"secretName": "smollm2-src-12345678"}},
                {"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
            ],
            "source": {"git": {"secretRef": {"name": "git-token"}}},
        }
    }
    assert hidden(body) == body


def test_the_word_after_an_option_that_is_named_like_a_secret_goes() -> None:
    body = {"args": ["--api-key", CANARY, "--model", "smollm2", f"--password={CANARY[4:10]}"]}
    args = ["--api-key", MASK, "--model", "smollm2", f"--password={MASK}"]
    assert hidden(body) == {"args": args}


def test_what_is_in_the_configuration_of_serve_is_treated_like_an_object() -> None:
    config = {
        "applications": [
            {
                "import_path": "app:build",
                "args": {"api_key": CANARY},
                "runtime_env": {"env_vars": {"GREETING": CANARY, "HOME": "/tmp"}},
            }
        ]
    }
    found = hidden({"spec": {"serveConfigV2": yaml.safe_dump(config)}})
    (app,) = yaml.safe_load(found["spec"]["serveConfigV2"])["applications"]
    assert app == {
        "import_path": "app:build",
        "args": {"api_key": MASK},
        "runtime_env": {"env_vars": {"GREETING": MASK, "HOME": "/tmp"}},
    }


def test_what_repeats_the_object_is_left_out() -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": CANARY, "a": "b"}
    body = {"metadata": {"name": "x", "managedFields": [{}], "annotations": annotations}}
    assert hidden(body) == {"metadata": {"name": "x", "annotations": {"a": "b"}}}
