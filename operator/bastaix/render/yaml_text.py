"""YAML that every reader reads alike.

KubeRay reads `serveConfigV2` with Go's YAML, Ray with Python's, and the two disagree on plain
words such as `1e3` or `y`. So every string that is not a bare word is quoted.
"""

import re
from typing import Any

import yaml

_BARE_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]+")


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if _BARE_WORD.fullmatch(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _string)


def dump(value: Any) -> str:
    """Keys sorted, lines unbroken: the same value is always the same text."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=True, width=2**31)
