"""Objects without what may be a secret, fit to be handed to somebody else. Pure.

What is a secret by where it stands (`sensitive`) goes there, and wherever else it stands. All other
text loses what has the form or the name of one (`observe.masking`). Names are kept: that a variable
is set, or which Secret one comes from, is what somebody looks for.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote, unquote

import yaml

from bastaix.api import names
from bastaix.observe.masking import MASK, masked
from bastaix.plugin.seen import Object
from bastaix.plugin.sensitive import (
    SERVE_CONFIG,
    announces,
    field_name,
    holds_words,
    in_json,
    in_yaml,
    is_environment,
    is_harmless,
    is_header,
    is_secret,
    repeats,
    secrets,
    within,
)

SHORTEST: Final = 8
"""A shorter value is not looked for in other texts, where it would stand by chance."""
BEGINNING: Final = 5
ELLIPSIS: Final = "…"
UNREADABLE: Final = "left out: what it sets cannot be told apart, as it is no plain YAML"
_PASSWORD: Final = re.compile(r"://[^\s/:@]*:([^\s/@]+)@")


@dataclass(frozen=True)
class Redaction:
    known: tuple[str, ...] = ()
    """Values that were found in one place and go in all, the longest first."""
    with_args: bool = False
    """Whether texts in a user's commands and in the arguments of an app stay."""

    def text(self, text: str) -> str:
        for value in self.known:
            text = text.replace(value, MASK)
        return masked(self._without_beginnings(text))

    def _without_beginnings(self, text: str) -> str:
        """A message that was too long ends in an ellipsis, which may come within a value.

        More may follow: what to do about it.
        """
        *cut, rest = text.split(ELLIPSIS)
        return ELLIPSIS.join([*map(self._without_beginning, cut), rest])

    def _without_beginning(self, text: str) -> str:
        for at in range(len(text) - BEGINNING + 1):
            known = self._by_beginning.get(text[at : at + BEGINNING], ())
            if any(value.startswith(text[at:]) for value in known):
                return f"{text[:at]}{MASK}"
        return text

    @cached_property
    def _by_beginning(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for value in self.known:
            found.setdefault(value[:BEGINNING], []).append(value)
        return found

    def body(self, body: Object) -> dict[str, Any]:
        return dict(self._value(body, ""))

    def _value(self, value: Any, name: str) -> Any:
        if isinstance(value, Mapping):
            return self._mapping(value, name)
        if isinstance(value, list | tuple):
            return self._list(value, name)
        if is_secret(name, value):
            return MASK
        return self._text(value, name) if isinstance(value, str) else value

    def _mapping(self, values: Mapping[str, Any], name: str) -> dict[str, Any]:
        if is_environment(name):
            return {key: self._variable(str(key), each) for key, each in values.items()}
        return {
            self.text(str(key)): self._field(str(key), value, values, name)
            for key, value in values.items()
            if not repeats(str(key))
        }

    def _field(self, key: str, value: Any, values: Mapping[str, Any], name: str) -> Any:
        """One field of the map `values`, which is the field `name` of another."""
        called = field_name(key, values)
        if isinstance(value, str) and is_header(name, called):
            return MASK
        if holds_words(key, values) and not self.with_args:
            return _without_texts(value)
        return self._value(value, within(name, called) if called == key else called)

    def _list(self, values: Iterable[Any], name: str) -> list[Any]:
        """In a command the value of an option may be the next word."""
        if is_environment(name):
            return [self._env(each) for each in values]
        found, is_announced = [], False
        for each in values:
            is_hidden = is_announced and isinstance(each, str)
            found.append(MASK if is_hidden else self._value(each, name))
            is_announced = announces(each)
        return found

    def _env(self, variable: Any) -> Any:
        if not isinstance(variable, Mapping):
            return MASK if isinstance(variable, str) else variable
        kept = {key: self._value(each, str(key)) for key, each in variable.items()}
        if "value" in variable:
            kept["value"] = self._variable(str(variable.get("name")), variable["value"])
        return kept

    def _variable(self, name: str, value: Any) -> Any:
        return self.text(str(value)) if is_harmless(name, value) else MASK

    def _text(self, text: str, name: str) -> str:
        """One that holds an object is treated like one."""
        if name == names.PROXY_ANNOTATION:
            return "left out: bastaix_proxy, as it is in Bastaix"
        if name == SERVE_CONFIG:
            config = in_yaml(text)
            if config is None:
                return UNREADABLE if text.strip() else text
            return yaml.safe_dump(self._value(config, ""), sort_keys=False, width=2**31)
        inner = in_json(text)
        if inner is None:
            return self.text(text)
        return json.dumps(self._value(inner, name), ensure_ascii=False)


def _without_texts(value: Any) -> Any:
    """Its shape, its names, its numbers and its yes and no."""
    if isinstance(value, Mapping):
        return {key: _without_texts(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_texts(each) for each in value]
    return MASK if isinstance(value, str) else value


def redaction(
    bodies: Iterable[Object], public: Iterable[str] = (), *, with_args: bool = False
) -> Redaction:
    """What is secret in one of them is so in all; what is part of a public name is so nowhere."""
    spared = tuple(public)
    found = {each for body in bodies for each in secrets(body)}
    found |= {each for value in found for each in _inside(value)}
    forms = {form for each in found for form in _forms(each)}
    known = (e for e in forms if len(e) >= SHORTEST and not any(e in name for name in spared))
    return Redaction(tuple(sorted(known, key=lambda each: (-len(each), each))), with_args)


def _inside(value: str) -> Iterator[str]:
    """Parts of it that are secret by themselves: the password of an address, what JSON holds."""
    for password in _PASSWORD.findall(value):
        yield from (password, unquote(password))
    yield from secrets(in_json(value))


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
    yield from _in_longer_base64(value.encode())


def _in_longer_base64(value: bytes) -> Iterator[str]:
    """Without the characters that belong to a neighbour too: a header has `user:password`."""
    for before, shared in ((0, 0), (1, 2), (2, 3)):
        data = b"\0" * before + value
        whole = data[: len(data) // 3 * 3]
        yield base64.b64encode(whole).decode()[shared:]
