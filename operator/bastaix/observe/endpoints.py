"""Where the Pods of a revision answer. Pure.

A name can be made to lead anywhere by whoever may write a Service; the address of a Pod is
written by the kubelet alone. With the network of its node a Pod would have the node's, where
others listen too: our Pods never have that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from bastaix.api import names
from bastaix.observe.observed import Object, Observed, is_ready


@dataclass(frozen=True)
class Endpoint:
    pod: str
    ip: str
    """A literal that no resolver is asked for."""


def endpoints(observed: Observed, revision: str) -> tuple[Endpoint, ...]:
    """Ready workers that the Services select, as each holds a replica and a proxy."""
    return tuple(_endpoints(observed.pods_of(revision, "worker")))


def _endpoints(pods: list[Object]) -> Iterator[Endpoint]:
    for pod in pods:
        labels, ip = pod["metadata"].get("labels") or {}, _ip(pod)
        if is_ready(pod) and labels.get(names.RAY_SERVE_LABEL) == "true" and ip is not None:
            yield Endpoint(str(pod["metadata"]["name"]), ip)


def _ip(pod: Object) -> str | None:
    """None: it has none, or one that is not its own."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    host = {status.get("hostIP"), *(each.get("ip") for each in status.get("hostIPs") or ())}
    given = str(status.get("podIP") or "")
    if spec.get("hostNetwork") or given in host or "%" in given:
        return None
    try:
        ip = ip_address(given)
    except ValueError:
        return None
    is_near = ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast
    is_mapped = ip.version == 6 and ip.ipv4_mapped is not None
    return None if is_near or is_mapped else str(ip)
