"""The verdict without an API server is the one that the API server gives on the same cases."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from bastaix.schema.crd import examine, schema
from bastaix.schema.rules import Rules
from tests.api.crd_cases import MINIMAL, RULES, UNKNOWN, Rule, with_field, written

KEYWORDS = {
    *("type", "description", "default", "enum", "format", "items", "maxItems", "maxLength"),
    *("maxProperties", "maximum", "minLength", "minimum", "properties", "required"),
    *("additionalProperties", "x-kubernetes-int-or-string", "x-kubernetes-list-map-keys"),
    *("x-kubernetes-list-type", "x-kubernetes-preserve-unknown-fields"),
    "x-kubernetes-validations",
}


@pytest.fixture(scope="module")
def rules() -> Rules:
    pytest.importorskip("cel_expr_python.cel", reason="the extra `check` is not installed")
    return Rules()


def said(body: dict[str, Any], rules: Rules | None) -> list[str]:
    return [str(violation) for violation in examine(copy.deepcopy(body), rules)]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_accepts_what_keeps_the_rule(rules: Rules, rule: Rule) -> None:
    assert said(written(rule, rule.good), rules) == []


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_refuses_what_breaks_the_rule_and_says_what_is_right(rules: Rules, rule: Rule) -> None:
    assert rule.says in "\n".join(said(written(rule, rule.bad), rules))


@pytest.mark.parametrize("field", UNKNOWN)
def test_refuses_a_field_that_does_not_exist(field: str) -> None:
    body = copy.deepcopy(MINIMAL)
    with_field(body, field, {})
    assert f"{field}: unknown field" in "\n".join(said(body, None))


def test_proposes_the_field_that_was_meant() -> None:
    body = copy.deepcopy(MINIMAL)
    with_field(body, "spec.app.import_path", "app:build")
    assert said(body, None) == ["spec.app.import_path: unknown field; did you mean importPath?"]


def test_without_rules_the_structure_is_checked_all_the_same() -> None:
    body = copy.deepcopy(MINIMAL)
    with_field(body, "spec.scaling", {"minReplicas": 0, "maxReplicas": "two"})
    with_field(body, "metadata", {"labels": {"a": 1}})
    assert said(body, None) == [
        "spec.scaling.minReplicas: should be greater than or equal to 1",
        "spec.scaling.maxReplicas: must be of type integer, not string",
        "metadata.name: Required value",
        "metadata.labels.a: must be of type string, not integer: put it in quotes",
    ]


def test_refuses_another_version_before_all_else() -> None:
    assert said({**MINIMAL, "apiVersion": "v1", "spec": {}}, None) == [
        "apiVersion: must be serving.bastaix.dev/v1alpha1"
    ]


def test_takes_what_kubectl_get_gives() -> None:
    body = copy.deepcopy(MINIMAL)
    with_field(body, "status", {"anything": True})
    body["metadata"] |= {"uid": "1", "resourceVersion": "1", "managedFields": [], "generation": 1}
    assert said(body, None) == []


def test_a_null_is_absent() -> None:
    body = copy.deepcopy(MINIMAL)
    with_field(body, "spec.scaling", None)
    with_field(body, "spec.app.args", {"kept": None})
    assert said(body, None) == []
    with_field(body, "spec.app", None)
    assert said(body, None) == ["spec.app: Required value"]


@pytest.mark.parametrize(
    ("metadata", "is_right"),
    [
        ({"namespace": "demo-1"}, True),
        ({"namespace": None}, True),
        ({"namespace": "Demo"}, False),
        ({"namespace": "-demo"}, False),
        ({"namespace": "d" * 64}, False),
        ({"labels": {"a": "", "b": "v1.2_x"}}, True),
        ({"labels": {"a": "two words"}}, False),
        ({"labels": {"a": "end-"}}, False),
        ({"labels": {"a": "x" * 64}}, False),
        ({"annotations": {"a": "two words"}}, True),
    ],
)
def test_checks_what_of_metadata_no_schema_does(metadata: dict[str, Any], is_right: bool) -> None:
    found = said({**MINIMAL, "metadata": {**MINIMAL["metadata"], **metadata}}, None)
    assert (found == []) == is_right


def test_names_a_field_without_a_dot_before_it(rules: Rules) -> None:
    body = copy.deepcopy(MINIMAL)
    with_field(body, "metadata.name", "A_b")
    assert [violation.split(":")[0] for violation in said(body, rules)] == ["spec"]


def test_does_not_repeat_what_may_be_a_credential(rules: Rules) -> None:
    body = copy.deepcopy(MINIMAL)
    with_field(body, "spec.source.git.repository", "https://me:hunter2@g.dev/a")
    assert said(body, rules)
    assert "hunter2" not in "\n".join(said(body, rules))


def nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from nodes(schema[key])
    for child in schema.get("properties", {}).values():
        yield from nodes(child)


def test_every_keyword_of_the_schema_is_understood() -> None:
    assert {key for node in nodes(schema()) for key in node} <= KEYWORDS


def test_every_rule_of_the_schema_can_be_evaluated(rules: Rules) -> None:
    given = [rule for node in nodes(schema()) for rule in node.get("x-kubernetes-validations", ())]
    keys = {"rule", "message", "reason", "fieldPath", "optionalOldSelf"}
    assert {key for rule in given for key in rule} <= keys
    for rule in given:
        rules.keeps(rule["rule"], {})  # an unknown function is an error already when it is read
