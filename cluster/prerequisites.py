"""What a machine must have before anything is started, all that is missing said at once."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cluster import enclosure, network, paths, programs

GIB = 1 << 30
DISK = 30 * GIB  # all that the caches and the node ever hold
MEMORY = 10 * GIB
GO = (1, 25)
DEBIAN = ("iptables", "libseccomp2")  # installed where they lack: small ones, no daemon
COMMANDS = {
    "ip": "iproute2",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "setpriv": "util-linux",
    "npm": "npm",
    "git": "git",
}
KERNEL = {  # a feature and how to get it: a command that succeeds where it is there
    "overlay file systems (modprobe overlay)": (
        "modprobe overlay 2>/dev/null; grep -qw overlay /proc/filesystems"
    ),
    "virtual cables (modprobe veth)": "ip link add trial0 type veth peer name trial1",
    "control groups (mount them at /sys/fs/cgroup)": (
        "grep -q '^[^ ]* [^ ]* cgroup' /proc/self/mounts"
    ),
}
FIREWALL = {
    "address translation (modprobe iptable_nat nf_tables nft_compat)": (
        "iptables -t nat -A POSTROUTING -m comment --comment a -j MASQUERADE"
    ),
    "random choice in the firewall (modprobe xt_statistic)": (
        "iptables -t nat -A OUTPUT -m statistic --mode random --probability .5 -j RETURN"
    ),
}
SOCKET_LIMIT = 107  # characters of a socket's path


class Missing(RuntimeError):
    """The machine lacks something; the message names everything, with what to do."""


@dataclass(frozen=True)
class Check:
    name: str
    problem: Callable[[], str | None]  # what is wrong and what to do about it


def require(checks: tuple[Check, ...]) -> None:
    problems = [f"{check.name}: {said}" for check in checks if (said := check.problem())]
    if problems:
        raise Missing("this machine cannot run the cluster yet:\n  - " + "\n  - ".join(problems))


def go_problem(version: str | None) -> str | None:
    """`version` is what `go env GOVERSION` prints, None where there is no Go."""
    wanted = ".".join(map(str, GO))
    if version is None:
        return f"install Go {wanted} or newer and put it on PATH: it builds Kubernetes"
    found = re.match(r"go(\d+)\.(\d+)", version)
    if found and (int(found[1]), int(found[2])) < GO:
        return f"{version} is too old; install Go {wanted} or newer"
    return None


def _go() -> str | None:
    if not shutil.which("go"):
        return go_problem(None)
    done = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True)
    return go_problem(done.stdout.strip())


def _linux() -> str | None:
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return f"Linux on x86-64 is needed, not {platform.system()} on {platform.machine()}"
    return None


def _commands() -> str | None:
    lacking = [package for command, package in COMMANDS.items() if not shutil.which(command)]
    if lacking:
        return f"apt-get install {' '.join(sorted(set(lacking)))}"
    return None


def _root() -> str | None:
    return "run it as root" if os.geteuid() else None


def _apt() -> str | None:
    if not shutil.which("apt-get"):
        return "Debian 12 or newer, or Ubuntu 24.04 or newer: containerd comes as its package"
    return None


def disk_problem(*, free: int, used: int) -> str | None:
    if free + used < DISK:
        return (
            f"{free / GIB:.0f} GiB free at {paths.CACHE}, {DISK / GIB:.0f} are needed; "
            "free some, or set BASTAIX_CACHE to a folder on another disk"
        )
    return None


def _disk() -> str | None:
    existing = next(path for path in (paths.CACHE, *paths.CACHE.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free >= DISK:  # measuring what is used takes a while
        return None
    counted = subprocess.run(["du", "-sk", str(existing)], capture_output=True, text=True)
    used = int(counted.stdout.split()[0]) * 1024 if paths.CACHE.exists() else 0
    return disk_problem(free=free, used=used)


def _memory() -> str | None:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if total < MEMORY:
        return f"{total / GIB:.0f} GiB of memory, {MEMORY / GIB:.0f} are needed for a model"
    return None


def place_problem(cache: Path, node: Path) -> str | None:
    hidden = [*enclosure.MASKS, Path("/run"), Path("/var/run")]
    if any(cache.is_relative_to(folder) for folder in hidden):
        return f"{cache} is hidden inside the node; set BASTAIX_CACHE to another folder"
    if len(str(node / "containerd.sock.ttrpc")) > SOCKET_LIMIT:
        return f"{cache} is too long a path for a socket; set BASTAIX_CACHE to a shorter one"
    return None


def _place() -> str | None:
    return place_problem(paths.CACHE, paths.NODE)


def _addresses() -> str | None:
    if not shutil.which("ip"):
        return None
    if other := network.another_owner():
        return f"a node of {other} is up; take it down there: one machine holds one"
    if ranges := network.taken(network.routes()):
        return f"another network uses them, stop it first: {', '.join(ranges)}"
    return None


def _kernel() -> str | None:
    """Tries each in namespaces that end with the trial."""
    if os.geteuid() or not shutil.which("unshare"):
        return None
    # The firewall can be tried only once its command is there, which `install` sees to.
    trials = KERNEL | (FIREWALL if shutil.which("iptables") else {})
    enclosed = ("unshare", "--net", "--mount", "sh", "-c")
    failed = [
        feature
        for feature, trial in trials.items()
        if subprocess.run([*enclosed, trial], capture_output=True).returncode
    ]
    return f"the kernel lacks {', '.join(failed)}" if failed else None


CONTROL_PLANE = (
    Check("system", _linux),
    Check("Go", _go),
    Check("commands", _commands),
)
NODE = (
    *CONTROL_PLANE,
    Check("root", _root),
    Check("packages", _apt),
    Check("disk", _disk),
    Check("memory", _memory),
    Check("cache", _place),
    Check("addresses", _addresses),
    Check("kernel", _kernel),
)


def install() -> None:
    """The Debian packages that lack; after that even the firewall can be tried."""
    lacking = []
    for package in DEBIAN:
        query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
        if subprocess.run(query, capture_output=True, text=True).stdout != "installed":
            lacking.append(package)
    if lacking:
        programs.debian(*lacking)
    require((Check("kernel", _kernel),))
