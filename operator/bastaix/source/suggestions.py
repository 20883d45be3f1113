"""What a user may have meant who named a module or a name that is not there."""

from collections.abc import Iterable
from difflib import get_close_matches

from bastaix.source.modules import Code

_LISTED = 8


def did_you_mean(name: str, names: Iterable[str]) -> str:
    close = get_close_matches(name, sorted(set(names)), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def no_module(code: Code, dotted: str, name: str, path: str | None) -> str:
    """That there is no such module, and the one thing that most likely puts it right."""
    no = f"no module {dotted}"
    files = (f"{dotted.replace('.', '/')}.py", f"{dotted.replace('.', '/')}/__init__.py")
    for folder, file in _standing(code, files):
        return f"{no}: {file} stands at {folder}/{file}; set path: {_joined(path, folder)}"
    last = dotted.rpartition(".")[2]
    for folder, file in _standing(code, (f"{last}.py", f"{last}/__init__.py")):
        if not folder:
            return f"{no}: {file} stands at the root; set app.importPath: {last}:{name}"
        return f"{no}: {file} stands at {folder}/{file}; set path: {_joined(path, folder)}" + (
            f" and app.importPath: {last}:{name}" if last != dotted else ""
        )
    close = get_close_matches(dotted, _all(code), n=1)
    if close:
        return f"{no}; did you mean {close[0]}?"
    root = code.root()
    more = f" and {len(root) - _LISTED} more" if len(root) > _LISTED else ""
    there = f"{', '.join(root[:_LISTED])}{more}" if root else "no Python"
    return f"{no}: at the root there is {there}"


def _standing(code: Code, files: Iterable[str]) -> list[tuple[str, str]]:
    """Folders that hold one of the files, and which: the least deep first."""
    found = [
        (path.removesuffix(file).rstrip("/"), file)
        for file in files
        for path in code.tree
        if path == file or path.endswith(f"/{file}")
    ]
    return sorted(found, key=lambda each: (each[0].count("/") + bool(each[0]), each))


def _joined(path: str | None, folder: str) -> str:
    return f"{path.strip('/')}/{folder}" if path and path.strip("/.") else folder


def _all(code: Code) -> list[str]:
    files = (path.removesuffix("/__init__.py").removesuffix(".py") for path in sorted(code.tree)
             if path.endswith(".py"))  # fmt: skip
    return [file.replace("/", ".") for file in files]
