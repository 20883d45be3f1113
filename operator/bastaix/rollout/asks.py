"""Who is to be asked its check now, and when the next question is due. Pure.

A probe distorts an app's metrics, so none is asked for ever: the active revision after the
Service was turned, while it is baked, and until it has answered; a candidate until it has. When
one of them does not answer right, the revision that lives beside it is asked the same.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bastaix.api import reasons
from bastaix.observe.observed import CheckResult, Observed, Via, moment
from bastaix.rollout.gates import BAKE_CHECK_SECONDS
from bastaix.rollout.roles import Roles
from bastaix.rollout.watch import SETTLE_SECONDS

# An app that is not reached is likely to be soon; one that answers wrongly is not. Each time
# that it is not right it is asked after twice the time.
UNREACHABLE_SECONDS: Final = 1.0
WRONG_SECONDS: Final = 15.0
LONGEST_SECONDS: Final = 60.0
SETTLING_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Ask:
    revision: str
    via: Via


def due(
    observed: Observed,
    roles: Roles,
    now: datetime,
    *,
    trial: str | None,
    is_baking: bool,
    is_turned: bool,
) -> tuple[tuple[Ask, ...], float | None]:
    """Whom to ask, and otherwise in how many seconds; `trial` is a candidate that is on trial."""
    asks: list[Ask] = []
    waits: list[float] = []
    for ask in _parties(roles.active, trial):
        if not _is_reachable(observed, ask):
            continue
        last = observed.check_of(ask.revision, ask.via)
        is_stable = ask.via == "stable"
        left = _left(last, now, is_baking=is_baking and is_stable)
        if is_stable and last is not None and not last.ok and is_settling(roles, now):
            left = SETTLING_SECONDS - (now - last.at).total_seconds()
        if last is None or (is_turned and is_stable):
            left = 0.0
        if left is not None and left <= 0:
            asks.append(ask)
        elif left is not None:
            waits.append(left)
    beside = _beside(observed, roles, trial, is_baking=is_baking)
    return (*asks, *beside), min(waits, default=None)


def is_settling(roles: Roles, at: datetime) -> bool:
    """What is answered at that moment may not be of the active revision yet."""
    since = moment(roles.turn.since)
    return since is not None and (at - since).total_seconds() < SETTLE_SECONDS


def _is_reachable(observed: Observed, ask: Ask) -> bool:
    """A candidate is not asked before KubeRay's Service leads to it: its evaluation follows at
    once, and a name that is looked up too early is unknown for long."""
    if not observed.has_replicas(ask.revision):
        return False
    status = (observed.rayservice_of(ask.revision) or {}).get("status") or {}
    return ask.via == "stable" or bool(status.get("numServeEndpoints"))


def _parties(active: str | None, trial: str | None) -> list[Ask]:
    parties = [Ask(active, "stable")] if active is not None else []
    return [*parties, Ask(trial, "own")] if trial is not None else parties


def _beside(
    observed: Observed, roles: Roles, trial: str | None, *, is_baking: bool
) -> tuple[Ask, ...]:
    """Once for each answer that was not right of a revision that is watched."""
    watched = observed.check_of(trial, "own") if trial is not None else None
    if trial is None and is_baking:
        watched = observed.check_of(roles.active or "", "stable")
    if watched is None or watched.ok or roles.beside is None:
        return ()
    ask, last = Ask(roles.beside, "beside"), observed.check_of(roles.beside, "beside")
    through_stable = observed.check_of(roles.beside, "stable")
    is_asked = last is not None and last.at >= watched.at
    is_asked = is_asked or (through_stable is not None and not through_stable.ok)
    return () if is_asked or not _is_reachable(observed, ask) else (ask,)


def _left(last: CheckResult | None, now: datetime, *, is_baking: bool) -> float | None:
    """Seconds until it is to be asked again; None: it need not be."""
    if last is None or (last.ok and not is_baking):
        return None
    if is_baking:
        wait = BAKE_CHECK_SECONDS
    else:
        first = WRONG_SECONDS if last.reason == reasons.WRONG_ANSWER else UNREACHABLE_SECONDS
        wait = min(LONGEST_SECONDS, first * 2.0 ** min(last.failures - 1, 10))
    return wait - (now - last.at).total_seconds()
