"""What in an object may be a secret, told by the field in which it stands. Pure.

What is literally in an environment is one, whatever it is, unless Bastaix or KubeRay set it or it
is too plain; elsewhere what is named like one. Names of Secrets, and where it comes from, are none.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from bastaix.observe.masking import is_named_like_a_secret

LISTS: Final = ("env", "env_vars")
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


def named_value(value: Mapping[str, Any]) -> str | None:
    """The name of what is written as a name and a value, such as a header of a probe."""
    return str(value["name"]) if {"name", "value"} <= set(value) else None


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
        found = yaml.load(text, Loader=_Plain)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return found if isinstance(found, Mapping | list) else None


class _Plain(yaml.SafeLoader):
    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has an alias")
        return super().compose_node(parent, index)


def secrets(value: Any, name: str = "") -> Iterator[str]:
    """All that is in an object, as text."""
    if isinstance(value, Mapping):
        yield from _in_mapping(value, name)
    elif isinstance(value, list | tuple):
        announced = False
        for each in value:
            if name in LISTS:
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
    if name in LISTS:
        yield from (str(each) for key, each in value.items() if not is_harmless(str(key), each))
        return
    called = named_value(value)
    for key, each in value.items():
        inside = called if called and key == "value" else within(name, str(key))
        yield from secrets(each, inside)


def _set(variable: Any) -> Iterator[str]:
    value = variable.get("value") if isinstance(variable, Mapping) else None
    if value is not None and not is_harmless(str(variable.get("name")), value):
        yield str(value)
