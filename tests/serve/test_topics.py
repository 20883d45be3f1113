"""The topics app on a real vLLM: answers of the promised shape, errors that say what is wrong."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.running import APPS, Running, environment, serving, until

SECRET = "Xanthippe-4711"
DOCUMENTS = ["The cat sleeps on the sofa.", "Shares fell on Monday.", "Kittens drink milk."]
QUESTION = [{"role": "user", "content": "Name the capital of Italy."}]


@pytest.fixture(scope="module")
def topics(ray_python: str, model_folder: str) -> Iterator[Running]:
    arguments = {
        "llm_configs": [
            {
                "model_loading_config": {"model_id": "smollm2", "model_source": model_folder},
                "accelerator_config": {"kind": "cpu"},
                "engine_kwargs": {
                    "max_model_len": 2048,
                    "dtype": "bfloat16",
                    "enforce_eager": True,
                },
            }
        ],
        "ingress_deployment_config": {"ray_actor_options": {"num_cpus": 0}},
        "topics": {"max_documents": 4, "max_characters": 9000, "max_tokens": 256},
    }
    with serving(ray_python, "topics", arguments, model="smollm2", seconds=600) as running:
        yield running


@pytest.mark.parametrize("wanted", [1, 2])
def test_every_topic_has_a_name_and_documents_that_exist(topics: Running, wanted: int) -> None:
    response = topics.post("/topics", {"documents": DOCUMENTS, "max_topics": wanted})
    assert response.status == 200
    assert set(response.json) == {"topics"}
    assert 1 <= len(response.json["topics"]) <= wanted
    for topic in response.json["topics"]:
        assert topic["topic"]
        assert topic["documents"]
        assert set(topic["documents"]) <= {0, 1, 2}


def test_a_wrong_request_is_told_what_would_be_right(topics: Running) -> None:
    for body, says in (
        ({"documents": []}, "documents must be a list of at least one text"),
        ({"documents": ["a"] * 5}, "5 documents are too many: send at most 4"),
    ):
        response = topics.post("/topics", body)
        assert (response.status, response.json["error"]["message"]) == (400, says)


def test_more_than_the_context_holds_is_the_clients_mistake(topics: Running) -> None:
    assert topics.post("/topics", {"documents": ["数据库很快" * 1700]}).status == 400


def test_it_speaks_openais_api_too(topics: Running) -> None:
    body = {"model": "smollm2", "messages": QUESTION, "temperature": 0, "max_tokens": 12}
    answer = topics.post("/v1/chat/completions", body).json
    assert "Rome" in answer["choices"][0]["message"]["content"]
    assert [model["id"] for model in topics.get("/v1/models").json["data"]] == ["smollm2"]


def test_what_was_sent_is_in_no_log(topics: Running) -> None:
    topics.post("/topics", {"documents": [SECRET], "max_topics": 1})
    topics.post("/topics", {"documents": [f"{SECRET} " * 500]})  # longer than the context
    topics.post("/topics", {"documents": SECRET})
    topics.post("/topics", f"{{{SECRET}")
    until(
        lambda: bool(topics.logs_with("POST /topics 4")),
        seconds=30,
        what="logging the requests themselves",
    )
    assert topics.logs_with(SECRET) == []


def test_wrong_arguments_are_named_in_one_line(ray_python: str, tmp_path: Path) -> None:
    arguments = {
        "llm_configs": [{"model_loading_config": {"model_id": "m"}, "max_model_len": 8}],
        "ingress_cls_config": {},
        "topics": {"max_document": 1},
    }
    script = "import json, sys, app\napp.build(json.load(sys.stdin))"
    done = subprocess.run(
        [ray_python, "-c", script],
        input=json.dumps(arguments),
        cwd=APPS / "topics",
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.splitlines()[-1] == (
        "arguments.WrongArguments: wrong arguments: "
        "llm_configs[0] has no key 'max_model_len': it belongs in llm_configs[0].engine_kwargs; "
        "the top level has no key 'ingress_cls_config': "
        "did you mean 'ingress_deployment_config'?; "
        "topics has no key 'max_document': did you mean 'max_documents'?"
    )
