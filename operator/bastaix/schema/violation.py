"""One thing that is wrong with an object. Values are not repeated: they may hold a credential."""

from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]


@dataclass(frozen=True)
class Violation:
    field: str
    """The path of the field: spec.runtime.env[0].name."""
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def below(field: str, key: str) -> str:
    return f"{field}.{key}" if field else key
