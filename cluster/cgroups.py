"""The control groups that everything of the node runs in.

They answer two questions after any kill: what of ours still runs, and how to end all of it. Both
layouts work, one unified tree or a tree a controller; which one is mounted decides.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from cluster import paths
from cluster.daemons import Process, end, start_time
from cluster.progress import POLL

# One name a cache folder, so that the nodes of two checkouts never take each other's processes.
NAME = "bastaix-" + sha256(str(paths.CACHE).encode()).hexdigest()[:8]
KUBELET_ROOT = f"/{NAME}"


def hierarchies(mounts: str) -> list[Path]:
    """The mount points of control groups in the text of /proc/self/mounts, each once."""
    lines = [line.split() for line in mounts.splitlines()]
    return list(dict.fromkeys(Path(words[1]) for words in lines if words[2].startswith("cgroup")))


def _groups() -> list[Path]:
    return [tree / NAME for tree in hierarchies(Path("/proc/self/mounts").read_text())]


def daemon_groups() -> tuple[Path, ...]:
    """Where daemons belong: beside the Pods, since a unified group holds groups or processes."""
    return tuple(group / "daemons" for group in _groups())


def create() -> None:
    for group in _groups():
        group.mkdir(exist_ok=True)
        _delegate(group.parent)
        _inherit_processors(group)
        _delegate(group)
        (group / "daemons").mkdir(exist_ok=True)
        _inherit_processors(group / "daemons")


def _delegate(group: Path) -> None:
    """Unified tree only: let the groups below have every controller that this one has."""
    available = group / "cgroup.controllers"
    if available.exists():
        for controller in available.read_text().split():
            with suppress(OSError):  # one that cannot be delegated here; the kubelet names it
                (group / "cgroup.subtree_control").write_text(f"+{controller}")


def _inherit_processors(group: Path) -> None:
    """A tree a controller only: a new cpuset group is empty and takes no process."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        if (group / "cgroup.clone_children").exists() and (group / name).exists():
            (group / name).write_text((group.parent / name).read_text())


def processes() -> list[Process]:
    """Everything that runs in our groups, containers included."""
    pids = {
        int(pid)
        for group in _groups()
        for folder in _folders(group)
        for pid in _read(folder / "cgroup.procs").split()
    }
    found = [(pid, start_time(pid)) for pid in sorted(pids)]
    return [Process(pid, started) for pid, started in found if started is not None]


def end_all() -> None:
    """Kill until nothing is left: a process may have made another meanwhile."""
    while alive := processes():
        end(alive, grace=0)


def remove() -> None:
    for group in _groups():
        for folder in reversed(list(_folders(group))):
            _remove(folder)


def _remove(folder: Path) -> None:
    deadline = time.monotonic() + 5
    while folder.exists():
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:  # the last process of it is being buried
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL)


def _folders(group: Path) -> Iterator[Path]:
    for folder, _, _ in os.walk(group):
        yield Path(folder)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # the group went away, or is a threaded one
        return ""
