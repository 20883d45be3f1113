"""The shortest command that shows a failure outside of us, as it is typed into a shell. Pure."""

import json
import re
import shlex
from dataclasses import dataclass
from typing import Final

from bastaix.api.check import Check
from bastaix.api.v1alpha1 import Source
from bastaix.local.planning import HOST, Plan, split

CONFIG: Final = "config.yaml"
ARGS: Final = "args.json"
ENVIRONMENT: Final = "environment.sh"
CODE: Final = "code"


@dataclass(frozen=True, kw_only=True)
class Shell:
    """How the programs are called here, and where the files are."""

    python: str
    serve: str
    folder: str
    """Holds CODE, ARGS, CONFIG and ENVIRONMENT."""
    has_environment: bool
    cpus: int | None = None
    """Ray must be told of them where the machine has more or fewer."""


def importing(shell: Shell, import_path: str, *, name_too: bool) -> tuple[str, ...]:
    """The candidates, the shortest first."""
    module, name = split(import_path)
    statement = f"import {module}; {module}.{name}" if name_too else f"import {module}"
    return _in_code(shell, f"{shell.python} -c {_quoted(statement)}")


def building(shell: Shell, import_path: str) -> tuple[str, ...]:
    module, name = split(import_path)
    statement = f"import json, {module}; {module}.{name}(json.load(open('../{ARGS}')))"
    return _in_code(shell, f"{shell.python} -c {_quoted(statement)}")


def serving(shell: Shell) -> str:
    run = f"{shell.serve} run {CONFIG}"
    if shell.cpus is not None:
        run = f"RAY_OVERRIDE_RESOURCES='{{\"CPU\": {shell.cpus}}}' {run}"
    sourced = f". ./{ENVIRONMENT} && " if shell.has_environment else ""
    return f"cd {shlex.quote(shell.folder)} && {sourced}{run}"


def asking(check: Check, port: int) -> str:
    url = shlex.quote(f"http://{HOST}:{port}{check.path}")
    if check.body is None:
        return f"curl -i {'' if check.method == 'GET' else f'-X {shlex.quote(check.method)} '}{url}"
    method = "" if check.method == "POST" else f"-X {shlex.quote(check.method)} "
    body = shlex.quote(json.dumps(check.body, ensure_ascii=False))
    return f"curl -i {method}{url} -H 'Content-Type: application/json' -d {body}"


def fetching(source: Source) -> str | None:
    """Git's own words for one commit; for an archive, its download and its sum."""
    if source.git is not None:
        repository, commit = shlex.quote(source.git.repository), shlex.quote(source.git.commit)
        return (
            'folder=$(mktemp -d) && git init -q "$folder"'
            f' && git -C "$folder" fetch --depth 1 -- {repository} {commit}'
        )
    if source.archive is None or not source.archive.url.startswith("http"):
        return None
    return f"curl -fsSL -- {shlex.quote(source.archive.url)} | sha256sum"


def looking(tree: str, source: Source, python: str, import_path: str) -> str:
    """Of a working tree whose code does not hold what is to be imported."""
    chosen = source.git or source.archive
    path = chosen.path if chosen is not None and chosen.path is not None else ""
    folder = f"{tree.rstrip('/')}/{path}" if path else tree
    module, name = split(import_path)
    statement = f"import {module}; {module}.{name}"
    return f"cd {shlex.quote(folder)} && {python} -c {_quoted(statement)}"


def environment_file(plan: Plan) -> str:
    """For a shell. What was borrowed is named and not written down."""
    lines = [
        f"export {key}={shlex.quote(value)}" for key, value in plan.environment.literal.items()
    ]
    lines += [f"# {key}: as it is exported already" for key in plan.environment.borrowed]
    return "".join(f"{line}\n" for line in lines if _is_name(line))


def _is_name(line: str) -> bool:
    """Kubernetes allows names that no shell does."""
    return line.startswith("#") or re.match(r"export [A-Za-z_]\w*=", line) is not None


def _in_code(shell: Shell, command: str) -> tuple[str, ...]:
    folder = shlex.quote(f"{shell.folder}/{CODE}")
    plain = f"cd {folder} && {command}"
    if not shell.has_environment:
        return (plain,)
    return (plain, f"cd {folder} && . ../{ENVIRONMENT} && {command}")


def _quoted(statement: str) -> str:
    """In double quotes, which a statement with single ones reads best in."""
    return f'"{statement}"' if not re.search(r'["$`\\!]', statement) else shlex.quote(statement)
