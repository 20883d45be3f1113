"""Bringing the whole node up and taking it down, from wherever it stands.

`up` does only what is missing, so it also finishes what a killed run began and restarts daemons
that died. `down` needs nothing to be whole.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cluster import (
    addons,
    cgroups,
    daemons,
    enclosure,
    network,
    node,
    paths,
    prerequisites,
    programs,
)
from cluster.locks import lock
from cluster.progress import Progress

NAMES = (enclosure.HOLDER, "containerd", *programs.NODE_PROGRAMS)
REMOVED = paths.CACHE / "node.removed"


def up(progress: Progress) -> None:
    prerequisites.require(prerequisites.NODE)
    network.bypass_proxy()
    with _alone():
        shutil.rmtree(REMOVED, ignore_errors=True)
        prerequisites.install()
        holder = node.start_containerd(progress)  # first: others import images meanwhile
        programs.ensure(progress=progress)
        node.start_control_plane(holder, progress)
        node.start_node(holder)
        references = addons.ensure_images(progress)
        addons.apply(references)
        addons.wait(progress)
        progress.say(f"the cluster is up: export KUBECONFIG={paths.KUBECONFIG}")


def down(progress: Progress, *, purge: bool = False) -> None:
    with _alone():
        _stop_daemons(progress)
        network.remove(progress)
        cgroups.remove()
        _delete_state()
        if purge:
            shutil.rmtree(paths.CONTAINERD_ROOT, ignore_errors=True)
        progress.say("the cluster is down" + (", its images are deleted" if purge else ""))


@contextmanager
def _alone() -> Iterator[None]:
    with lock("node"):  # whoever imports images holds it while it starts containerd
        yield


def _stop_daemons(progress: Progress) -> None:
    if cgroups.processes():
        progress.say("stopping the node")
    daemons.stop(_record("kubelet"))  # first: it would start again what ends
    daemons.stop(*map(_record, ("kube-proxy", "kube-scheduler", "kube-controller-manager")))
    if node.containerd_running():
        with suppress(programs.ProgramError):  # what it leaves is killed below
            node.forget_containers()
    daemons.stop(*map(_record, ("kube-apiserver", "containerd")), grace=3)
    daemons.stop(_record("etcd"))
    cgroups.end_all()  # containers that outlived containerd, then the holder of the namespaces
    daemons.stop(_record(enclosure.HOLDER))


def _record(name: str) -> Path:
    return paths.NODE / "run" / f"{name}.pid"


def _delete_state() -> None:
    """All at once for whoever looks, however long the deletion takes."""
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    if inside := [target for target in mounted if target.startswith(f"{paths.NODE}/")]:
        raise RuntimeError(f"{', '.join(inside)} is mounted, not by us; unmount it first")
    shutil.rmtree(REMOVED, ignore_errors=True)
    with suppress(FileNotFoundError):
        paths.NODE.rename(REMOVED)
    shutil.rmtree(REMOVED, ignore_errors=True)


def status() -> tuple[list[str], bool]:
    """Lines for people, and whether everything is well."""
    holder = enclosure.holder()
    # The records alone: naming the commands would build the programs.
    found = {name: daemons.recorded(_record(name)) for name in NAMES}
    lines = [
        f"{name:24} " + (f"running, pid {process.pid}" if process else "not running")
        for name, process in found.items()
    ]
    facts = {"API server": bool(holder) and node.api_ready()}
    facts["node Ready"] = facts["API server"] and addons.node_ready()
    for deployment in addons.DEPLOYMENTS:
        facts[f"{deployment}"] = facts["API server"] and addons.available(deployment)
    lines += [f"{name:24} {'yes' if well else 'no'}" for name, well in facts.items()]
    lines.append(f"{'kubeconfig':24} {paths.KUBECONFIG}")
    lines.append(f"{'logs':24} {paths.LOGS}")
    if holder:
        lines.append(f"{'a shell inside':24} {' '.join(enclosure.enter(holder))} bash")
    return lines, all(found.values()) and all(facts.values())
