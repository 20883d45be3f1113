"""Things that hang below one another, drawn with lines. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from bastaix.plugin.screen import one_line

Mark = Literal["", "wrong", "waits"]

_SIGNS: Final[dict[Mark, str]] = {"": "", "wrong": "✗ ", "waits": "… "}


@dataclass(frozen=True)
class Node:
    name: str
    says: str = ""
    mark: Mark = ""
    below: tuple["Node", ...] = ()


def drawn(root: Node) -> list[str]:
    return [_line(root), *_below(root, "")]


def _below(node: Node, indent: str) -> Iterator[str]:
    for each in node.below:
        is_last = each is node.below[-1]
        yield f"{indent}{'└─ ' if is_last else '├─ '}{_line(each)}"
        yield from _below(each, indent + ("   " if is_last else "│  "))


def _line(node: Node) -> str:
    return f"{_SIGNS[node.mark]}{node.name}  {one_line(node.says)}".rstrip()
