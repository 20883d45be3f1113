"""The commands of `kubectl bastaix` that ask for something; the others only look."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import click

from bastaix.plugin.invoking import HELP, follow, run_in, takes_where
from bastaix.terminal import echo

if TYPE_CHECKING:
    from bastaix.plugin.asking import Asking
    from bastaix.plugin.seen import Seen
    from bastaix.plugin.session import Session, Where

_WATCH: Final = click.option(
    "-w", "--watch", is_flag=True, help="Follow the status afterwards, until Ctrl-C."
)


@click.command(context_settings=HELP, short_help="Let the paused candidate have the traffic")
@click.argument("name")
@_WATCH
@takes_where
def promote(where: "Where", name: str, watch: bool) -> None:
    """Let the paused candidate of NAME have the traffic.

    For rollouts that wait for a word: spec.rollout.pauseBeforePromotion, or `pause`. Asked for
    before the candidate has passed the gate, it counts when it has; nothing passes the gate by it.

    \b
      kubectl bastaix promote smollm2 --watch
    """
    from bastaix.plugin import asking

    _ask(where, name, asking.promote, watch)


@click.command(context_settings=HELP, short_help="Back to what was promoted before")
@click.argument("name")
@click.argument("revision", required=False)
@_WATCH
@takes_where
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


@click.command(context_settings=HELP, short_help="Try the failed revision again")
@click.argument("name")
@_WATCH
@takes_where
def retry(where: "Where", name: str, watch: bool) -> None:
    """Try the failed revision of NAME again, without a change of its spec.

    For what was not the revision's fault: a quota, a broken node, a data set corrected in its
    ConfigMap. After `rollback` it returns to what the spec asks for.

    \b
      kubectl bastaix retry smollm2 --watch
    """
    from bastaix.plugin import asking

    _ask(where, name, asking.retry, watch)


@click.command(context_settings=HELP, short_help="Keep the candidate from the traffic")
@click.argument("name")
@_WATCH
@takes_where
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


def _ask(where: "Where", name: str, asking: "Callable[[Seen], Asking]", watch: bool) -> None:
    async def run(session: "Session") -> None:
        asked = await session.ask(name, asking)
        echo(f"{name}: {asked.promise}")
        if watch:
            await follow(session, name)
        echo(f"kubectl bastaix status {name} --watch follows it")

    run_in(where, run)


REQUESTS: Final = (promote, rollback, retry, pause)
