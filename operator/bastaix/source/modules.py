"""The Python modules among files: which file an import means, and what that file binds.

As Python's own finder does it from the root of the code: a package before a module before a
folder without `__init__.py`, and of each what is compiled from C before what is Python's, and
that before its bytecode. Nothing is imported.
"""

import ast
import re
import sys
import warnings
from dataclasses import dataclass

from bastaix.source.artifact import Tree
from bastaix.source.bindings import Bindings, From, read
from bastaix.source.runtimes import Python

# Grammar that came after Python 3.11, on the line where an older Python stumbles over it.
_NEWER = re.compile(
    r"""\b(?:[fFtT][rR]?|[rR][fFtT])['"] | ^\s*type\s+\w | \b(?:def|class)\s+\w+\s*\[
    | ^\s*except\b.*, | '''|\"\"\" """,
    re.VERBOSE,
)
_EXTENSION = ".so"
_COMPILED = (".pyc", ".pyd")


class Missing(Exception):
    """The import surely fails; the message says why, and where it can what would not."""


class Unknown(Exception):
    """Syntax alone does not tell; the message says why."""


@dataclass(frozen=True)
class Module:
    dotted: str
    path: str
    """Its file; of a folder without `__init__.py` the folder, with a / at its end."""

    @property
    def is_folder(self) -> bool:
        return self.path.endswith("/")

    @property
    def is_package(self) -> bool:
        return self.is_folder or self.path.rpartition("/")[2] == "__init__.py"


class Code:
    """The code, and the Python that will run it where that is known."""

    def __init__(self, tree: Tree, python: Python | None) -> None:
        self.tree = tree
        self._python = python
        self._folders = {path[:i] for path in tree for i, char in enumerate(path) if char == "/"}
        self._extensions = _stems(tree, _EXTENSION)
        self._compiled = _stems(tree, *_COMPILED)
        self._read: dict[str, Bindings] = {}

    def find(self, dotted: str) -> Module | None:
        """The module of a dotted name; None if there surely is none."""
        found: Module | None = None
        parts = dotted.split(".")
        for depth in range(1, len(parts) + 1):
            if found is not None and not found.is_package:
                return None
            found = self._at("/".join(parts[:depth]), ".".join(parts[:depth]))
            if found is None:
                return None
        return found

    def _at(self, place: str, dotted: str) -> Module | None:
        for stem in (f"{place}/__init__", place):
            if stem not in self._extensions and f"{stem}.py" in self.tree:
                return Module(dotted, f"{stem}.py")
            if stem in self._extensions or stem in self._compiled:
                raise Unknown(f"{dotted} is compiled")
        return Module(dotted, f"{place}/") if place in self._folders else None

    def root(self) -> list[str]:
        """The modules and packages that an import may begin with."""
        names = {path.partition("/")[0].removesuffix(".py") for path in self.tree
                 if path.endswith(".py") and path != "__init__.py"}  # fmt: skip
        return sorted(name for name in names if name.isidentifier())

    def is_ours(self, dotted: str) -> bool:
        """Whether its first name is surely taken from here and not from what is installed."""
        try:
            first = self._at(dotted.partition(".")[0], "")
        except Unknown:  # what it is is not known, but that it is here
            return True
        return first is not None and not first.is_folder

    def is_open(self, dotted: str) -> bool:
        """Whether a package above it may make the module as it runs."""
        above = (self.find(each) for each in _parents(dotted))
        read = (self.bindings(each) for each in above if each is not None)
        return any(each.dynamic or "__path__" in each.all for each in read)

    def packages_of(self, module: Module) -> list[Module]:
        """Those above it, outermost first: they are imported before it."""
        found = (self.find(each) for each in _parents(module.dotted))
        return [each for each in found if each is not None]

    def absolute(self, module: Module, source: From) -> str | None:
        """The dotted name that an import in this module means; None outside of any package."""
        if not source.level:
            return source.module
        package = module.dotted.split(".") if module.dotted else []
        up = source.level - (1 if module.is_package else 0)
        if up >= len(package):
            return None
        return ".".join([*package[: len(package) - up], *filter(None, [source.module])])

    def bindings(self, module: Module) -> Bindings:
        if module.is_folder:
            return Bindings()
        if module.path not in self._read:
            self._read[module.path] = read(self._parse(module.path))
        return self._read[module.path]

    def _parse(self, path: str) -> ast.Module:
        """Missing if no Python that may run it takes it."""
        known = self._python or sys.version_info[:2]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self.tree[path], feature_version=min(known, sys.version_info[:2]))
        except SyntaxError as error:
            where = f"{path} line {error.lineno}" if error.lineno else path
            if self._may_be_newer(error):
                raise Unknown(f"{where} may be for a newer Python than checks it") from None
            version = ".".join(map(str, known))
            raise Missing(f"{where} is not valid Python {version}: {error.msg}") from None
        except ValueError:
            raise Missing(f"{path} is not valid Python: there are NUL bytes in it") from None

    def _may_be_newer(self, error: SyntaxError) -> bool:
        if self._python is not None and self._python <= sys.version_info[:2]:
            return False
        return "f-string" in error.msg or _NEWER.search(error.text or "") is not None


def _stems(tree: Tree, *endings: str) -> frozenset[str]:
    """Paths without what comes after the module's name: a tag such as .cpython-311 too."""
    return frozenset(
        re.sub(r"\.[^/]*$", "", path)
        for path in tree
        if path.endswith(endings) and "__pycache__" not in path
    )


def _parents(dotted: str) -> list[str]:
    parts = dotted.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts))]
