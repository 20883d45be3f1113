"""The commands of `kubectl bastaix`. Each reads its options and goes into its part."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from bastaix.plugin.asking import Asking
    from bastaix.plugin.seen import Seen
    from bastaix.plugin.session import Session, Where

# As diff(1) has it: 1 is for a difference.
TROUBLE_OF_DIFF: Final = 2
# as a shell has it for a program that SIGINT ended
INTERRUPTED: Final = 130

T = TypeVar("T")

_HELP: Final = {"help_option_names": ["-h", "--help"]}
_WHERE: Final = (
    click.option("-n", "--namespace", help="[that of the kubeconfig's current context]"),
    click.option("--context", help="Of the kubeconfig. [the current one]"),
    click.option("--kubeconfig", metavar="FILE", help="[$KUBECONFIG, or ~/.kube/config]"),
)
_WATCH: Final = click.option(
    "-w", "--watch", is_flag=True, help="Follow the status afterwards, until Ctrl-C."
)

Command = Callable[..., None]


def _where(command: Command) -> Command:
    """Takes kubectl's own options, before or after the command's name."""

    @click.pass_context
    @wraps(command)
    def with_where(context: click.Context, /, **given: Any) -> None:
        from bastaix.plugin.session import Where

        before = context.obj or {}
        keys = ("kubeconfig", "context", "namespace")
        where = {key: given.pop(key) or before.get(key) for key in keys}
        command(where=Where(**where), **given)

    for option in reversed(_WHERE):
        with_where = option(with_where)
    return with_where


@click.group(context_settings=_HELP)
@click.pass_context
def main(context: click.Context, /, **where: str | None) -> None:
    """See what becomes of a ModelDeployment's revisions, and ask for something.

    \b
      kubectl bastaix status smollm2 --watch    how it stands, live
      kubectl bastaix history smollm2           its revisions and what became of them
      kubectl bastaix rollback smollm2          back to the one promoted before

    `kubectl bastaix COMMAND --help` explains each. A request holds for the spec as it is now;
    a change of the spec ends it.
    """
    context.obj = where
    # the kubeconfig's reader logs what we tell in one line
    logging.getLogger("kubernetes").setLevel(logging.CRITICAL)


for _option in reversed(_WHERE):
    main = _option(main)


@main.command(context_settings=_HELP, short_help="How it stands, and what it waits for")
@click.argument("name")
@click.option("-w", "--watch", is_flag=True, help="Go on until Ctrl-C.")
@_where
def status(where: "Where", name: str, watch: bool) -> None:
    """Say on one screen how the ModelDeployment NAME stands, and what it waits for.

    \b
      kubectl bastaix status smollm2 -n demo
      kubectl bastaix status smollm2 --watch             live, on a terminal
      kubectl bastaix status smollm2 --watch | tee log   a line for each change
    """
    from bastaix.plugin.screen import screen

    async def run(session: "Session") -> None:
        if watch:
            await _follow(session, name)
        seen = await session.look(name, revisions=False, events=True)
        _say(screen(seen, datetime.now(UTC), _width()))

    _run(where, run)


@main.command(context_settings=_HELP, short_help="What is wrong, where, and what to do")
@click.argument("name")
@_where
def why(where: "Where", name: str) -> None:
    """Say why the ModelDeployment NAME stands as it does: what is wrong, where, and what to do.

    \b
      kubectl bastaix why smollm2 -n demo

    It shows what decides with the text in which it was found, the chain from the ModelDeployment
    to its Pods as it is now, and what else is wrong. What you may not read is named.
    """
    from bastaix.plugin import why as page

    async def run(session: "Session") -> None:
        _say(page.why(await session.around(name), datetime.now(UTC), _width()))

    _run(where, run)


@main.command(context_settings=_HELP, short_help="All there is to know, in a zip without secrets")
@click.argument("name")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="[bastaix-NAME-TIME.zip here]",
)
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
@_where
def bundle(where: "Where", name: str, output: str | None, force: bool) -> None:
    """Pack all that tells how NAME stands into a zip, without secrets, for somebody else.

    \b
      kubectl bastaix bundle smollm2 -n demo
      kubectl bastaix bundle smollm2 -o /tmp/smollm2.zip

    Objects, Events, the ends of logs, versions, and what `why` says. No Secret is read; what looks
    like one in what is read is replaced. The README.txt in it says what was left out: look
    through the logs before you hand it on. Only you may read the file.
    """
    from pathlib import Path

    from bastaix.plugin import bundle as packed

    async def run(session: "Session") -> None:
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        path = packed.free(Path(output or f"bastaix-{name}-{moment}.zip"), force=force)
        data = await packed.bundle(session, name, partial(click.echo, err=True))
        packed.write(path, data, force=force)
        click.echo(f"{path}: {len(data) // 1024 + 1} KiB. Look through it before you hand it on")

    _run(where, run)


@main.command(context_settings=_HELP, short_help="Its revisions and what became of each")
@click.argument("name")
@_where
def history(where: "Where", name: str) -> None:
    """List the revisions of NAME that are kept, the newest first, and what became of each.

    \b
      kubectl bastaix history smollm2
      NUMBER  REVISION  COMMIT        OUTCOME   REASON            AT     PASS-RATE  NOW
      4       77aa01bc  0b1c2d3e4f50  Failed    EvaluationFailed  2026…  0.71
      3       9f0c2d1a  3f9c2a7d51c4  Promoted  -                 2026…  0.98       active

    NUMBER is the generation of the spec that asked for it first. REVISION is what `diff` and
    `rollback` take.
    """
    from bastaix.plugin import history as table

    async def run(session: "Session") -> None:
        seen = await session.look(name)
        if not seen.kept:
            click.echo(f"no revision of {name} has been made yet", err=True)
            return
        _say(table.history(seen))

    _run(where, run)


@main.command(context_settings=_HELP, short_help="What two revisions differ in")
@click.argument("name")
@click.argument("old", metavar="REV")
@click.argument("new", metavar="REV")
@_where
def diff(where: "Where", name: str, old: str, new: str) -> None:
    """Compare what two revisions of NAME run, as they are kept.

    REV is a hash of `history`, its first digits, or `active` or `candidate`.

    \b
      kubectl bastaix diff smollm2 active candidate
      kubectl bastaix diff smollm2 9f0c 77aa

    Exit code 0: they are the same; 1: they differ; 2: they cannot be compared.
    """
    from bastaix.plugin.difference import difference
    from bastaix.plugin.seen import meant

    async def run(session: "Session") -> list[str]:
        seen = await session.look(name)
        return difference(meant(seen, old), meant(seen, new))

    lines = _run(where, run, exit_code=TROUBLE_OF_DIFF)
    _say(lines)
    sys.exit(1 if lines else 0)


@main.command(context_settings=_HELP, short_help="Let the paused candidate have the traffic")
@click.argument("name")
@_WATCH
@_where
def promote(where: "Where", name: str, watch: bool) -> None:
    """Let the paused candidate of NAME have the traffic.

    For rollouts that wait for a word: spec.rollout.pauseBeforePromotion, or `pause`. Asked for
    before the candidate has passed the gate, it counts when it has; nothing passes the gate by it.

    \b
      kubectl bastaix promote smollm2 --watch
    """
    from bastaix.plugin import asking

    _ask(where, name, asking.promote, watch)


@main.command(context_settings=_HELP, short_help="Back to what was promoted before")
@click.argument("name")
@click.argument("revision", required=False)
@_WATCH
@_where
def rollback(where: "Where", name: str, revision: str | None, watch: bool) -> None:
    """Go back to a revision of NAME that was promoted before.

    Without REVISION: while a candidate is on trial it is given up, and the active revision
    stays; otherwise the one promoted last before the active one comes back. It holds until the
    spec changes, or until `retry`.

    \b
      kubectl bastaix rollback smollm2
      kubectl bastaix rollback smollm2 9f0c --watch
    """
    from bastaix.plugin import asking

    _ask(where, name, partial(asking.rollback, given=revision), watch)


@main.command(context_settings=_HELP, short_help="Try the failed revision again")
@click.argument("name")
@_WATCH
@_where
def retry(where: "Where", name: str, watch: bool) -> None:
    """Try the failed revision of NAME again, without a change of its spec.

    For what was not the revision's fault: a quota, a broken node, a data set corrected in its
    ConfigMap. After `rollback` it returns to what the spec asks for.

    \b
      kubectl bastaix retry smollm2 --watch
    """
    from bastaix.plugin import asking

    _ask(where, name, asking.retry, watch)


@main.command(context_settings=_HELP, short_help="Keep the candidate from the traffic")
@click.argument("name")
@_WATCH
@_where
def pause(where: "Where", name: str, watch: bool) -> None:
    """Keep the candidate of NAME from the traffic until `promote`, for this one rollout.

    It still starts, answers and is evaluated; the active revision serves. To pause every
    rollout set spec.rollout.pauseBeforePromotion.

    \b
      kubectl bastaix pause smollm2
      kubectl bastaix promote smollm2
    """
    from bastaix.plugin import asking

    _ask(where, name, asking.pause, watch)


def run() -> None:
    """The program `kubectl-bastaix`, under the name by which its user calls it."""
    main(prog_name="kubectl bastaix")


def _ask(where: "Where", name: str, asking: "Callable[[Seen], Asking]", watch: bool) -> None:
    async def run(session: "Session") -> None:
        asked = await session.ask(name, asking)
        click.echo(f"{name}: {asked.promise}")
        if watch:
            await _follow(session, name)
        click.echo(f"kubectl bastaix status {name} --watch follows it")

    _run(where, run)


async def _follow(session: "Session", name: str) -> None:
    from bastaix.plugin.live import follow

    def write(text: str) -> None:
        click.echo(text, nl=False)

    await follow(session, name, write, is_terminal=sys.stdout.isatty())


def _run(where: "Where", part: "Callable[[Session], Awaitable[T]]", exit_code: int = 1) -> T:
    from bastaix.plugin.asking import Senseless
    from bastaix.plugin.seen import Unclear
    from bastaix.plugin.session import Trouble, opened

    async def run() -> T:
        async with opened(where) as session:
            return await part(session)

    try:
        return asyncio.run(run())
    except (Trouble, Senseless, Unclear) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _width() -> int:
    """Of the terminal; what goes elsewhere is not cut."""
    import shutil

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000


def _say(lines: list[str]) -> None:
    for line in lines:
        click.echo(line)
