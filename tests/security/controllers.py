"""Kubernetes' own controllers beside an API server: what removes, and what checks types.

The API tier has none of them; these are the real ones, each with its own service account.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cluster import daemons, programs
from cluster.control_plane import ControlPlane
from cluster.daemons import Daemon

NAMES = (
    "garbage-collector-controller",
    "namespace-controller",
    "validatingadmissionpolicy-status-controller",
)


JOBS = ("job-controller",)


@contextmanager
def kubernetes_controllers(
    control_plane: ControlPlane, names: Sequence[str] = NAMES
) -> Iterator[None]:
    """They run until the end of the block."""
    command = (
        str(programs.path("kube-controller-manager")),
        f"--kubeconfig={control_plane.kubeconfig}",
        f"--controllers={','.join(names)}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--secure-port=0",
    )
    # the kernel's own tie to the maker, so that a killed test run leaves nothing behind
    wrapper = ("setpriv", "--pdeathsig", "KILL")
    manager = Daemon("kube-controller-manager", command, control_plane.folder, wrapper=wrapper)
    manager.start()
    try:
        yield
    finally:
        daemons.stop(manager.record, grace=5)
