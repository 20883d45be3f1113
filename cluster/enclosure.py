"""The node's own mount and network namespaces, held open by one process.

Inside, /run, /var/log and the folders that kubelet and network plugins insist on are the node's
own, and so are the kernel's tunables that kubelet would set for the whole machine. Nothing mounted
inside is seen outside, and when the last process inside ends, the kernel takes back every mount,
interface and firewall rule. So there is nothing to unmount, and nothing to forget.
"""

import shlex
from pathlib import Path

from cluster import cgroups, paths
from cluster.daemons import Daemon, Process
from cluster.progress import Progress

HOLDER = "enclosure"
# Inside the node, the left folder is the right one.
MASKS = {
    Path("/var/log"): paths.NODE / "var-log",
    Path("/var/lib/kubelet"): paths.NODE / "kubelet",
    Path("/var/lib/cni"): paths.NODE / "cni",
}
# What kubelet wants of the machine. It finds it in files of ours and leaves the machine alone.
TUNABLES = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000,
    "kernel/keys/root_maxbytes": 25000000,
}
READY = Path("run/bastaix-ready")


def _script() -> str:
    lines = [
        "mount --make-rshared /",  # between the daemons and Pods inside; the outside is a slave
        "mount -t tmpfs -o mode=755 bastaix /run",
    ]
    for target, own in MASKS.items():
        lines.append(f"mount --bind {shlex.quote(str(own))} {target}")
    for name in TUNABLES:
        lines.append(f"mount --bind {shlex.quote(str(_tunable(name)))} /proc/sys/{name}")
    lines += [f"touch /{READY}", "exec sleep infinity"]
    return "\n".join(lines)


def _tunable(name: str) -> Path:
    return paths.NODE / "tunables" / name.replace("/", ".")


def daemon() -> Daemon:
    return Daemon(
        name=HOLDER,
        command=("sh", "-ec", _script()),
        folder=paths.NODE,
        wrapper=("unshare", "--net", "--mount", "--propagation", "slave"),
        cgroups=cgroups.daemon_groups(),
    )


def holder() -> Process | None:
    return daemon().process()


def ensure(progress: Progress) -> Process:
    """The holder, made anew if it is gone; then nothing else of ours may run any more."""
    if alive := holder():
        return alive
    cgroups.end_all()
    cgroups.create()
    for target, own in MASKS.items():
        own.mkdir(parents=True, exist_ok=True)
        target.mkdir(parents=True, exist_ok=True)
    for name, value in TUNABLES.items():
        _tunable(name).parent.mkdir(exist_ok=True)
        _tunable(name).write_text(f"{value}\n")
    process = daemon().start()
    inside = Path(f"/proc/{process.pid}/root") / READY
    progress.wait("the node's namespaces", inside.exists, seconds=10, check=daemon().check)
    return process


def enter(process: Process) -> tuple[str, ...]:
    """The words before a command that make it run inside."""
    return ("nsenter", f"--target={process.pid}", "--net", "--mount", "--")
