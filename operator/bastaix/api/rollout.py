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
_DURATION: Final = re.compile(r"([0-9]{1,6}(?:[.][0-9]{1,3})?)(ms|s)")


@dataclass(frozen=True, kw_only=True)
class ConfigMapKey:
    name: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Evaluator:
    """The user's own image in the place of `bastaix eval`."""

    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What the answers of a candidate must be like."""

    path: str | None = None
    """The data set, a file in the artifact; or else it is a key of a ConfigMap."""
    config_map: ConfigMapKey | None = None
    evaluator: Evaluator | None = None
    min_pass_rate: float = 1.0
    max_regression: float | None = None
    """How much of the active revision's pass rate may be lost; None: nobody compares."""
    ttft_p95: float | None = None
    """Seconds; None: any."""
    concurrency: int = 8
    limit: int = 200
    timeout_seconds: int = 600


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
    gate: Gate | None = None
    """None: the check alone decides."""


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
        gate=_gate(rollout.map("gate")) if rollout.has("gate") else None,
    )


def seconds(text: str) -> float | None:
    """`1.5s` or `500ms` in seconds; None if it is no such duration."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    return float(match[1]) / (1000 if match[2] == "ms" else 1)


def _gate(gate: Fields) -> Gate:
    default, dataset = Gate(), gate.map("dataset")
    key, own = dataset.map("configMapRef"), gate.map("evaluator")
    pass_rate = gate.number("minPassRate")
    if dataset.has("path") == dataset.has("configMapRef"):
        raise Stalled(
            reasons.INVALID_SPEC,
            f"{dataset.path} must have exactly one of path and configMapRef",
        )
    return Gate(
        path=dataset.get("path", str),
        config_map=ConfigMapKey(name=key.need("name", str), key=key.need("key", str))
        if dataset.has("configMapRef")
        else None,
        evaluator=Evaluator(
            image=own.need("image", str), command=own.texts("command"), args=own.texts("args")
        )
        if gate.has("evaluator")
        else None,
        min_pass_rate=default.min_pass_rate if pass_rate is None else pass_rate,
        max_regression=gate.number("maxRegression"),
        ttft_p95=_duration(gate, "ttftP95"),
        concurrency=gate.get("concurrency", int) or default.concurrency,
        limit=gate.get("limit", int) or default.limit,
        timeout_seconds=gate.get("timeoutSeconds", int) or default.timeout_seconds,
    )


def _duration(fields: Fields, key: str) -> float | None:
    text = fields.get(key, str)
    found = None if text is None else seconds(text)
    if text is not None and found is None:
        raise Stalled(
            reasons.INVALID_SPEC, f"{fields.path}.{key} must be a duration such as 500ms or 1.5s"
        )
    return found


def _one_of(fields: Fields, key: str, words: Any) -> Any:
    text = fields.get(key, str)
    if text is not None and text not in get_args(words):
        known = ", ".join(get_args(words))
        raise Stalled(reasons.INVALID_SPEC, f"{fields.path}.{key} must be one of {known}")
    return text
