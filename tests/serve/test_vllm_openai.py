"""The vLLM app: wrong arguments refused before anything starts, right ones answered."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.serve.running import APPS, Running, environment, serving, until

SECRET = "Xanthippe-4711"
QUESTION = "Name the capital of Italy."


def config(**more: object) -> dict[str, object]:
    loading = {"model_id": "smollm2", "model_source": "/models/smollm2"}
    return {"model_loading_config": loading, "accelerator_config": {"kind": "cpu"}, **more}


def one(**more: object) -> dict[str, object]:
    return {"llm_configs": [config(**more)]}


WRONG: dict[str, tuple[dict[str, object], str]] = {
    "a key at the top": (
        {**one(), "ingress_config": {}},
        "the top level has no key 'ingress_config': did you mean 'ingress_cls_config'?",
    ),
    "a key of a model": (
        one(accelerator="A10G"),
        "llm_configs[0] has no key 'accelerator': did you mean 'accelerator_type'?",
    ),
    "an engine argument": (
        one(engine_kwargs={"max_modl_len": 8}),
        "llm_configs[0].engine_kwargs has no key 'max_modl_len': did you mean 'max_model_len'?",
    ),
    "an engine argument in the wrong place": (
        one(max_model_len=8),
        "llm_configs[0] has no key 'max_model_len': it belongs in llm_configs[0].engine_kwargs",
    ),
    "a deployment option": (
        one(deployment_config={"autoscaling_config": {"max_replica": 2}}),
        "llm_configs[0].deployment_config.autoscaling_config has no key 'max_replica': "
        "did you mean 'max_replicas'?",
    ),
    "an option of the ingress": (
        {**one(), "ingress_deployment_config": {"num_replica": 2}},
        "ingress_deployment_config has no key 'num_replica': did you mean 'num_replicas'?",
    ),
    "a switch that logs prompts": (
        one(engine_kwargs={"enable_log_requests": True}),
        "llm_configs[0].engine_kwargs.enable_log_requests would write prompts to the log: "
        "remove it",
    ),
    "a value": (
        one(accelerator_type="H1000"),
        "llm_configs[0].accelerator_type: Unsupported accelerator type: H1000",
    ),
    "a value two models deep": (
        {"llm_configs": [config(), {"model_loading_config": {}}]},
        "llm_configs[1].model_loading_config.model_id: Field required",
    ),
    "a file that is not there": (
        {"llm_configs": ["none.yaml"]},
        "llm_configs[0]: [Errno 2] No such file or directory: 'none.yaml'",
    ),
    "no model": (
        {},
        "llm_configs must be a list of at least one model configuration, "
        "each with model_loading_config.model_id",
    ),
    "a model twice": (
        {"llm_configs": [config(), config()]},
        "Duplicate models found. Make sure model ids are unique.",
    ),
}

BUILD_EACH = """
import json, sys
import app
for arguments in json.load(sys.stdin):
    try:
        app.build(arguments)
        said = None
    except app.WrongArguments as error:
        said = str(error)
    print("\\nresult", json.dumps(said))
"""


@pytest.fixture(scope="module")
def complaints(ray_python: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What building with each wrong argument says; one process, because importing vLLM is slow."""
    done = subprocess.run(
        [ray_python, "-c", BUILD_EACH],
        input=json.dumps([arguments for arguments, _ in WRONG.values()]),
        cwd=APPS / "vllm_openai",
        env=environment(tmp_path_factory.mktemp("build")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = [line for line in done.stdout.splitlines() if line.startswith("result ")]
    return dict(zip(WRONG, (json.loads(line.split(" ", 1)[1]) for line in results), strict=True))


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_argument_is_refused_by_name(case: str, complaints: dict[str, Any]) -> None:
    assert complaints[case] == f"wrong arguments: {WRONG[case][1]}"


@pytest.fixture(scope="module")
def vllm(ray_python: str, model_folder: str) -> Iterator[Running]:
    arguments = one(
        model_loading_config={"model_id": "smollm2", "model_source": model_folder},
        engine_kwargs={"max_model_len": 2048, "dtype": "bfloat16", "enforce_eager": True},
    )
    # Two cores are enough: the engine's replica has them, the ingress takes none.
    arguments["ingress_deployment_config"] = {"ray_actor_options": {"num_cpus": 0}}
    with serving(ray_python, "vllm_openai", arguments, model="smollm2", seconds=600) as running:
        yield running


def ask(text: str, **more: object) -> dict[str, object]:
    said = [{"role": "user", "content": text}]
    return {"model": "smollm2", "messages": said, "temperature": 0, "max_tokens": 12, **more}


def test_it_knows_the_capital_of_italy(vllm: Running) -> None:
    answer = vllm.post("/v1/chat/completions", ask(QUESTION)).json
    assert answer["choices"][0]["message"]["content"] == "The capital of Italy is Rome."


def test_it_streams_the_same_answer(vllm: Running) -> None:
    events = vllm.post("/v1/chat/completions", ask(QUESTION, stream=True)).events
    assert events[-1] == "[DONE]"
    deltas = [json.loads(event)["choices"][0]["delta"] for event in events[:-1]]
    said = "".join(delta.get("content") or "" for delta in deltas)
    assert said == "The capital of Italy is Rome."


def test_it_exports_the_engines_series(vllm: Running) -> None:
    vllm.post("/v1/chat/completions", ask(QUESTION))
    wanted = ("ray_vllm_time_to_first_token_seconds_count{", "ray_vllm_num_requests_running{")
    until(
        lambda: all(text in vllm.series() for text in wanted),
        seconds=60,
        what="exporting the series",
    )


def test_what_was_said_is_in_no_log(vllm: Running) -> None:
    vllm.post("/v1/chat/completions", ask(SECRET))
    vllm.post("/v1/chat/completions", ask(f"{SECRET} " * 3000))  # longer than the model's context
    vllm.post("/v1/chat/completions", {"model": "smollm2", "messages": SECRET})
    vllm.post("/v1/chat/completions", {**ask(SECRET), "model": "other"})
    vllm.post("/v1/completions", {"model": "smollm2", "prompt": SECRET, "max_tokens": SECRET})
    vllm.post("/v1/completions", f"{{{SECRET}")
    until(
        lambda: bool(vllm.logs_with("POST /v1/completions 4")),
        seconds=30,
        what="logging the requests themselves",
    )
    assert vllm.logs_with(SECRET) == []
