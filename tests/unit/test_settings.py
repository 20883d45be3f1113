"""Where a setting comes from, and what is said of one that cannot be used."""

import pytest

from bastaix.settings import BadSetting, read


def test_nothing_given_means_all_namespaces_and_the_usual_port() -> None:
    settings = read({}, {})
    assert settings.namespaces == frozenset()
    assert (settings.host, settings.port, settings.workers) == ("", 8080, 16)
    assert settings.log_level == "INFO"


def test_what_is_given_wins_over_the_environment() -> None:
    environment = {
        "BASTAIX_NAMESPACES": "a, b,",
        "BASTAIX_WORKERS": "3",
        "BASTAIX_LISTEN": "[::1]:9",
    }
    settings = read({"workers": "5", "log_level": None}, environment)
    assert settings.namespaces == {"a", "b"}
    assert settings.workers == 5
    assert (settings.host, settings.port) == ("::1", 9)


def test_an_empty_variable_is_not_set() -> None:
    assert read({}, {"BASTAIX_LOG_LEVEL": "", "BASTAIX_PROBE_URL": ""}) == read({}, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("log_level", "loud"),
        ("workers", "0"),
        ("workers", "many"),
        ("listen", "8080"),
        ("listen", ":eighty"),
        ("listen", ":99999"),
        ("probe_url", "http://{pod}"),
        ("probe_url", "http://{"),
    ],
)
def test_what_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=name.replace("_", " ").replace("url", "URL")) as error:
        read({name: value}, {})
    assert value in str(error.value)
