"""What the commands of `kubectl bastaix` share: kubectl's options, a session, the screen."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from bastaix.terminal import echo, echo_error, paint

if TYPE_CHECKING:
    from bastaix.plugin.session import Session, Where

# as a shell has it for a program that SIGINT ended
INTERRUPTED: Final = 130

T = TypeVar("T")

HELP: Final = {"help_option_names": ["-h", "--help"]}
WHERE: Final = (
    click.option("-n", "--namespace", help="[that of the kubeconfig's current context]"),
    click.option("--context", help="Of the kubeconfig. [the current one]"),
    click.option("--kubeconfig", metavar="FILE", help="[$KUBECONFIG, or ~/.kube/config]"),
)

Command = Callable[..., None]


def takes_where(command: Command) -> Command:
    """Takes kubectl's own options, before or after the command's name."""

    @click.pass_context
    @wraps(command)
    def with_where(context: click.Context, /, **given: Any) -> None:
        from bastaix.plugin.session import Where

        before = context.obj or {}
        keys = ("kubeconfig", "context", "namespace")
        where = {key: given.pop(key) or before.get(key) for key in keys}
        command(where=Where(**where), **given)

    for option in reversed(WHERE):
        with_where = option(with_where)
    return with_where


async def follow(session: "Session", name: str) -> None:
    from bastaix.plugin import live

    await live.follow(session, name, paint, is_terminal=sys.stdout.isatty())


def run_in(where: "Where", part: "Callable[[Session], Awaitable[T]]", exit_code: int = 1) -> T:
    from bastaix.plugin.asking import Senseless
    from bastaix.plugin.seen import Unclear
    from bastaix.plugin.session import Trouble, opened

    async def run() -> T:
        async with opened(where) as session:
            return await part(session)

    try:
        return asyncio.run(run())
    except (Trouble, Senseless, Unclear) as error:
        echo_error(f"Error: {error}")
        sys.exit(exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def width() -> int:
    """Of the terminal; what goes elsewhere is not cut."""
    import shutil

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000


def say(lines: list[str]) -> None:
    for line in lines:
        echo(line)
