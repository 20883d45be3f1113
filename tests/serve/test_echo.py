"""The echo app under a real Ray Serve: what a client sees, and what nobody else does."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from serve_apps.echo.settings import MODEL_CONFIG, MODEL_LOADING_CONFIG
from tests.serve.running import APPS, Running, environment, serving, until

MODEL = "org/tiny-1.0"
SECRET = "Xanthippe-4711"
ARGUMENTS = {
    "llm_configs": [
        {
            "model_loading_config": {"model_id": MODEL, "model_source": "/nowhere"},
            "engine_kwargs": {"max_model_len": 64},
            "accelerator_config": {"kind": "cpu"},
            "deployment_config": {"max_ongoing_requests": 8},
        }
    ],
    "echo": {"seconds_to_first_token": 0.3, "seconds_per_token": 0.1},
}


def chat(text: str, **more: object) -> dict[str, object]:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **more}


@pytest.fixture(scope="module")
def echo(ray_python: str) -> Iterator[Running]:
    with serving(ray_python, "echo", ARGUMENTS, model=MODEL, seconds=180) as running:
        yield running


def test_it_lists_its_model(echo: Running) -> None:
    assert [model["id"] for model in echo.get("/v1/models").json["data"]] == [MODEL]
    assert echo.get(f"/v1/models/{MODEL}").json["id"] == MODEL


def test_it_answers_with_what_was_said(echo: Running) -> None:
    response = echo.post("/v1/chat/completions", chat("Hello there"))
    assert response.status == 200
    assert response.json["choices"][0]["message"]["content"] == "Hello there"
    assert response.json["usage"]["total_tokens"] == 4


def test_it_streams_what_was_said(echo: Running) -> None:
    events = echo.post("/v1/chat/completions", chat("Hello there", stream=True)).events
    assert events[-1] == "[DONE]"
    assert "Hello " in events[1]
    assert "there" in events[2]


def test_it_completes_a_text_both_ways(echo: Running) -> None:
    whole = echo.post("/v1/completions", {"prompt": "a b"})
    assert whole.json["choices"][0]["text"] == "a b"
    assert echo.post("/v1/completions", {"prompt": "a b", "stream": True}).events[-1] == "[DONE]"


def test_it_is_as_slow_as_it_was_told(echo: Running) -> None:
    begun = time.monotonic()
    echo.post("/v1/completions", {"prompt": "a b c d e"})
    assert time.monotonic() - begun >= 0.8


def test_its_errors_have_openais_shape(echo: Running) -> None:
    responses = {
        404: echo.post("/v1/chat/completions", {**chat("x"), "model": "other"}),
        400: echo.post("/v1/chat/completions", "{not json"),
        405: echo.get("/v1/chat/completions"),
    }
    for status, response in responses.items():
        assert response.status == status
        assert response.json["error"]["type"] == "invalid_request_error"
    assert responses[404].json["error"]["code"] == "model_not_found"
    assert echo.get("/nowhere").json["error"]["message"] == "Not Found"


def test_it_exports_the_series_of_a_model(echo: Running) -> None:
    echo.post("/v1/completions", {"prompt": "a"})
    wanted = (
        "ray_vllm_time_to_first_token_seconds_count{",
        "ray_vllm_e2e_request_latency_seconds_count{",
        "ray_vllm_num_requests_running{",
        'deployment="LLMServer:org--tiny-1_0"',
        f'model_name="{MODEL}"',
    )
    until(
        lambda: all(text in echo.series() for text in wanted),
        seconds=60,
        what="exporting the series",
    )


def test_what_was_said_is_in_no_log(echo: Running) -> None:
    echo.post("/v1/chat/completions", chat(SECRET))
    echo.post("/v1/chat/completions", chat(SECRET, stream=True))
    echo.post("/v1/chat/completions", {"messages": SECRET})
    echo.post("/v1/completions", f"{{{SECRET}")
    until(
        lambda: bool(echo.logs_with("POST /v1/completions 400")),
        seconds=30,
        what="logging the requests themselves",
    )
    assert echo.logs_with(SECRET) == []


def test_it_accepts_every_key_that_ray_does(ray_python: str) -> None:
    script = (
        "from ray.serve.llm import LLMConfig, ModelLoadingConfig\n"
        "print(*sorted(LLMConfig.model_fields))\n"
        "print(*sorted(ModelLoadingConfig.model_fields))"
    )
    done = subprocess.run([ray_python, "-c", script], capture_output=True, text=True, check=True)
    config, loading = done.stdout.splitlines()[-2:]
    assert config.split() == sorted(MODEL_CONFIG)
    assert loading.split() == sorted(MODEL_LOADING_CONFIG)


def test_a_bad_revision_says_something_else_and_fails_after_a_while(ray_python: str) -> None:
    arguments = {"echo": {"answer": "no idea", "fail_after_seconds": 30}}
    with serving(ray_python, "echo", arguments, model="echo", seconds=180) as bad:
        assert bad.post("/v1/completions", {"prompt": "a"}).json["choices"][0]["text"] == "no idea"
        until(
            lambda: bad.post("/v1/completions", {"prompt": "a"}).status == 500,
            seconds=60,
            what="beginning to fail",
        )
        assert bad.get("/v1/models").status == 200


def test_a_wrong_argument_ends_serve_run_with_one_clear_line(
    ray_python: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [ray_python, "-m", "ray.serve.scripts", "run", "app:build", "llm_config=x"],
        cwd=APPS / "echo",
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == (
        "arguments.WrongArguments: wrong arguments: "
        "the top level has no key 'llm_config': did you mean 'llm_configs'?"
    )
