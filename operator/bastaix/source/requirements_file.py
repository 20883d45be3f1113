"""What the code says that it needs, against what the runtime image is known to hold.

Read from requirements.txt and pyproject.toml at the root. Nothing is installed from them, so
only what surely clashes is told: an unreadable line, an option or a URL asks for nothing here.
"""

import posixpath
import re
import tomllib
from collections.abc import Iterator
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from bastaix.source.artifact import Tree
from bastaix.source.runtimes import Holding, Python

_INCLUDE = re.compile(r"(?:-r|--requirement)[ =]*(\S+)")
_PATCHES = range(64)


def conflicts(tree: Tree, holding: Holding) -> Iterator[str]:
    """A line for each requirement that the image surely does not meet."""
    for where, text in _requirements(tree):
        held = _unmet(text, holding)
        if held is not None:
            yield f"{where} asks for {text}, and {holding.image} holds {held}"
    yield from _project_conflicts(_text(tree.get("pyproject.toml", b"")), holding)


def _project_conflicts(text: str, holding: Holding) -> Iterator[str]:
    """Of `dependencies` and `requires-python` in pyproject.toml."""
    project = _project_table(text)
    dependencies = project.get("dependencies")
    for each in dependencies if isinstance(dependencies, list) else ():
        held = _unmet(each, holding) if isinstance(each, str) else None
        if held is not None:
            where = _where(text, each)
            yield f"{where} asks for {each}, and {holding.image} holds {held}"
    python = project.get("requires-python")
    if isinstance(python, str) and holding.python and _excludes(python, holding.python):
        where, held = _where(text, "requires-python"), ".".join(map(str, holding.python))
        yield f"{where} asks for Python {python}, and {holding.image} holds Python {held}"


def _requirements(tree: Tree) -> Iterator[tuple[str, str]]:
    """Where, and what: of requirements.txt and the files that it includes from within the code."""
    waiting, seen = ["requirements.txt"], set[str]()
    while waiting:
        path = waiting.pop()
        if path not in tree or path in seen:
            continue
        seen.add(path)
        for number, line in _lines(_text(tree[path])):
            include = _INCLUDE.match(line)
            if include:
                waiting.append(posixpath.normpath(posixpath.join(path, "..", include[1])))
            elif line and not line.startswith("-"):
                yield f"{path}:{number}", line


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Logical lines without comments and options, each with the number where it begins."""
    start, parts = 1, list[str]()
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        if not parts:
            start = number
        if line.endswith("\\"):
            parts.append(line[:-1])
            continue
        whole = re.sub(r"(^|\s)#.*", "", "".join([*parts, line])).strip()
        parts = []
        yield start, whole if whole.startswith("-") else re.split(r"\s--", whole)[0].strip()


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    return data.decode("utf-8-sig", errors="replace")


def _project_table(text: str) -> dict[str, Any]:
    try:
        table = tomllib.loads(text).get("project")
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}
    return table if isinstance(table, dict) else {}


def _where(pyproject: str, wanted: str) -> str:
    for number, line in enumerate(pyproject.splitlines(), start=1):
        if wanted in line:
            return f"pyproject.toml:{number}"
    return "pyproject.toml"


def _unmet(text: str, holding: Holding) -> str | None:
    """What the image holds instead; None where it meets the requirement, or it is not known."""
    try:
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        version = holding.versions.get(name)
        if version is None or requirement.url or not _applies(requirement.marker, holding):
            return None
        # which build of a version the image holds (+cu130) is not known
        wanted = SpecifierSet(re.sub(r"\+[A-Za-z0-9._-]+", "", str(requirement.specifier)))
        if wanted.contains(version, prereleases=True):
            return None
        by = f" by {holding.ray_by}" if holding.ray_by and name == "ray" else ""
        return f"{name} {version}{by}"
    except (ValueError, LookupError, RecursionError):
        return None


def _applies(marker: Marker | None, holding: Holding) -> bool:
    """Whether the marker is surely true in the image."""
    if marker is None:
        return True
    if re.search(r"platform_(release|version)|full_version|implementation_version", str(marker)):
        return False
    if holding.python is None and "python_version" in str(marker):
        return False
    python = ".".join(map(str, holding.python or (3, 0)))
    environment = {
        "python_version": python,
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": holding.machine,
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }
    return marker.evaluate(environment)


def _excludes(text: str, python: Python) -> bool:
    """Whether no patch release of this Python is meant."""
    try:
        wanted = SpecifierSet(text)
        return not any(wanted.contains(f"{python[0]}.{python[1]}.{patch}") for patch in _PATCHES)
    except ValueError:
        return False
