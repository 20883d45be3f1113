"""The golden sets beside the apps are data sets that a gate can read."""

import json
from pathlib import Path
from typing import Any

import pytest

import serve_apps
from serve_apps.echo.answers import Answer, Endpoint, question

SETS = sorted(Path(serve_apps.__file__).parent.glob("*/evals/golden.jsonl"))
KEYS = {"id", "messages", "prompt", "request", "params", "assert", "weight"}
ASSERTIONS = {
    *("equals", "contains", "not_contains", "regex"),
    *("json_schema", "finish_reason", "max_latency"),
}

each_set = pytest.mark.parametrize("golden", SETS, ids=lambda path: path.parts[-3])


def cases(golden: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in golden.read_text(encoding="utf-8").splitlines()]


def test_every_app_has_one() -> None:
    assert [golden.parts[-3] for golden in SETS] == ["echo", "topics", "vllm_openai"]


@each_set
def test_ids_are_unique(golden: Path) -> None:
    ids = [case["id"] for case in cases(golden)]
    assert ids
    assert len(set(ids)) == len(ids)


@each_set
def test_a_case_asks_one_thing_and_holds_nothing_unknown(golden: Path) -> None:
    for case in cases(golden):
        assert set(case) <= KEYS, case["id"]
        assert len(case.keys() & {"messages", "prompt", "request"}) == 1, case["id"]
        assert case.get("weight", 1) >= 0, case["id"]


@each_set
def test_an_answer_is_bounded(golden: Path) -> None:
    for case in cases(golden):
        assert "request" in case or case["params"]["max_tokens"] > 0, case["id"]


@each_set
def test_a_case_asserts_something_that_is_known(golden: Path) -> None:
    for case in cases(golden):
        assert case["assert"], case["id"]
        for one in case["assert"]:
            assert set(one) == {"type", "value"}, case["id"]
            assert one["type"] in ASSERTIONS, case["id"]


def test_the_echo_app_answers_its_own_as_they_want_it() -> None:
    (golden,) = (one for one in SETS if one.parts[-3] == "echo")
    for case in cases(golden):
        endpoint: Endpoint = "chat" if "messages" in case else "text"
        asked = question({**case, **case["params"]}, endpoint=endpoint, model="echo")
        given = Answer(asked, id="1", created=0)
        said = "".join(given.tokens).strip()
        wanted = {one["type"]: one["value"] for one in case["assert"]}
        assert said == wanted["equals"], case["id"]
        assert wanted.get("finish_reason", given.finish_reason) == given.finish_reason, case["id"]
