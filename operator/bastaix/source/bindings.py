"""Which names a Python module binds when it is imported, read as syntax alone.

Nothing is executed, so some modules cannot be judged: what calls `globals()` or defines
`__getattr__` may bind anything. That is said with `dynamic`, not guessed. Following an import
into another module is left to `imports`.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

_BRANCHES = (
    ast.If,
    ast.While,
    ast.For,
    ast.AsyncFor,
    ast.With,  # contextlib.suppress
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.Match,
)


@dataclass(frozen=True)
class From:
    """One name of a `from … import …`."""

    module: str
    """As written, without its leading dots; empty in `from . import a`."""
    level: int
    """How many dots."""
    name: str
    """The name there, `*` for all."""
    line: int
    sure: bool
    """Whether it runs whenever the module does: not in a branch, a `try` or a `with`."""

    def __str__(self) -> str:
        return f"{'.' * self.level}{self.module}"


@dataclass
class Bindings:
    names: set[str] = field(default_factory=set)
    """Bound by anything but `from … import …`."""
    imported: dict[str, list[From]] = field(default_factory=dict)
    stars: list[From] = field(default_factory=list)
    maybe: set[str] = field(default_factory=set)
    """Declared `global` in a function or class, which may bind them."""
    dynamic: str | None = None
    """Why other names may be bound as well."""
    exports: set[str] | None = None
    """What `__all__` says; None without one."""
    exports_dynamic: bool = False
    """`__all__` is made by more than literals."""

    @property
    def all(self) -> set[str]:
        return self.names | self.imported.keys() | self.maybe


def read(module: ast.Module) -> Bindings:
    found = Bindings()
    for node, sure in _in_scope(module):
        _bind(found, node, sure)
        _export(found, node)
    for node in ast.walk(module):
        if isinstance(node, ast.Global):
            found.maybe.update(node.names)
        if isinstance(node, ast.Name) and node.id == "__path__":
            found.maybe.add(node.id)  # whatever is done with it, here or by whom it is given
        found.dynamic = found.dynamic or _dynamic(node)
    if "__getattr__" in found.all:
        found.dynamic = "it defines __getattr__"
    return found


def _in_scope(module: ast.Module) -> Iterator[tuple[ast.AST, bool]]:
    """Each node that runs in the module's own scope, in order, and whether it surely runs.

    With a stack of its own: the nesting of the code is not bounded by ours.
    """
    stack: list[tuple[ast.AST, bool]] = [(node, True) for node in reversed(module.body)]
    while stack:
        node, sure = stack.pop()
        yield node, sure
        sure = sure and not isinstance(node, _BRANCHES)
        stack.extend((child, sure) for child in reversed(_inside(node)))


def _inside(node: ast.AST) -> list[ast.AST]:
    """The children that belong to the same scope and run on import."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            defaults = [each for each in node.args.kw_defaults if each is not None]
            return [*node.decorator_list, *node.args.defaults, *defaults]
        case ast.ClassDef():
            return [*node.decorator_list, *node.bases, *node.keywords]
        case ast.Lambda():
            return []
        case ast.comprehension():
            return [node.iter, *node.ifs]
        case ast.AnnAssign(value=None):
            return []
        case ast.If() if _never_on_import(node.test):
            return list(node.orelse)
        case _:
            return list(ast.iter_child_nodes(node))


def _never_on_import(test: ast.expr) -> bool:
    """`if TYPE_CHECKING:` and `if __name__ == "__main__":`."""
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
        case ast.Compare(
            left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant("__main__")]
        ):
            return True
    return False


def _bind(found: Bindings, node: ast.AST, sure: bool) -> None:
    match node:
        case ast.Name(id=name, ctx=ast.Store()):
            found.names.add(name)
        case ast.Name(id=name, ctx=ast.Del()) if sure:
            found.names.discard(name)
            found.imported.pop(name, None)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            found.names.add(name)
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            found.names.add(name)
        case ast.MatchMapping(rest=str(name)):
            found.names.add(name)
        case ast.Import():
            found.names.update(each.asname or each.name.split(".")[0] for each in node.names)
        case ast.ImportFrom():
            _bind_from(found, node, sure)
    # `except E as name` is not here: Python unbinds the name when the handler ends


def _bind_from(found: Bindings, node: ast.ImportFrom, sure: bool) -> None:
    for each in node.names:
        source = From(node.module or "", node.level, each.name, node.lineno, sure)
        if each.name == "*":
            found.stars.append(source)
        else:
            found.imported.setdefault(each.asname or each.name, []).append(source)


def _export(found: Bindings, node: ast.AST) -> None:
    """`__all__` as far as it is made of literals."""
    match node:
        case (
            ast.Assign(targets=[ast.Name(id="__all__")], value=ast.expr() as value)
            | ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value)
            | ast.AugAssign(target=ast.Name(id="__all__"), value=value)
        ):
            texts = _texts(value)
            found.exports = (found.exports or set()) | (texts or set())
            found.exports_dynamic |= texts is None
        case ast.Attribute(value=ast.Name(id="__all__")):  # __all__.append(…)
            found.exports_dynamic = True
        case ast.ImportFrom(names=names) if any(each.name == "__all__" for each in names):
            found.exports_dynamic = True


def _texts(value: ast.expr) -> set[str] | None:
    match value:
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            texts = [each.value for each in elements if isinstance(each, ast.Constant)]
            return {str(text) for text in texts} if len(texts) == len(elements) else None
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            one, other = _texts(left), _texts(right)
            return None if one is None or other is None else one | other
    return None


def _dynamic(node: ast.AST) -> str | None:
    """Ways to bind names of a module that syntax does not show."""
    match node:
        case ast.Call(func=ast.Name(id=("globals" | "exec") as name)):
            return f"line {node.lineno} calls {name}()"
        case ast.Call(func=ast.Name(id=("vars" | "locals") as name), args=[]):
            return f"line {node.lineno} calls {name}()"
        case ast.Attribute(value=ast.Name(id="sys" | "_sys"), attr="modules"):
            return f"line {node.lineno} uses sys.modules"
        case ast.ImportFrom(module="sys", names=names) if any(n.name == "modules" for n in names):
            return f"line {node.lineno} uses sys.modules"
        case ast.Call(
            func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
            args=[ast.Name(id="__name__"), *_],
        ):
            return f"line {node.lineno} imports the module itself"
        case ast.Name(id="global_enum") | ast.Attribute(attr="global_enum"):
            return f"line {node.lineno} makes names of an enum's members"
    return None
