"""Whether `app.importPath` can be imported from the code, which is read and never run.

There are three answers: it can (nothing is raised), it surely cannot (Missing, with what to do
about it), or syntax alone does not tell (Unknown, with why). Only the second is a failure.
"""

import contextlib

from bastaix.source.bindings import Bindings, From
from bastaix.source.modules import Code, Missing, Module, Unknown
from bastaix.source.suggestions import did_you_mean, no_module

# In every runtime image, so an importPath may name them: `ray.serve.llm:build_openai_app`.
_IN_IMAGES = frozenset({"ray", "vllm"})


def check(code: Code, import_path: str, path: str | None) -> None:
    """`path` is what was selected of the source, to name a better one by."""
    dotted, _, name = import_path.partition(":")
    module = code.find(dotted)
    if module is None:
        if dotted.split(".")[0] in _IN_IMAGES:
            raise Unknown(f"{dotted} is not in the source, so it must be in the runtime image")
        raise Missing(no_module(code, dotted, name, path))
    for each in (*code.packages_of(module), module):
        _check_relatives(code, each, code.bindings(each))
    _Search(code).find(module, name)


def _check_relatives(code: Code, module: Module, bindings: Bindings) -> None:
    """`from .x import y`, where it runs on every import, needs a package and an x in it."""
    sources = [*bindings.stars, *(each for many in bindings.imported.values() for each in many)]
    for source in sorted(sources, key=lambda each: each.line):
        if source.sure and source.level:
            with contextlib.suppress(Unknown):
                _target(code, module, source)


def _target(code: Code, module: Module, source: From) -> tuple[str, Module | None]:
    """The module that an import is from; None if it is not of the code."""
    dotted = code.absolute(module, source)
    if dotted is None:
        raise Missing(
            f"{module.path} line {source.line} imports from {source}, but is in no package to"
            " which that dot could refer: select the folder above with `path` and put the"
            " package's name into app.importPath, or import without the dot"
        )
    found = code.find(dotted)
    if found is None and (source.level or code.is_ours(dotted)):
        if code.is_open(dotted):
            raise Unknown(f"{dotted} may be made as the code runs")
        raise Missing(
            f"{module.path} line {source.line} imports from {source}, which is not in the source"
        )
    return dotted, found


class _Search:
    """The ways of one name through re-exports. A module is looked into once, so cycles end."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._seen: set[tuple[str, str]] = set()

    def find(self, module: Module, name: str) -> None:
        """One way that leads there is enough; one that may is Unknown."""
        bindings = self._code.bindings(module)
        self._seen.add((module.path, name))
        if name in bindings.names:
            return
        missing: Missing | None = None
        unknown: Unknown | None = None
        for source in (*bindings.imported.get(name, ()), *bindings.stars):
            try:
                self._through(module, source, name)
            except Missing as error:
                missing = missing or (None if source.name == "*" else error)
            except Unknown as error:
                unknown = unknown or error
            else:
                return
        unknown = unknown or self._perhaps(module, name, bindings)
        raise unknown or missing or Missing(self._no_name(module, name))

    def _through(self, module: Module, source: From, name: str) -> None:
        """The name by way of one import."""
        dotted, there = _target(self._code, module, source)
        is_star = source.name == "*"
        wanted = name if is_star else source.name
        if there is None:
            if is_star:
                raise Unknown(f"{module.path} takes all names of {dotted}, which may have {name}")
            return  # of what is installed in the image, whatever it is
        if not is_star and there.is_package and self._code.find(f"{dotted}.{wanted}"):
            return  # from package import module
        if (there.path, wanted) in self._seen or (is_star and not self._exports(there, wanted)):
            raise Missing(f"{there.path} has no name {wanted} to take")
        try:
            self.find(there, wanted)
        except Missing as missing:
            where = f"{module.path} line {source.line} imports {wanted} from {source}"
            raise Missing(f"{where}, but {missing}") from None

    def _exports(self, module: Module, name: str) -> bool:
        """Whether a star takes the name."""
        bindings = self._code.bindings(module)
        if bindings.exports_dynamic:
            return True
        if bindings.exports is not None:
            return name in bindings.exports
        return not name.startswith("_")

    def _perhaps(self, module: Module, name: str, bindings: Bindings) -> Unknown | None:
        if name in bindings.maybe:
            return Unknown(f"{module.path} binds {name} by a `global` statement")
        if bindings.dynamic:
            return Unknown(f"{module.path} may bind {name} as it runs: {bindings.dynamic}")
        if module.is_package and self._code.find(f"{module.dotted}.{name}"):
            return Unknown(f"{name} is a module in {module.path}")
        return None

    def _no_name(self, module: Module, name: str) -> str:
        if module.is_folder:
            return f"{module.path} is a folder without __init__.py, which has no names"
        names = set(self._code.bindings(module).all)
        for star in self._code.bindings(module).stars:
            there = self._code.find(self._code.absolute(module, star) or "")
            names |= self._code.bindings(there).all if there else set()
        return f"{module.path} has no name {name}{did_you_mean(name, names)}"
