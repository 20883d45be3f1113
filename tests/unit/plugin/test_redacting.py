"""What of an object is kept from somebody else, and what is not."""

import base64
import json
import time
from typing import Any

import pytest
import yaml

from bastaix.observe.masking import MASK
from bastaix.plugin.redacting import UNREADABLE, redaction
from bastaix.plugin.sensitive import HARMLESS
from bastaix.render.pods import head_template, worker_template
from tests.unit.observe.scenes import MD

CANARY = "the canary sings"


def env(*variables: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "ray", "env": list(variables)}]}}


def hidden(body: dict[str, Any], *public: str, with_args: bool = True) -> dict[str, Any]:
    return redaction([body], public, with_args=with_args).body(body)


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


@pytest.mark.parametrize("repeats", ["kapp.k14s.io/original", "objectset.rio.cattle.io/applied"])
def test_what_other_tools_keep_of_the_object_is_left_out(repeats: str) -> None:
    body = {"metadata": {"annotations": {repeats: CANARY, "acme.com/original-name": "b"}}}
    assert hidden(body) == {"metadata": {"annotations": {"acme.com/original-name": "b"}}}


def test_an_object_in_a_text_is_treated_like_an_object() -> None:
    inner = {"env": [{"name": "GREETING", "value": "short"}], "said": "short"}
    found = hidden({"metadata": {"annotations": {"acme.com/copy": json.dumps(inner)}}})
    assert json.loads(found["metadata"]["annotations"]["acme.com/copy"]) == {
        "env": [{"name": "GREETING", "value": MASK}],
        "said": "short",
    }


def test_a_header_that_is_named_like_a_secret_loses_its_value() -> None:
    headers = [{"name": "X-Api-Key", "value": "brief"}, {"name": "Host", "value": "brief"}]
    found = hidden({"readinessProbe": {"httpGet": {"httpHeaders": headers}}})
    assert found["readinessProbe"]["httpGet"]["httpHeaders"] == [
        {"name": "X-Api-Key", "value": MASK},
        {"name": "Host", "value": "brief"},
    ]


def test_a_number_may_be_a_password_and_small_ones_count_tokens() -> None:
    args = {"password": 12345678, "token_budget": 4096, "use_token": True}
    volume = {"secret": {"secretName": "hub", "defaultMode": 420}}
    assert hidden({"args": args, "volume": volume}) == {
        "args": {**args, "password": MASK},
        "volume": volume,
    }


@pytest.mark.parametrize(
    "text",
    [
        "env_vars: {GREETING: brief}\nbad: [",
        "env_vars: {GREETING: brief, since: 2020-13-45}",
        "env_vars: {GREETING: brief}\na: &a [x]\nb: *a",
        "[" * 5000 + "brief",
        "brief",
    ],
    ids=["broken", "no date", "with an alias", "deep", "a word"],
)
def test_a_configuration_of_serve_that_cannot_be_told_apart_is_left_out(text: str) -> None:
    assert hidden({"spec": {"serveConfigV2": text}}) == {"spec": {"serveConfigV2": UNREADABLE}}


def test_what_was_cut_within_it_goes_though_a_hint_follows() -> None:
    said = "it said the canary… Read the log."
    body = {**env({"name": "GREETING", "value": CANARY}), "message": said}
    assert hidden(body)["message"] == f"it said {MASK}… Read the log."


def test_of_a_log_full_of_ellipses_and_of_many_variables_that_is_known_soon() -> None:
    many = [{"name": f"A{number}", "value": f"{number} {CANARY}"} for number in range(100)]
    found = redaction([env(*many)])
    before = time.process_time()
    assert "canary" not in found.text("Loading… done\n" * 50_000 + f"7 {CANARY[:-1]}…")
    assert time.process_time() - before < 5


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
def test_it_goes_where_it_stands_in_base64_with_something_else(before: str) -> None:
    encoded = base64.b64encode(f"{before}{CANARY}.".encode()).decode()
    body = {**env({"name": "GREETING", "value": CANARY}), "message": f"sent {encoded}"}
    left = hidden(body)["message"].removeprefix("sent ").split(MASK)
    assert len(left) == 2
    assert all(len(each) <= 8 for each in left)


@pytest.mark.parametrize(
    "value", ["postgres://me:canary%2Ftown@db/x", '{"db": {"password": "canary/town"}}']
)
def test_a_password_within_a_variable_goes_by_itself_too(value: str) -> None:
    body = {**env({"name": "DATABASE", "value": value}), "message": "me, canary/town: refused"}
    assert hidden(body)["message"] == f"me, {MASK}: refused"


@pytest.mark.parametrize(
    "name", ["env", "envs", "env_vars", "environ", "environment", "extra_env", "extraEnvVars"]
)
def test_variables_go_under_whatever_name_a_map_of_them_has(name: str) -> None:
    assert hidden({"spec": {name: {"GREETING": CANARY}}}) == {"spec": {name: {"GREETING": MASK}}}


@pytest.mark.parametrize("name", ["headers", "httpHeaders", "extra_headers", "default-headers"])
def test_headers_go_but_for_those_that_carry_no_credential(name: str) -> None:
    found = hidden({name: {"X-Key": CANARY, "Accept": "text/plain"}})
    assert found == {name: {"X-Key": MASK, "Accept": "text/plain"}}
    listed = hidden({name: [{"name": "X-Key", "value": CANARY}]})
    assert listed == {name: [{"name": "X-Key", "value": MASK}]}


def test_texts_in_arguments_go_unless_they_are_asked_for() -> None:
    body = {
        "app": {"args": {"a": [{"b": CANARY, "n": 8, "yes": True}]}},
        "evaluator": {"image": "i", "command": ["sh", "-c"], "args": [f"-p{CANARY}"]},
    }
    assert hidden(body, with_args=False) == {
        "app": {"args": {"a": [{"b": MASK, "n": 8, "yes": True}]}},
        "evaluator": {"image": "i", "command": [MASK, MASK], "args": [MASK]},
    }
    assert hidden(body) == body


def test_commands_of_kuberay_and_bastaix_stay() -> None:
    container = {"name": "ray-head", "args": ["ray start --head --num-cpus=0"]}
    body = {"containers": [container]}
    assert hidden(body, with_args=False) == body
