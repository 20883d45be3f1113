"""The folder in which an app is run, and the steps before there is a Ray: import and build.

Each is a process of its own, as it is in the cluster, and what it fails with is judged by the
same table. A command that is to show the failure is tried before it is told.
"""

import asyncio
import json
import os
import secrets
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import yaml

from bastaix.api import names, reasons
from bastaix.api.reasons import Finding
from bastaix.local import commands, environment, process
from bastaix.local.account import Failed, Step
from bastaix.local.interpreter import Interpreter
from bastaix.local.planning import Plan, placed
from bastaix.observe.causes import cause
from bastaix.source.artifact import Artifact

# Ray's own way to build, so that what it refuses is refused here too. Of a Ray in which that has
# another name, what is built is at least called.
_BUILD: Final = """
import importlib, json, sys
module, name, arguments = sys.argv[1:]
found = getattr(importlib.import_module(module), name)
with open(arguments) as file:
    arguments = json.load(file)
try:
    from ray.serve._private.api import call_user_app_builder_with_args_if_necessary as build
except ImportError:
    build = lambda found, arguments: found(arguments) if callable(found) else found
build(found, arguments)
"""
# It has come to its end: Serve waits neither for a thread nor for a program that it has started.
_DONE: Final = """
import os, sys
sys.stdout.flush()
os.write(1, "\\n{word}".encode())
os._exit(0)
"""
# Where Ray unpacks the code, by which the table knows a module of the app's own.
_UNPACKED: Final = "/working_dir_files/code/"


@dataclass(frozen=True, kw_only=True)
class Place:
    folder: Path
    plan: Plan
    interpreter: Interpreter
    port: int
    needed: dict[str, str]
    """What a program needs to run at all."""
    artifact: Path | None

    @property
    def code(self) -> Path:
        return self.folder / commands.CODE

    @property
    def variables(self) -> dict[str, str]:
        return {**self.needed, **self.plan.environment.variables}

    @property
    def shell(self) -> commands.Shell:
        cpus = self.plan.cpus
        return commands.Shell(
            python=self.interpreter.called,
            serve=self.interpreter.serve,
            folder=str(self.folder),
            has_environment=bool(self.plan.environment.literal),
            cpus=cpus if cpus != os.cpu_count() else None,
        )


def needed(folder: Path, interpreter: Interpreter, local: Mapping[str, str]) -> dict[str, str]:
    """The environment of every process, before the app's own variables."""
    beside = str(Path(interpreter.path).parent)
    given = environment.needed(local)
    return {
        **given,
        "PATH": os.pathsep.join(filter(None, [beside, given.get("PATH")])),
        "PYTHONDONTWRITEBYTECODE": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        # started by `uv run`, Ray would make every worker an environment of its own
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "CUDA_VISIBLE_DEVICES": "",
        # a token that lies in the home here is not in the cluster
        "HF_TOKEN_PATH": str(folder / "no-token"),
    }


def made(
    folder: Path, plan: Plan, interpreter: Interpreter, port: int, local: Mapping[str, str]
) -> Place:
    """Without code: that of an image, until `unpacked` brings some."""
    place = Place(
        folder=folder,
        plan=plan,
        interpreter=interpreter,
        port=port,
        needed=needed(folder, interpreter, local),
        artifact=None,
    )
    place.code.mkdir()
    (folder / commands.ARGS).write_text(json.dumps(plan.args, indent=2))
    (folder / commands.ENVIRONMENT).write_text(commands.environment_file(plan))
    _configure(place)
    return place


def unpacked(place: Place, artifact: Artifact) -> Place:
    """As Ray does it: what is in the one folder of the artifact becomes the root."""
    file = place.folder / names.artifact_file(artifact.digest)
    file.write_bytes(artifact.data)
    with tempfile.TemporaryDirectory(dir=place.folder) as name, zipfile.ZipFile(file) as held:
        held.extractall(name)
        shutil.copytree(Path(name, names.ARTIFACT_FOLDER), place.code, dirs_exist_ok=True)
    with_code = replace(place, artifact=file)
    _configure(with_code)
    return with_code


def config(place: Place) -> dict[str, object]:
    return placed(place.plan, port=place.port, artifact=place.artifact)


def judged(place: Place, step: Step, output: str) -> Finding:
    """By the table for what Ray Serve says. It cuts, so what is to be hidden is hidden before."""
    told = place.plan.environment.hidden(output).replace(f"{place.code}/", _UNPACKED)
    found = cause(told, place.plan.import_path)
    # in the cluster Ray's own frames say that it was while a module was read
    if step == "import" and found.reason is reasons.SERVE_FAILED:
        return replace(found, reason=reasons.IMPORT_FAILED)
    return found


async def imported(place: Place, seconds: float) -> None:
    """Failed: the module cannot be imported, or lacks the name."""
    plan = place.plan
    statement = f"import {plan.module}; {plan.module}.{plan.attribute}"

    def candidates(found: Finding) -> tuple[str, ...]:
        name_too = found.reason is reasons.ATTRIBUTE_MISSING
        return commands.importing(place.shell, plan.import_path, name_too=name_too)

    await _taken(place, "import", statement, [], candidates, seconds)


async def built(place: Place, seconds: float) -> None:
    """Failed: no application comes of it."""
    plan = place.plan
    arguments = [plan.module, plan.attribute, str(place.folder / commands.ARGS)]

    def candidates(_: Finding) -> tuple[str, ...]:
        return commands.building(place.shell, plan.import_path)

    await _taken(place, "build", _BUILD, arguments, candidates, seconds)


async def _taken(
    place: Place,
    step: Step,
    statement: str,
    arguments: list[str],
    candidates: Callable[[Finding], tuple[str, ...]],
    seconds: float,
) -> None:
    """Failed: the statement does not come to its end."""
    done = secrets.token_hex(16)
    argv = [place.interpreter.path, "-c", statement + _DONE.format(word=done), *arguments]
    try:
        ended = await process.ended(argv, cwd=place.code, env=place.variables, seconds=seconds)
    except process.Late as late:
        message = f"the {step} was not done within {seconds:.0f} s (--timeout)"
        found = Finding(reasons.DEADLINE_EXCEEDED, message)
        raise failed(place, step, found, late.output, candidates(found)[-1]) from None
    if f"\n{done}" in ended.output:
        return
    if ended.status == 0:
        found = Finding(reasons.IMPORT_FAILED, f"the code ended the process in the {step}")
        raise failed(place, step, found, ended.output, candidates(found)[-1])
    found = judged(place, step, ended.output)
    shown = await _first_that_shows(place, step, candidates(found), found, seconds)
    raise failed(place, step, found, ended.output, shown or commands.serving(place.shell))


async def _first_that_shows(
    place: Place, step: Step, candidates: tuple[str, ...], found: Finding, seconds: float
) -> str | None:
    """As if typed into a shell, which has what was borrowed and nothing else of the app's."""
    env = {**place.needed, **place.plan.environment.borrowed}
    for candidate in candidates:
        try:
            ended = await process.ended(
                ["/bin/sh", "-c", candidate], cwd=place.folder, env=env, seconds=seconds
            )
        except TimeoutError:
            continue
        if ended.status and judged(place, step, ended.output).reason is found.reason:
            return candidate
    return None


def failed(place: Place, step: Step, found: Finding, output: str, *shown: str) -> Failed:
    """Without anything that was borrowed from here."""
    hidden = place.plan.environment.hidden
    return Failed(
        step,
        Finding(found.reason, hidden(found.message)),
        output=hidden(output),
        commands=shown,
    )


def _configure(place: Place) -> None:
    text = yaml.safe_dump(config(place), sort_keys=False, allow_unicode=True)
    (place.folder / commands.CONFIG).write_text(text)


async def removed(folder: Path) -> None:
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
