"""Whether the code can be what it claims, before anything is spent on running it.

Files are read as text and syntax; nothing of them is ever executed or imported. What surely
fails is a failure, what cannot be known is a note.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from bastaix.api import reasons
from bastaix.source import datasets, imports
from bastaix.source.artifact import Checks, Tree
from bastaix.source.failure import SourceFailure
from bastaix.source.modules import Code, Missing, Unknown
from bastaix.source.requirements_file import conflicts
from bastaix.source.runtimes import Holding, holding

_NAMED: Final = 3
_LOOKED_FOR: Final = 50
_MAX_MESSAGE: Final = 700

# Whatever the working directory has by these names is imported instead of the image's.
_NEEDED: Final = (sys.stdlib_module_names - {"test", "this", "antigravity"}) | {
    *("aiohttp", "fastapi", "numpy", "openai", "pydantic", "ray", "requests", "starlette"),
    *("tokenizers", "torch", "transformers", "triton", "uvicorn", "vllm", "yaml"),
}


@dataclass(frozen=True)
class Examination:
    failure: SourceFailure | None
    notes: tuple[str, ...] = ()


def examine(tree: Tree, checks: Checks, path: str | None = None) -> Examination:
    """`path` is what was selected of the source; a message that proposes another builds on it."""
    held = holding(checks.image, checks.ray_version)
    code = Code(tree, held.python)
    failure, notes = _import(code, checks.import_path, path)
    if failure is None:
        failure = _dependencies(tree, held)
    if failure is None:
        failure = _dataset(tree, checks)
    notes += [*_versions(held), *_shadows(code)]
    return Examination(failure, tuple(map(_line, notes)))


def _import(
    code: Code, import_path: str, path: str | None
) -> tuple[SourceFailure | None, list[str]]:
    try:
        imports.check(code, import_path, path)
    except Missing as missing:
        return SourceFailure(reasons.IMPORT_PATH_NOT_FOUND, _line(str(missing))), []
    except Unknown as unknown:
        return None, [f"{import_path} could not be checked: {unknown}"]
    except (RecursionError, MemoryError):
        return None, [
            f"{import_path} could not be checked: the code is too large or too deeply nested"
        ]
    return None, []


def _dependencies(tree: Tree, held: Holding) -> SourceFailure | None:
    found = list(islice(conflicts(tree, held), _LOOKED_FOR))
    if not found:
        return None
    more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return SourceFailure(reasons.DEPENDENCY_CONFLICT, _line("; ".join(found[:_NAMED]) + more))


def _dataset(tree: Tree, checks: Checks) -> SourceFailure | None:
    found = datasets.check(tree, checks)
    return found and SourceFailure(found.reason, _line(found.message))


def _versions(held: Holding) -> Iterator[str]:
    ray = held.versions["ray"]
    if ray != held.declared_ray:
        yield (
            f"{held.image} holds Ray {ray} by its tag, but runtime.rayVersion is"
            f" {held.declared_ray}: set it to {ray}"
        )


def _shadows(code: Code) -> Iterator[str]:
    names = [name for name in code.root() if name in _NEEDED and code.is_ours(name)]
    if names:
        yield (
            f"{', '.join(names[:_NAMED])} at the root takes the place of the module of that name"
            " that Ray or Python needs; rename it"
        )


def _line(text: str) -> str:
    """One line of bounded length: names and texts of the code are anybody's."""
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown if len(shown) <= _MAX_MESSAGE else f"{shown[: _MAX_MESSAGE - 1]}…"
