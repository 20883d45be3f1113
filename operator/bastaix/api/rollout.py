"""How a new revision comes to traffic: `spec.rollout`, and what a user asks for meanwhile.

Typed like the rest of the resource and read by `v1alpha1`; nothing of it makes a revision
another one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

from bastaix.api import names, reasons
from bastaix.api.errors import Stalled
from bastaix.api.fields import Fields

Strategy = Literal["BlueGreen", "Recreate", "Auto"]
OnFailure = Literal["Rollback", "Hold"]
Verb = Literal["retry", "promote", "rollback", "pause"]

_REQUEST: Final = re.compile(
    r"(?P<verb>retry|promote|rollback|pause)(:(?P<revision>[0-9a-f]{8}))?"
    r"@(?P<generation>[0-9]{1,18})([.][0-9]{1,9})?"
)


@dataclass(frozen=True, kw_only=True)
class Rollout:
    strategy: Strategy = "BlueGreen"
    progress_deadline_seconds: int = 1800
    capacity_grace_seconds: int = 120
    """With Auto: for how long a Pod may find no place before the active revision makes it."""
    drain_seconds: int = 60
    bake_seconds: int = 60
    pause_before_promotion: bool = False
    on_failure: OnFailure = "Rollback"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a user asks for by the annotation, and for one generation alone."""

    verb: Verb
    revision: str | None
    text: str
    """As it stands there; another text is another request."""


def request(metadata: Mapping[str, Any]) -> Request | None:
    """`VERB[:REVISION]@GENERATION[.N]`: the N tells a request from the same one before it.

    Of another generation, or misspelt, it asks for nothing.
    """
    text = (metadata.get("annotations") or {}).get(names.REQUEST_ANNOTATION, "")
    match = _REQUEST.fullmatch(text)
    if match is None or int(match["generation"]) != metadata.get("generation", 1):
        return None
    return Request(verb=cast(Verb, match["verb"]), revision=match["revision"], text=text)


def read(rollout: Fields) -> Rollout:
    default = Rollout()
    deadline = rollout.get("progressDeadlineSeconds", int)
    grace = rollout.get("capacityGraceSeconds", int)
    drain, bake = rollout.get("drainSeconds", int), rollout.get("bakeSeconds", int)
    return Rollout(
        strategy=_one_of(rollout, "strategy", Strategy) or default.strategy,
        progress_deadline_seconds=deadline or default.progress_deadline_seconds,
        capacity_grace_seconds=grace or default.capacity_grace_seconds,
        drain_seconds=default.drain_seconds if drain is None else drain,
        bake_seconds=default.bake_seconds if bake is None else bake,
        pause_before_promotion=rollout.get("pauseBeforePromotion", bool) or False,
        on_failure=_one_of(rollout, "onFailure", OnFailure) or default.on_failure,
    )


def _one_of(fields: Fields, key: str, words: Any) -> Any:
    text = fields.get(key, str)
    if text is not None and text not in get_args(words):
        known = ", ".join(get_args(words))
        raise Stalled(reasons.INVALID_SPEC, f"{fields.path}.{key} must be one of {known}")
    return text
