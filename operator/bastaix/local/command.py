"""`bastaix reprex` and `bastaix run`: the order of the steps, and what is said at the end.

What a step does stands elsewhere, and so does where the ModelDeployment is written (`inputs`).
"""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bastaix import check
from bastaix.api import reasons
from bastaix.api.errors import Hindrance
from bastaix.api.v1alpha1 import ModelDeployment, Source
from bastaix.local import (
    commands,
    environment,
    instance,
    interpreter,
    places,
    planning,
    serving,
    wanted,
)
from bastaix.local.account import Account, Failed, Say, ending
from bastaix.local.instance import Instance
from bastaix.local.interpreter import Interpreter
from bastaix.local.places import Place
from bastaix.observe.serve import App
from bastaix.schema.documents import Body, Unusable
from bastaix.source import runtimes
from bastaix.source.artifact import Artifact

_Steps = Callable[[Place, Account], Awaitable[bool]]


@dataclass(frozen=True, kw_only=True)
class Asked:
    given: check.Given
    local: Mapping[str, str]
    """The environment here."""
    volumes: Mapping[str, Path]
    seconds: float
    """For each step."""
    name: str | None = None
    """Of the ModelDeployment, where the file holds several."""
    python: str | None = None
    port: int | None = None
    """Where it is to serve; else any that is free."""


def volumes(options: Sequence[str]) -> dict[str, Path]:
    """Of `--volume CLAIM=DIR`. Unusable: one of them is wrong."""
    found = {}
    for option in options:
        claim, _, folder = option.partition("=")
        if not claim or not folder:
            raise Unusable(f"--volume must be CLAIM=DIR, such as models=/data/models, not {option}")
        if not Path(folder).is_dir():
            raise Unusable(f"--volume {option}: {folder} is not a folder")
        found[claim] = Path(folder).absolute()
    return found


async def reprex(asked: Asked, say: Say) -> bool:
    """Whether all steps can be taken. Unusable: there is nothing to take them with."""

    async def steps(here: Place, account: Account) -> bool:
        plan = here.plan
        imported = places.imported(here, asked.seconds)
        await account.take("import", imported, lambda _: plan.module, doing=lambda: "importing")
        built = places.built(here, asked.seconds)
        await account.take("build", built, lambda _: plan.import_path, doing=lambda: "building")
        async with _served(here, account, asked.seconds):
            pass
        say(f"OK: everything works here, in {account.seconds:.0f} s")
        return True

    with _cancelled_by_signals():
        return await _begun(asked, say, steps)


async def run(asked: Asked, say: Say) -> bool:
    """Serves until it is told to stop. False: it cannot, or no longer can."""

    async def steps(here: Place, account: Account) -> bool:
        async with _served(here, account, asked.seconds) as ray:
            for line in _invitation(here):
                say(line)
            return await _until_stopped(here, ray, say)

    with _cancelled_by_signals():
        return await _begun(asked, say, steps)


async def _begun(asked: Asked, say: Say, steps: _Steps) -> bool:
    """The steps up to the code, then the others."""
    folder = Path(tempfile.mkdtemp(prefix="bastaix-"))
    account, kept = Account(say), None
    try:
        md, manifests = wanted.read(asked.given, asked.name, say)
        found, plan, port = await _prerequisites(asked, md, say)
        here = places.made(folder, plan, found, port, asked.local)
        here = await _with_code(here, md, asked, manifests, account, say)
        kept = folder
        done = await steps(here, account)
        kept = None
        return done
    except Hindrance as refused:
        failed = Failed("fetch", refused.finding)
    except Failed as error:
        failed = error
    except BaseException:
        kept = None
        raise
    finally:
        if kept is None:
            await places.removed(folder)
    for line in ending(failed, kept):
        say(line)
    return False


async def _prerequisites(
    asked: Asked, md: ModelDeployment, say: Say
) -> tuple[Interpreter, planning.Plan, int]:
    plan = planning.plan(md, asked.volumes, asked.local)
    if asked.port is not None and not instance.is_free(asked.port):
        raise Unusable(f"port {asked.port} is in use: choose another with --port")
    found = await interpreter.find(asked.python, environment.needed(asked.local))
    for note in (*plan.notes, *_differences(md, found)):
        say(f"  note: {note}")
    return found, plan, asked.port or instance.free_port()


def _differences(md: ModelDeployment, found: Interpreter) -> list[str]:
    """Between what is here and what the image is known to hold."""
    image = runtimes.holding(md.spec.runtime.image, md.spec.runtime.ray_version)
    notes = []
    if image.versions["ray"] != found.ray:
        notes.append(f"Ray is {image.versions['ray']} in the cluster and {found.ray} here")
    if image.python not in (None, found.python):
        there, here = (".".join(map(str, each)) for each in (image.python or (), found.python))
        notes.append(f"Python is {there} in the cluster and {here} here")
    return notes


async def _with_code(
    here: Place,
    md: ModelDeployment,
    asked: Asked,
    manifests: list[Body],
    account: Account,
    say: Say,
) -> Place:
    source, given = md.spec.source, asked.given
    if source.git is None and source.archive is None:
        return here
    secrets = [*manifests, *given.secrets]
    with tempfile.TemporaryDirectory(dir=here.folder) as name:
        into = Path(name)
        try:
            fetched = check.fetched(md, given, secrets, into, say)
            archive = await account.take("fetch", fetched, lambda path: _fetched(path, asked))
            opened = check.opened(md, given, archive, into, say)
            artifact = await account.take("unpack", opened, _unpacked)
        except Failed as failed:
            shown = _shown(failed, source, asked, here)
            raise Failed(failed.step, failed.finding, commands=shown) from failed
    for note in artifact.notes:
        say(f"  note: {note}")
    return places.unpacked(here, artifact)


def _fetched(archive: Path | None, asked: Asked) -> str:
    return str(asked.given.offline) if archive is None else f"{archive.stat().st_size:,} bytes"


def _unpacked(artifact: Artifact) -> str:
    return f"{artifact.digest[:19]}… {artifact.files} files"


def _shown(failed: Failed, source: Source, asked: Asked, here: Place) -> tuple[str, ...]:
    """What shows it without us, where anything short does."""
    tree = asked.given.offline
    if failed.step == "fetch":
        command = commands.fetching(source)
    elif tree is not None and failed.finding.reason is reasons.IMPORT_PATH_NOT_FOUND:
        command = commands.looking(
            str(tree), source, here.interpreter.called, here.plan.import_path
        )
    else:
        command = None
    return () if command is None else (command,)


@asynccontextmanager
async def _served(here: Place, account: Account, seconds: float) -> AsyncIterator[Instance]:
    """The last two steps; the first of them has the start of Ray in it."""
    doing = "starting Ray"

    def now_doing(text: str) -> None:
        nonlocal doing
        doing = text

    async with AsyncExitStack() as stack:

        async def deployed() -> tuple[Instance, App]:
            ray = await stack.enter_async_context(serving.ray(here))
            return ray, await serving.deployed(here, ray, seconds, now_doing)

        ray, _ = await account.take(
            "deploy", deployed(), lambda both: serving.running(both[1]), doing=lambda: doing
        )
        answered = serving.answered(here, ray, seconds)
        await account.take(
            "first answer", answered, lambda answer: answer.message, doing=lambda: "asking"
        )
        yield ray


def _invitation(here: Place) -> list[str]:
    """What to do with it."""
    lines = [f"Serving at {serving.url(here)}{'/v1' if here.plan.model else ''}"]
    if here.plan.model is not None:
        lines.append(f"  model: {here.plan.model}")
    lines.append(f"  try:   {commands.asking(here.plan.check, here.port)}")
    return [*lines, "  Ctrl-C ends it"]


async def _until_stopped(here: Place, ray: Instance, say: Say) -> bool:
    """True: it was told to stop."""
    try:
        found = await serving.watched(here, ray)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()
        say("stopping")
        return True
    raise Failed("first answer", found)


@contextmanager
def _cancelled_by_signals() -> Iterator[None]:
    """So that both signals which end a command leave nothing running; one alone is heeded."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    both = (signal.SIGINT, signal.SIGTERM)
    is_told = False

    def stop() -> None:
        nonlocal is_told
        if not is_told:
            is_told = True
            task.cancel()

    for each in both:
        loop.add_signal_handler(each, stop)
    try:
        yield
    finally:
        for each in both:
            loop.remove_signal_handler(each)
