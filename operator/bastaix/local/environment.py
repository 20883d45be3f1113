"""Which variables an app gets here, of all that it would get in its Pod. Pure.

What stands in the ModelDeployment is given as it stands there. What the cluster takes from
elsewhere (a Secret, a ConfigMap, the Pod) is taken from the variable of the same name here, and
where there is none, that is said. Of the rest of the laptop's environment an app sees only what
a program needs to run at all: what it finds here by chance it would miss in the cluster.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bastaix.observe.masking import MASK

_NEEDED: Final = {
    *("HOME", "PATH", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
    *("LD_LIBRARY_PATH", "HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
    *("http_proxy", "https_proxy", "no_proxy", "all_proxy"),
}
_SHORTEST: Final = 4
"""What is shorter would be taken out of the middle of words."""
_OF_KUBERNETES: Final = re.compile(r"\$\$|\$\(([A-Za-z_.\-][\w.\-]*)\)")
_PLACES: Final = {
    "secretKeyRef": "the Secret",
    "configMapKeyRef": "the ConfigMap",
    "fieldRef": "the Pod",
    "resourceFieldRef": "the Pod's resources",
}


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What is added to what a program needs to run at all."""

    literal: Mapping[str, str]
    """As it stands in the file, and what the operator adds."""
    borrowed: Mapping[str, str]
    """Taken from here in place of the cluster: never shown, and never written to a file."""
    notes: tuple[str, ...]

    @property
    def variables(self) -> dict[str, str]:
        return {**self.literal, **self.borrowed}

    def hidden(self, text: str) -> str:
        """The text without what was borrowed: whole, by the line, or as Python would write it."""
        values = set(self.borrowed.values())
        parts = values | {line.strip() for value in values for line in value.splitlines()}
        for part in sorted(parts | {repr(part)[1:-1] for part in parts}, key=len, reverse=True):
            text = text.replace(part, MASK) if len(part) >= _SHORTEST else text
        return text


def needed(local: Mapping[str, str]) -> dict[str, str]:
    """What a program needs to run at all."""
    return {
        name: value for name, value in local.items() if name in _NEEDED or name.startswith("LC_")
    }


def read(
    ours: Mapping[str, str],
    env: Sequence[Mapping[str, Any]],
    env_from: Sequence[Mapping[str, Any]],
    local: Mapping[str, str],
) -> Environment:
    """From `spec.runtime.env` and `envFrom`; as in a Pod, `env` comes over `ours`."""
    literal, borrowed, notes = dict(ours), dict[str, str](), list[str]()
    for each in env:
        name = str(each["name"])
        literal.pop(name, None)
        borrowed.pop(name, None)
        if each.get("valueFrom"):
            if name in local:
                borrowed[name] = local[name]
            else:
                notes.append(_missing(name, each["valueFrom"]))
            continue
        value, is_borrowed = _expanded(str(each.get("value") or ""), literal, borrowed)
        (borrowed if is_borrowed else literal)[name] = value
    notes += [_unknown(each) for each in env_from]
    return Environment(literal=literal, borrowed=borrowed, notes=tuple(notes))


def _missing(name: str, source: Mapping[str, Any]) -> str:
    kind, reference = next(iter(source.items()))
    place = _PLACES.get(kind, kind)
    of = f" {reference['name']}" if isinstance(reference, Mapping) and "name" in reference else ""
    return f"{name} is not set: in the cluster it comes from {place}{of}; here, export {name}=…"


def _unknown(source: Mapping[str, Any]) -> str:
    name = (source.get("secretRef") or source.get("configMapRef") or {}).get("name", "")
    return f"the variables of runtime.envFrom {name} are not set: name those it needs in env"


def _expanded(
    value: str, literal: Mapping[str, str], borrowed: Mapping[str, str]
) -> tuple[str, bool]:
    """`$(NAME)` as Kubernetes reads it, and whether anything borrowed is now in it."""
    names = {match[1] for match in _OF_KUBERNETES.finditer(value)}

    def meant(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return literal.get(match[1], borrowed.get(match[1], match[0]))

    return _OF_KUBERNETES.sub(meant, value), any(name in borrowed for name in names)
