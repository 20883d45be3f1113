"""The echo app reads a vLLM app's arguments and a section of its own."""

import pytest

from serve_apps.echo.arguments import unknown_keys
from serve_apps.echo.settings import Settings, known_keys, read, wrong_values

KNOWN = known_keys(["num_replicas", "autoscaling_config"], ["min_replicas"])


def arguments(**echo: object) -> dict[str, object]:
    return {
        "llm_configs": [
            {
                "model_loading_config": {"model_id": "org/tiny-1.0", "model_source": "/m"},
                "engine_kwargs": {"max_model_len": 8, "whatever": 1},
                "accelerator_config": {"kind": "cpu"},
                "deployment_config": {"num_replicas": 1, "autoscaling_config": {"min_replicas": 1}},
            }
        ],
        "echo": echo,
    }


def test_without_arguments_it_serves_a_model_called_echo() -> None:
    assert read({}) == Settings(model="echo")
    assert read({}).deployment_name == "LLMServer:echo"


def test_a_vllm_apps_arguments_are_known_and_right() -> None:
    assert unknown_keys(arguments(), KNOWN) == []
    assert wrong_values(arguments()) == []


def test_the_deployment_is_named_as_ray_names_a_vllm_models() -> None:
    assert read(arguments()).deployment_name == "LLMServer:org--tiny-1_0"


def test_a_name_of_ones_own_gets_rays_prefix_too() -> None:
    assert Settings(deployment={"name": "mine"}).deployment_name == "LLMServer:mine"


def test_deployment_options_and_delays_are_passed_on() -> None:
    settings = read(arguments(seconds_to_start=1, seconds_per_token=0.5))
    assert settings.deployment["num_replicas"] == 1
    assert (settings.seconds_to_start, settings.seconds_per_token) == (1.0, 0.5)


def test_a_misspelt_delay_is_named() -> None:
    (complaint,) = unknown_keys(arguments(seconds_per_tokn=1), KNOWN)
    assert complaint == "echo has no key 'seconds_per_tokn': did you mean 'seconds_per_token'?"


@pytest.mark.parametrize("seconds", [-1, "1", None, True, float("inf"), float("nan")])
def test_a_delay_must_be_a_number_of_seconds(seconds: object) -> None:
    (complaint,) = wrong_values(arguments(seconds_per_token=seconds))
    assert complaint.startswith("echo.seconds_per_token must be a number of seconds, 0 or more")


def test_it_plays_no_bad_revision_unless_told() -> None:
    settings = read(arguments())
    assert (settings.answer, settings.fail_after_seconds) == (None, float("inf"))
    settings.crash_in("build")
    settings.crash_in("constructor")


def test_wrong_answers_and_failures_are_passed_on() -> None:
    settings = read(arguments(answer="no", fail_after_seconds=0))
    assert (settings.answer, settings.fail_after_seconds) == ("no", 0)


@pytest.mark.parametrize(("place", "other"), [("build", "constructor"), ("constructor", "build")])
def test_it_crashes_where_it_was_told_and_nowhere_else(place: str, other: str) -> None:
    settings = read(arguments(crash=place))
    settings.crash_in(other)
    with pytest.raises(RuntimeError, match=r"because echo\.crash asks for it"):
        settings.crash_in(place)


def test_a_crash_says_what_it_was_told_to_say() -> None:
    told = arguments(crash="build", crash_message="no such tokenizer")
    assert wrong_values(told) == []
    with pytest.raises(RuntimeError, match=r"^no such tokenizer$"):
        read(told).crash_in("build")


@pytest.mark.parametrize(
    ("echo", "says"),
    [
        ({"answer": 3}, "echo.answer must be a string, not 3"),
        ({"answer": None}, "echo.answer must be a string, not None"),
        ({"crash": "boot"}, "echo.crash must be build or constructor, not 'boot'"),
        ({"crash": True}, "echo.crash must be build or constructor, not True"),
        ({"crash": "build", "crash_message": 1}, "echo.crash_message must be a string, not 1"),
        ({"crash_message": "x"}, "echo.crash_message says nothing without echo.crash"),
        (
            {"fail_after_seconds": "1"},
            "echo.fail_after_seconds must be a number of seconds, 0 or more, not '1'",
        ),
    ],
)
def test_a_bad_revision_must_be_described_well(echo: dict[str, object], says: str) -> None:
    assert wrong_values(arguments(**echo)) == [says]


@pytest.mark.parametrize("configs", [[], [{}, {}], "echo", {}, [1]])
def test_exactly_one_model_is_wanted(configs: object) -> None:
    (complaint,) = wrong_values({"llm_configs": configs})
    assert complaint == (
        "llm_configs must be a list of exactly one mapping: this app plays one model"
    )


@pytest.mark.parametrize("loading", [None, {}, {"model_id": ""}, {"model_id": 3}])
def test_a_model_without_a_name_is_refused(loading: object) -> None:
    (complaint,) = wrong_values({"llm_configs": [{"model_loading_config": loading}]})
    assert complaint == "llm_configs[0].model_loading_config.model_id must name the model"


def test_sections_of_the_wrong_kind_are_refused() -> None:
    config = {"model_loading_config": {"model_id": "m"}, "deployment_config": 1}
    assert len(wrong_values({"llm_configs": [config], "echo": 1})) == 2
