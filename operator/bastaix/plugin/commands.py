"""The commands of `kubectl bastaix`. Each reads its options and goes into its part."""

import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from bastaix.plugin.invoking import HELP, WHERE, follow, run_in, say, takes_where, width
from bastaix.plugin.requests import REQUESTS
from bastaix.terminal import echo, echo_error

if TYPE_CHECKING:
    from bastaix.plugin.session import Session, Where

# As diff(1) has it: 1 is for a difference.
TROUBLE_OF_DIFF: Final = 2


@click.group(context_settings=HELP)
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


for _option in reversed(WHERE):
    main = _option(main)


@main.command(context_settings=HELP, short_help="How it stands, and what it waits for")
@click.argument("name")
@click.option("-w", "--watch", is_flag=True, help="Go on until Ctrl-C.")
@takes_where
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
            await follow(session, name)
        seen = await session.look(name, revisions=False, events=True)
        say(screen(seen, datetime.now(UTC), width()))

    run_in(where, run)


@main.command(context_settings=HELP, short_help="What is wrong, where, and what to do")
@click.argument("name")
@takes_where
def why(where: "Where", name: str) -> None:
    """Say why the ModelDeployment NAME stands as it does: what is wrong, where, and what to do.

    \b
      kubectl bastaix why smollm2 -n demo

    It shows what decides with the text in which it was found, the chain from the ModelDeployment
    to its Pods as it is now, and what else is wrong. What you may not read is named.
    """
    from bastaix.plugin import why as page

    async def run(session: "Session") -> None:
        say(page.why(await session.around(name), datetime.now(UTC), width()))

    run_in(where, run)


@main.command(context_settings=HELP, short_help="All there is to know, in a zip for a bug report")
@click.argument("name")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="[bastaix-NAME-TIME.zip here]",
)
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
@click.option("--with-args", is_flag=True, help="Keep texts in the arguments of app and evaluator.")
@takes_where
def bundle(where: "Where", name: str, output: str | None, force: bool, with_args: bool) -> None:
    """Pack all that tells how NAME stands into a zip, with what looks like a secret taken out.

    \b
      kubectl bastaix bundle smollm2 -n demo
      kubectl bastaix bundle smollm2 -o /tmp/smollm2.zip

    Objects, Events, the ends of logs, versions, and what `why` says. No Secret is read. In what is
    read, values of variables, headers, texts in arguments, and what has the form or the name of a
    credential are replaced; that is no proof that none is left. The README.txt in it says what was
    left out: look through it before you hand it on. Only you may read the file.
    """
    from pathlib import Path

    from bastaix.plugin import bundle as packed

    async def run(session: "Session") -> None:
        file = Path(output) if output else packed.usual(name, datetime.now(UTC))
        path = packed.free(file, force=force)
        data = await packed.bundle(session, name, echo_error, with_args=with_args)
        packed.write(path, data, force=force)
        echo(f"{path}: {len(data) // 1024 + 1} KiB. Look through it before you hand it on")

    run_in(where, run)


@main.command(context_settings=HELP, short_help="Its revisions and what became of each")
@click.argument("name")
@takes_where
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
            echo(f"no revision of {name} has been made yet", err=True)
            return
        say(table.history(seen))

    run_in(where, run)


@main.command(context_settings=HELP, short_help="What two revisions differ in")
@click.argument("name")
@click.argument("old", metavar="REV")
@click.argument("new", metavar="REV")
@takes_where
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

    lines = run_in(where, run, exit_code=TROUBLE_OF_DIFF)
    say(lines)
    sys.exit(1 if lines else 0)


for _request in REQUESTS:
    main.add_command(_request)


def run() -> None:
    """The program `kubectl-bastaix`, under the name by which its user calls it."""
    main(prog_name="kubectl bastaix")
