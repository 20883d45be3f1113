"""Objects without what may be a secret, fit to be handed to somebody else. Pure.

What is literally in an environment goes, whatever it is, unless it is one of those that are set by
Bastaix or KubeRay or too plain to be a secret; and then goes wherever else it stands. All other
text loses what has the form or the name of a secret (`observe.masking`). Names are kept: that a
variable is set, or which Secret one comes from, is what somebody looks for.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import yaml

from bastaix.api import names
from bastaix.observe.masking import MASK, is_named_like_a_secret, masked
from bastaix.plugin.seen import Object

SHORTEST: Final = 8
"""A shorter value is not looked for in other texts, where it would stand by chance."""
ELLIPSIS: Final = "…"
MANAGED_FIELDS: Final = "managedFields"
LAST_APPLIED: Final = "last-applied"
"""In the name of an annotation which repeats the object in another form."""
SERVE_CONFIG: Final = "serveConfigV2"

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
_LISTS: Final = ("env", "env_vars")
# These name a Secret and hold none, as Kubernetes' own references have them.
_NAMES: Final = frozenset({"secretName", "authSecretName", "tokenPath"})
_REFERENCE: Final = _NAMES | {"name", "namespace", "key", "path", "items", "kind", "audience"}
_FLAG: Final = re.compile(r"--?[\w\-]+")


@dataclass(frozen=True)
class Redaction:
    known: tuple[str, ...] = ()
    """Values that were found in one place and go in all, the longest first."""

    def text(self, text: str) -> str:
        for value in self.known:
            text = text.replace(value, MASK)
            text = _without_beginning(text, value)
        return masked(text)

    def body(self, body: Object) -> dict[str, Any]:
        return dict(self._value(body, ""))

    def _value(self, value: Any, name: str) -> Any:
        if isinstance(value, Mapping):
            if name in _LISTS:
                return {key: self._variable(str(key), each) for key, each in value.items()}
            return {
                self.text(str(key)): self._value(each, _within(name, str(key)))
                for key, each in value.items()
                if key != MANAGED_FIELDS and LAST_APPLIED not in str(key)
            }
        if isinstance(value, list | tuple):
            if name in _LISTS:
                return [self._env(each) for each in value]
            return self._list(value, name)
        if not isinstance(value, str):
            return value
        if name == names.PROXY_ANNOTATION:
            return "left out: bastaix_proxy, as it is in Bastaix"
        if name == SERVE_CONFIG:
            return self._serve_config(value)
        return MASK if _is_secret(name, value) else self.text(value)

    def _list(self, values: Iterable[Any], name: str) -> list[Any]:
        """In a command the value of an option may be the next word."""
        found, is_secret = [], False
        for each in values:
            is_hidden = is_secret and isinstance(each, str)
            found.append(MASK if is_hidden else self._value(each, name))
            is_secret = _announces(each)
        return found

    def _env(self, variable: Any) -> Any:
        if not isinstance(variable, Mapping):
            return MASK if isinstance(variable, str) else variable
        kept = {key: self._value(each, str(key)) for key, each in variable.items()}
        if "value" in variable:
            kept["value"] = self._variable(str(variable.get("name")), variable["value"])
        return kept

    def _variable(self, name: str, value: Any) -> Any:
        return self.text(str(value)) if _is_harmless(name, value) else MASK

    def _serve_config(self, text: str) -> str:
        """YAML in a string, which has the app's arguments in it."""
        parsed = _parsed(text)
        if not isinstance(parsed, Mapping | list):
            return self.text(text)
        return yaml.safe_dump(self._value(parsed, ""), sort_keys=False, width=2**31)


def redaction(bodies: Iterable[Object], public: Iterable[str] = ()) -> Redaction:
    """What is secret in one of them is so in all; what is part of a public name is so nowhere."""
    spared = tuple(public)
    found = {each for body in bodies for each in _secrets(body, "")}
    forms = {form for each in found for form in _forms(each)}
    known = (e for e in forms if len(e) >= SHORTEST and not any(e in name for name in spared))
    return Redaction(tuple(sorted(known, key=lambda each: (-len(each), each))))


def _without_beginning(text: str, value: str) -> str:
    """A message that was too long ends in an ellipsis, which may come within the value."""
    if not text.endswith(ELLIPSIS):
        return text
    line = text.removesuffix(ELLIPSIS)
    for length in range(len(value) - 1, SHORTEST // 2, -1):
        if line.endswith(value[:length]):
            return f"{line[:-length]}{MASK}{ELLIPSIS}"
    return text


def _forms(value: str) -> Iterator[str]:
    """As it may be written elsewhere."""
    if len(value) < SHORTEST:
        return
    yield value
    yield from (line.strip() for line in value.splitlines())
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield quote(value, safe="")
    yield base64.b64encode(value.encode()).decode().rstrip("=")


def _secrets(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        if name in _LISTS:
            yield from (str(e) for key, e in value.items() if not _is_harmless(str(key), e))
            return
        for key, each in value.items():
            yield from _secrets(each, _within(name, str(key)))
    elif isinstance(value, list | tuple):
        if name in _LISTS:
            yield from _set(value)
            return
        announced = False
        for each in value:
            if announced and isinstance(each, str):
                yield each
            else:
                yield from _secrets(each, name)
            announced = _announces(each)
    elif isinstance(value, str):
        if name == SERVE_CONFIG:
            yield from _secrets(_parsed(value), "")
        elif _is_secret(name, value):
            yield value


def _set(variables: Iterable[Any]) -> Iterator[str]:
    for each in variables:
        value = each.get("value") if isinstance(each, Mapping) else None
        if value is not None and not _is_harmless(str(each.get("name")), value):
            yield str(value)


def _is_harmless(name: str, value: Any) -> bool:
    """A name like a secret's is never."""
    text = str(value)
    if name in HARMLESS:
        return True
    return not is_named_like_a_secret(name) and _PLAIN.fullmatch(text) is not None


def _is_secret(name: str, value: str) -> bool:
    """By the name of the field in which it stands."""
    if name in _NAMES or not is_named_like_a_secret(name):
        return False
    return value not in _NOTHING


def _within(name: str, key: str) -> str:
    """What `credentials` holds is a secret, whatever it is called in there."""
    if key in _REFERENCE or not is_named_like_a_secret(name):
        return key
    return f"{name}.{key}"


def _announces(word: Any) -> bool:
    if not isinstance(word, str) or _FLAG.fullmatch(word) is None:
        return False
    return is_named_like_a_secret(word)


def _parsed(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None
