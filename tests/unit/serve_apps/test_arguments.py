"""Wrong keys are all named, each with its place and what was probably meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_apps.echo.arguments import WrongArguments, refuse, unknown_keys

KNOWN = {
    "llm_configs": [
        {
            "model_loading_config": {"model_id": None, "model_source": None},
            "engine_kwargs": {"max_model_len": None, "dtype": None, "seed": None},
            "runtime_env": None,
        }
    ],
    "ingress": None,
}


def in_config(**config: object) -> dict[str, object]:
    return {"llm_configs": [config]}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param(
            {"llm_config": []},
            "the top level has no key 'llm_config': did you mean 'llm_configs'?",
            id="at the top level",
        ),
        pytest.param(
            in_config(engine_kwarg={}),
            "llm_configs[0] has no key 'engine_kwarg': did you mean 'engine_kwargs'?",
            id="in a list",
        ),
        pytest.param(
            {"llm_configs": [{}, {"engine_kwargs": {"max_modl_len": 1}}]},
            "llm_configs[1].engine_kwargs has no key 'max_modl_len': did you mean 'max_model_len'?",
            id="deep in the second model",
        ),
        pytest.param(
            in_config(engine_kwargs={"max-model-len": 1}),
            "llm_configs[0].engine_kwargs has no key 'max-model-len': "
            "did you mean 'max_model_len'?",
            id="spelt as on vLLM's command line",
        ),
        pytest.param(
            {"llm_configs": [{}, {"max_model_len": 1}]},
            "llm_configs[1] has no key 'max_model_len': it belongs in llm_configs[1].engine_kwargs",
            id="one level too high, in its own model",
        ),
        pytest.param(
            in_config(engine_kwargs={"model_id": "m"}),
            "llm_configs[0].engine_kwargs has no key 'model_id': "
            "it belongs in llm_configs[0].model_loading_config",
            id="in a neighbour's section",
        ),
        pytest.param(
            in_config(engine_kwargs={"ingress": 1}),
            "llm_configs[0].engine_kwargs has no key 'ingress': it belongs at the top level",
            id="too deep",
        ),
        pytest.param(
            in_config(engine_kwargs={"zzz": 1}),
            "llm_configs[0].engine_kwargs has no key 'zzz': known here: dtype, max_model_len, seed",
            id="like nothing known",
        ),
        pytest.param(
            in_config(engine_kwargs={1: 1}),
            "llm_configs[0].engine_kwargs has no key '1': known here: dtype, max_model_len, seed",
            id="not even a string",
        ),
    ],
)
def test_an_unknown_key_is_named_with_its_place_and_the_nearest(
    arguments: dict[str, object], complaint: str
) -> None:
    assert unknown_keys(arguments, KNOWN) == [complaint]


def test_every_unknown_key_is_named_at_once() -> None:
    arguments = {"ingres": 1, **in_config(engine_kwargs={"dtyp": 1, "sed": 1})}
    assert len(unknown_keys(arguments, KNOWN)) == 3


def test_a_long_list_of_known_keys_is_not_recited() -> None:
    known = {f"option_{number}": None for number in range(50)}
    (complaint,) = unknown_keys({"zzz": 1}, known)
    assert complaint == "the top level has no key 'zzz': nothing known here is like it"


@pytest.mark.parametrize(
    "value", [None, 3, "text", {"llm_configs": "a.yaml"}, {"ingress": {"a": 1}}]
)
def test_what_is_not_a_section_is_left_to_its_owner(value: object) -> None:
    assert unknown_keys(value, KNOWN) == []


keys = st.dictionaries(st.text(), st.integers(), max_size=5)


@given(known=st.sets(st.text()), given_keys=keys)
def test_exactly_the_unknown_keys_are_complained_about(
    known: set[str], given_keys: dict[str, int]
) -> None:
    complaints = unknown_keys(given_keys, dict.fromkeys(known))
    assert len(complaints) == len(set(given_keys) - known)


def test_refusing_says_everything_in_one_line() -> None:
    with pytest.raises(WrongArguments, match=r"^wrong arguments: a is b; c is d$"):
        refuse(["a is b", "c is d"])


def test_nothing_wrong_is_not_refused() -> None:
    refuse([])
