"""etcd and the API server, alone or with the controllers of a node.

`ControlPlane` is the level below a node: the real API with its real validation, for tests that
need no Pod to run. It needs no root and dies with the process that made it.
"""

import json
import shutil
import socket
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from ssl import create_default_context
from types import TracebackType
from typing import Self

from cluster import daemons, pki, programs
from cluster.daemons import Daemon
from cluster.progress import Progress, Silent

SERVICE_RANGE = "10.96.0.0/16"
KUBERNETES_SERVICE = "10.96.0.1"
SERVICE_ACCOUNTS = "https://kubernetes.default.svc.cluster.local"


@dataclass(frozen=True)
class Endpoint:
    """Where the API server and its etcd listen."""

    host: str
    port: int
    etcd_port: int
    etcd_peer_port: int

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}"


def server_identity(host: str) -> pki.Identity:
    service = ["kubernetes", "default", "svc", "cluster", "local"]
    names = [f"DNS:{'.'.join(service[:length])}" for length in (1, 2, 3, 5)]
    addresses = [f"IP:{address}" for address in dict.fromkeys((host, "127.0.0.1"))]
    return pki.Identity(
        "apiserver",
        user="kube-apiserver",
        group="system:masters",  # it asks the kubelet under this name: for logs and exec
        addresses=(*names, "DNS:localhost", f"IP:{KUBERNETES_SERVICE}", *addresses),
    )


def etcd_command(folder: Path, endpoint: Endpoint) -> tuple[str, ...]:
    client = f"http://127.0.0.1:{endpoint.etcd_port}"
    peer = f"http://127.0.0.1:{endpoint.etcd_peer_port}"
    return (
        str(programs.path("etcd")),
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",  # a cluster to throw away: speed before a power cut
    )


def apiserver_command(folder: Path, endpoint: Endpoint, extra: Sequence[str]) -> tuple[str, ...]:
    keys = folder / "pki"
    return (
        str(programs.path("kube-apiserver")),
        f"--etcd-servers=http://127.0.0.1:{endpoint.etcd_port}",
        f"--advertise-address={endpoint.host}",
        f"--bind-address={endpoint.host}",
        f"--secure-port={endpoint.port}",
        f"--tls-cert-file={keys / 'apiserver.crt'}",
        f"--tls-private-key-file={keys / 'apiserver.key'}",
        f"--client-ca-file={keys / 'ca.crt'}",
        f"--cert-dir={folder / 'certificates'}",
        f"--service-account-issuer={SERVICE_ACCOUNTS}",
        f"--service-account-key-file={keys / 'service-accounts.pub'}",
        f"--service-account-signing-key-file={keys / 'service-accounts.key'}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--authorization-mode=Node,RBAC",
        *extra,
    )


def ready(folder: Path, endpoint: Endpoint) -> bool:
    """Whether the API server says of itself that it is ready."""
    try:
        context = create_default_context(cafile=str(folder / "pki/ca.crt"))
        context.load_cert_chain(folder / "pki/admin.crt", folder / "pki/admin.key")
        with urllib.request.urlopen(f"{endpoint.url}/readyz", context=context, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, all different."""
    with_socket = [socket.socket() for _ in range(count)]
    for one in with_socket:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in with_socket]
    for one in with_socket:
        one.close()
    return ports


class ControlPlane:
    """`with ControlPlane(folder) as control_plane:` and `control_plane.kubeconfig` works.

    Pods can be created but nothing runs them. There is no controller either: no garbage
    collection, no endpoints, and a namespace that is deleted stays in Terminating.
    """

    def __init__(
        self, folder: Path, *, outlives_caller: bool = False, progress: Progress | None = None
    ) -> None:
        self.folder = folder.resolve()
        self.kubeconfig = self.folder / "kubeconfig"
        self._progress = progress or Silent()
        # The kernel's own tie to the maker, so that a killed test run leaves nothing behind.
        self._wrapper = () if outlives_caller else ("setpriv", "--pdeathsig", "KILL")
        self._stored = self.folder / "endpoint.json"

    def _daemons(self, endpoint: Endpoint) -> tuple[Daemon, Daemon]:
        command = etcd_command(self.folder, endpoint)
        etcd = Daemon("etcd", command, self.folder, wrapper=self._wrapper)
        # No controller makes service accounts here, and no kubelet needs their tokens.
        flags = ("--disable-admission-plugins=ServiceAccount",)
        command = apiserver_command(self.folder, endpoint, flags)
        return etcd, Daemon("kube-apiserver", command, self.folder, wrapper=self._wrapper)

    def start(self) -> None:
        programs.ensure("node", progress=self._progress)
        if self.running:
            return
        self.stop()
        shutil.rmtree(self.folder / "etcd", ignore_errors=True)
        shutil.rmtree(self.folder / "pki", ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        endpoint = Endpoint("127.0.0.1", *free_ports(3))
        pki.make(self.folder / "pki", [server_identity(endpoint.host), pki.ADMIN])
        etcd, apiserver = self._daemons(endpoint)
        etcd.start()
        apiserver.start()
        self._progress.wait(
            "the API server",
            lambda: ready(self.folder, endpoint),
            seconds=60,
            check=lambda: daemons.check(etcd, apiserver),
            hint=apiserver.last_words,
        )
        pki.write_kubeconfig(self.kubeconfig, self.folder / "pki", pki.ADMIN, endpoint.url)
        self._stored.write_text(json.dumps(endpoint.__dict__))

    @property
    def running(self) -> bool:
        if not self._stored.exists():
            return False
        endpoint = Endpoint(**json.loads(self._stored.read_text()))
        alive = all(daemon.process() for daemon in self._daemons(endpoint))
        return alive and ready(self.folder, endpoint)

    def stop(self) -> None:
        """Stop both, the API server first: it would complain about a lost etcd."""
        for name in ("kube-apiserver", "etcd"):
            daemons.stop(self.folder / "run" / f"{name}.pid", grace=2)
        self._stored.unlink(missing_ok=True)
        self.kubeconfig.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
