"""YAML that somebody else wrote, read within bounds. Pure."""

from typing import Any, Final

import yaml

MOST_CHARACTERS: Final = 4 * 1024 * 1024
"""Of one text; an object of the API server has less than half."""


class Loader(yaml.SafeLoader):
    """Refuses aliases: ten lists of ten each, eight levels deep, make gigabytes of 430 bytes."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not read")
        return super().compose_node(parent, index)


def read_yaml(text: str, most: int = MOST_CHARACTERS) -> Any:
    """The one document in it. YAMLError or ValueError: it is none, has aliases, or is too long."""
    if len(text) > most:
        raise ValueError(f"it has {len(text):,} characters; the limit is {most:,}")
    try:
        return yaml.load(text, Loader)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
