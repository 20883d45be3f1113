"""What a replica asks Ray for, and whether a Pod of its cluster could ever have that much. Pure.

Ray Serve 2.60 says of a replica that waits what it asks for, as one map of amounts or, where it
has a placement group, as a list of them. What it calls "total resources available" is what is free
just then, of the names in that one map alone: for a list it is always empty, and an amount that
is taken is left out. So that is no evidence of a lack; the RayCluster's own spec is.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bastaix.api.quantities import amount
from bastaix.observe.observed import Object

Amounts = Mapping[str, float]
"""By the name that Ray has for a resource, as CPU or GPU: only what is more than zero."""

_MAP: Final = r"\{[^{}\[\]]{0,2000}\}"
_LIST: Final = r"\[[^\[\]]{0,4000}\]"
_ASKED: Final = re.compile(
    rf"Resources required for each replica: (?P<asked>{_LIST}|{_MAP})"
    rf"(?:, total resources available: (?P<free>{_MAP}))?"
)
_MOST: Final = 1e18
"""Of anything; what claims to be more says nothing."""
_OF_EACH_NODE: Final = ("memory", "object_store_memory", "node:")
"""What Ray 2.60 finds on each node by itself, so no spec says how much."""
_OVERRIDE: Final = "RAY_OVERRIDE_RESOURCES"
"""A variable by which a node of Ray 2.60 has more than its start parameters say."""


@dataclass(frozen=True)
class Demand:
    """What one replica asks for."""

    bundles: tuple[Amounts, ...]
    """Each of them must be found in one Pod."""
    free: Amounts
    """What Ray says is free."""
    text: str
    free_text: str
    """Both as Serve writes them."""
    is_group: bool
    """It is a placement group, of which Serve does not say what is free."""


def demand(message: str) -> Demand | None:
    """What Serve's message on a deployment says of a replica that waits; None: it says nothing."""
    match = _ASKED.search(message)
    if match is None:
        return None
    asked, free_text = _parsed(match["asked"]), match["free"] or "{}"
    bundles = asked if isinstance(asked, list) else [asked]
    return Demand(
        bundles=tuple(map(_amounts, bundles)),
        free=_amounts(_parsed(free_text)),
        text=match["asked"],
        free_text=free_text,
        is_group=isinstance(asked, list),
    )


def excess(demand: Demand, raycluster: Object) -> str | None:
    """What is asked for at once and more than any Pod of the cluster can have; None: a Pod may.

    How many Pods there may be does not count: that changes with the scaling.
    """
    groups = list(_groups(raycluster))
    for bundle in demand.bundles:
        lacks = [_lack(bundle, demand.free, group) for group in groups]
        if lacks and all(lacks):
            return lacks[-1]
    return None


def _lack(bundle: Amounts, free: Amounts, group: Mapping[str, Any]) -> str | None:
    for name, wanted in sorted(bundle.items()):
        has = _capacity(group, name)
        if has is not None and wanted > max(has, free.get(name, 0.0)):
            return f"{wanted:g} {name} where a Pod has {has:g}"
    return None


def _capacity(group: Mapping[str, Any], name: str) -> float | None:
    """How much a Pod of a group has of a resource of Ray's; None: that cannot be known."""
    spec = group["template"]["spec"]
    if name.startswith(_OF_EACH_NODE) or any(map(_is_overridden, spec["containers"])):
        return None
    started = group.get("rayStartParams") or {}
    if name == "CPU":
        return _number(started.get("num-cpus"))
    limits = [(each.get("resources") or {}).get("limits") or {} for each in spec["containers"]]
    devices = {key: count for limit in limits for key, count in limit.items() if "/" in key}
    if name == "GPU" and devices and all(key.endswith("gpu") for key in devices):
        # KubeRay 1.6 starts Ray with the count of the one that it takes for a GPU
        return _number(started.get("num-gpus", max(devices.values(), key=_counted)))
    # Ray looks for accelerators of other names itself, so without a device there are none
    may_see_devices = devices or spec.get("runtimeClassName") or spec.get("resourceClaims")
    return None if may_see_devices or {"resources", "num-gpus"} & {*started} else 0.0


def _groups(raycluster: Object) -> Iterator[Mapping[str, Any]]:
    """Of Pods, the workers last: they are what replicas run in."""
    spec = raycluster.get("spec") or {}
    for group in (spec.get("headGroupSpec") or {}, *(spec.get("workerGroupSpecs") or ())):
        if "template" in group:
            yield group


def _is_overridden(container: Mapping[str, Any]) -> bool:
    variables = container.get("env") or ()
    return bool(container.get("envFrom")) or any(each["name"] == _OVERRIDE for each in variables)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text.replace("'", '"'))
    except (ValueError, RecursionError):  # the text is an app's
        return {}


def _amounts(found: Any) -> dict[str, float]:
    """What it says of amounts more than zero, as a replica may be told to ask for 0.0 of one."""
    if not isinstance(found, dict):
        return {}
    return {
        name: float(count)
        for name, count in found.items()
        # neither an integer that no float can hold, nor one that is no number
        if isinstance(count, int | float) and 0 < count <= _MOST
    }


def _number(quantity: object) -> float | None:
    found = None if quantity is None else amount(str(quantity))
    return None if found is None else float(found)


def _counted(quantity: object) -> float:
    return _number(quantity) or 0.0
