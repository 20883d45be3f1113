"""What in an object may be a secret, told by the field in which it stands. Pure.

What is literally in an environment is one, whatever it is, unless Bastaix or KubeRay set it or it
is too plain; elsewhere what is named like one. Names of Secrets, and where it comes from, are none.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from bastaix.api.yaml_reader import read_yaml
from bastaix.observe.masking import is_named_like_a_secret

_ENVIRONMENTS: Final = re.compile(
    r"(?:extra|additional|custom|default|user)?env(?:iron(?:ment)?s?)?(?:var(?:iable)?s?)?s?"
)
_HEADERS: Final = re.compile(r"(?:http|extra|default|custom|request)*headers?")
_WORDS: Final = ("args", "command")
_OURS: Final = re.compile(r"ray-(?:head|worker)|autoscaler|wait-gcs-ready|bastaix-.*")
"""Containers whose commands are KubeRay's 1.6 and Bastaix' own."""
_PLAIN_HEADERS: Final = ("name", "accept", "content-type", "host", "user-agent", "connection")
SERVE_CONFIG: Final = "serveConfigV2"
MANAGED_FIELDS: Final = "managedFields"
_REPEATS: Final = re.compile(r"last-applied|/(?:applied|original)$")

HARMLESS: Final = frozenset(
    {
        "BASTAIX_ARCHIVE",
        "BASTAIX_BASELINE_URL",
        "BASTAIX_DATASET",
        "BASTAIX_MODEL",
        "BASTAIX_RESULT",
        "BASTAIX_URL",
        "FQ_RAY_IP",
        "HF_HUB_OFFLINE",
        "HOME",
        "KUBERAY_GEN_RAY_START_CMD",
        "RAY_ADDRESS",
        "RAY_AUTH_MODE",
        "RAY_CLUSTER_NAME",
        "RAY_CLUSTER_NAMESPACE",
        "RAY_DASHBOARD_ENABLE_K8S_DISK_USAGE",
        "RAY_IP",
        "RAY_LOG_TO_STDERR",
        "RAY_PORT",
        "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH",
        "RAY_USAGE_STATS_EXTRA_TAGS",
        "RAY_USAGE_STATS_KUBERAY_IN_USE",
        "USER",
        "VLLM_CPU_KVCACHE_SPACE",
        "VLLM_NO_USAGE_STATS",
    }
)
"""Variables that Bastaix and KubeRay set."""

_PLAIN: Final = re.compile(r"|true|false|True|False|\d{1,4}|\d\.\d{1,3}")
_NOTHING: Final = ("", "true", "false")
_COUNTS: Final = 10**7
"""A smaller number that is named after tokens counts them."""
# These name a Secret and hold none, as Kubernetes' own references have them.
_NAMES: Final = frozenset({"secretName", "authSecretName", "tokenPath"})
_REFERENCE: Final = _NAMES | {
    "name",
    "namespace",
    "key",
    "path",
    "items",
    "kind",
    "audience",
    "mode",
    "defaultMode",
    "expirationSeconds",
}
_FLAG: Final = re.compile(r"--?[\w\-]+")


def is_environment(name: str) -> bool:
    """Whether a field of this name holds variables: `env`, `env_vars`, `extraEnv` …"""
    return _ENVIRONMENTS.fullmatch(_folded(name)) is not None


def is_header(within: str, name: str) -> bool:
    """Whether this is a header that may carry a credential: most of those that a user sets do."""
    is_among = _HEADERS.fullmatch(_folded(within)) is not None
    return is_among and name.lower() not in _PLAIN_HEADERS


def holds_words(name: str, within: Mapping[str, Any]) -> bool:
    """Whether a field of this name is a user's own command or arguments of an app.

    What is in them has no name by which a secret could be told.
    """
    return name in _WORDS and _OURS.fullmatch(str(within.get("name", ""))) is None


def _folded(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def repeats(key: str) -> bool:
    """An annotation which has the object once more in it, in a form of its own, or its history."""
    return key == MANAGED_FIELDS or _REPEATS.search(key) is not None


def is_harmless(name: str, value: Any) -> bool:
    """As a variable. With a name like a secret's none is."""
    if name in HARMLESS:
        return True
    return not is_named_like_a_secret(name) and _PLAIN.fullmatch(str(value)) is not None


def is_secret(name: str, value: Any) -> bool:
    """A text or a number, by the name of the field in which it stands."""
    if name in _NAMES or isinstance(value, bool) or not is_named_like_a_secret(name):
        return False
    if isinstance(value, int | float):
        return "token" not in name.lower() or abs(value) >= _COUNTS
    return isinstance(value, str) and value not in _NOTHING


def within(name: str, key: str) -> str:
    """What `credentials` holds is a secret, whatever it is called in there."""
    if key in _REFERENCE or not is_named_like_a_secret(name):
        return key
    return f"{name}.{key}"


def field_name(key: str, values: Mapping[str, Any]) -> str:
    """What a field of a map is called: of a pair of `name` and `value`, the value as the name says.

    Such are the headers of a probe. The `name` of such a pair is no value at all.
    """
    if not {"name", "value"} <= set(values):
        return key
    return str(values["name"]) if key == "value" else key


def announces(word: Any) -> bool:
    """The word after it in a command is its value."""
    if not isinstance(word, str) or _FLAG.fullmatch(word) is None:
        return False
    return is_named_like_a_secret(word)


def in_json(text: str) -> Any:
    """What a text holds that is JSON and more than a scalar; None: it is not."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def in_yaml(text: str) -> Any:
    """None: it is none, or is made to grow by its aliases."""
    try:
        found = read_yaml(text)
    except (yaml.YAMLError, ValueError):
        return None
    return found if isinstance(found, Mapping | list) else None


def secrets(value: Any, name: str = "") -> Iterator[str]:
    """All that is in an object, as text."""
    if isinstance(value, Mapping):
        yield from _in_mapping(value, name)
    elif isinstance(value, list | tuple):
        announced = False
        for each in value:
            if is_environment(name):
                yield from _set(each)
            elif announced and isinstance(each, str):
                yield each
            else:
                yield from secrets(each, name)
            announced = announces(each)
    elif is_secret(name, value):
        yield str(value)
    elif isinstance(value, str):
        inner = in_yaml(value) if name == SERVE_CONFIG else in_json(value)
        if inner is not None:
            yield from secrets(inner, name)


def _in_mapping(value: Mapping[str, Any], name: str) -> Iterator[str]:
    if is_environment(name):
        yield from (str(each) for key, each in value.items() if not is_harmless(str(key), each))
        return
    for key, each in value.items():
        called = field_name(str(key), value)
        if isinstance(each, str) and is_header(name, called):
            yield each
        else:
            yield from secrets(each, within(name, called) if called == key else called)


def _set(variable: Any) -> Iterator[str]:
    value = variable.get("value") if isinstance(variable, Mapping) else None
    if value is not None and not is_harmless(str(variable.get("name")), value):
        yield str(value)
