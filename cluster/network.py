"""The one cable between the machine and the node, and the addresses on it.

The machine reaches every Pod and Service through it by plain routes; its own firewall stays
untouched, so Pods reach the machine but not the internet.
"""

import ipaddress
import json
import os
import subprocess
from collections.abc import Iterable

from cluster import enclosure, paths
from cluster.daemons import Process
from cluster.programs import run
from cluster.progress import Progress

INTERFACE = "bastaix0"
INNER = "node0"
MACHINE_ADDRESS = "10.250.0.1"
NODE_ADDRESS = "10.250.0.2"
LINK_RANGE = "10.250.0.0/30"
POD_RANGE = "10.244.0.0/24"
SERVICE_RANGE = "10.96.0.0/16"
DNS_ADDRESS = "10.96.0.10"


def bypass_proxy() -> None:
    """Have this process and what it starts reach the node directly, whatever proxy is set."""
    ours = (NODE_ADDRESS, LINK_RANGE, POD_RANGE, SERVICE_RANGE, ".svc", ".cluster.local")
    for name in ("NO_PROXY", "no_proxy"):
        own = os.environ.get(name, "").split(",")
        os.environ[name] = ",".join(dict.fromkeys([*filter(None, own), *ours]))


def owner() -> str | None:
    """The cache folder whose node the interface belongs to; None if there is no interface.

    A run that was killed between the two steps of making it leaves it nameless: ours as well.
    """
    shown = subprocess.run(
        ["ip", "-json", "link", "show", INTERFACE], capture_output=True, text=True
    )
    if shown.returncode:
        return None
    return str(json.loads(shown.stdout)[0].get("ifalias", paths.CACHE))


def another_owner() -> str | None:
    return owner() if owner() not in (None, str(paths.CACHE)) else None


def taken(routes: Iterable[dict[str, str]]) -> list[str]:
    """Which of our ranges another interface already routes, as `RANGE by DEVICE`."""
    found = []
    for route in routes:
        destination = route.get("dst", "default")
        if destination == "default" or route.get("dev") == INTERFACE:
            continue
        network = ipaddress.ip_network(destination, strict=False)
        for ours in (LINK_RANGE, POD_RANGE, SERVICE_RANGE):
            # A wider route, such as a whole 10.0.0.0/8, does no harm: ours are more specific.
            if network.version == 4 and network.subnet_of(ipaddress.IPv4Network(ours)):
                found.append(f"{ours} by {route.get('dev', 'a route')}")
    return sorted(set(found))


def routes() -> list[dict[str, str]]:
    listed: list[dict[str, str]] = json.loads(
        run("ip", "-json", "-4", "route", "show", "table", "all") or "[]"
    )
    return listed


def ensure(holder: Process, progress: Progress) -> None:
    """Lay the cable into the enclosure, unless it lies there."""
    inside = enclosure.enter(holder)
    if _complete(inside):
        return
    remove(progress)
    run(
        *("ip", "link", "add", INTERFACE, "type", "veth"),
        *("peer", "name", INNER, "netns", str(holder.pid)),
    )
    run("ip", "link", "set", INTERFACE, "alias", str(paths.CACHE))
    run(*inside, "ip", "link", "set", "lo", "up")
    run(*inside, "ip", "address", "add", f"{NODE_ADDRESS}/30", "dev", INNER)
    run(*inside, "ip", "link", "set", INNER, "up")
    run(*inside, "ip", "route", "add", "default", "via", MACHINE_ADDRESS)
    run(*inside, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    run("ip", "address", "add", f"{MACHINE_ADDRESS}/30", "dev", INTERFACE)
    run("ip", "link", "set", INTERFACE, "up")
    for destination in (POD_RANGE, SERVICE_RANGE):
        run("ip", "route", "add", destination, "via", NODE_ADDRESS)


def _complete(inside: tuple[str, ...]) -> bool:
    """Whether the cable's other end lies in this enclosure and the last route is set."""
    linked = json.loads(run(*inside, "ip", "-json", "link", "show", "type", "veth") or "[]")
    routed = [route for route in routes() if route.get("dev") == INTERFACE]
    return any(link.get("ifname") == INNER for link in linked) and any(
        route.get("dst") == SERVICE_RANGE for route in routed
    )


def remove(progress: Progress) -> None:
    """Take the cable away; the routes go with it. The kernel may be doing so by itself."""
    if owner() == str(paths.CACHE):
        subprocess.run(["ip", "link", "delete", INTERFACE], capture_output=True)
        progress.wait(f"the end of {INTERFACE}", lambda: owner() is None, seconds=20)
