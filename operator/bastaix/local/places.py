"""The folder in which an app is run, and the steps before there is a Ray: import and build.

Each is a process of its own, as it is in the cluster, and what it fails with is judged by the
same table. A command that is to show the failure is tried before it is told.
"""

import asyncio
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
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
            more_cpus=cpus if cpus > (os.cpu_count() or 1) else None,
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


async def imported(place: Place, seconds: float) -> None:
    """Failed: the module cannot be imported, or lacks the name."""
    plan = place.plan
    statement = f"import {plan.module}; {plan.module}.{plan.attribute}"
    ended = await _ended(place, "import", [statement], seconds)
    if ended.status:
        found = cause(ended.output, plan.import_path)
        name_too = found.reason is reasons.ATTRIBUTE_MISSING
        candidates = commands.importing(place.shell, plan.import_path, name_too=name_too)
        shown = await _first_that_shows(place, candidates, found, seconds)
        raise failed(place, "import", found, ended.output, shown or commands.serving(place.shell))


async def built(place: Place, seconds: float) -> None:
    """Failed: no application comes of it."""
    plan = place.plan
    arguments = [plan.module, plan.attribute, str(place.folder / commands.ARGS)]
    ended = await _ended(place, "build", [_BUILD, *arguments], seconds)
    if ended.status:
        found = cause(ended.output, plan.import_path)
        candidates = commands.building(place.shell, plan.import_path)
        shown = await _first_that_shows(place, candidates, found, seconds)
        raise failed(place, "build", found, ended.output, shown or commands.serving(place.shell))


async def _ended(place: Place, step: Step, arguments: list[str], seconds: float) -> process.Ended:
    argv = [place.interpreter.path, "-c", *arguments]
    try:
        return await process.ended(argv, cwd=place.code, env=place.variables, seconds=seconds)
    except TimeoutError:
        message = f"the {step} was not done within {seconds:.0f} s (--timeout)"
        raise Failed(step, Finding(reasons.DEADLINE_EXCEEDED, message)) from None


async def _first_that_shows(
    place: Place, candidates: tuple[str, ...], found: Finding, seconds: float
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
        if ended.status and cause(ended.output, place.plan.import_path).reason is found.reason:
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
