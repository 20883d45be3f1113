"""The daemons of the one node: containerd, the control plane with its controllers, and kubelet.

Which commands they are, and starting them in order. What runs as Pods on top is `addons`; when
to start and stop all of it is `lifecycle`.
"""

import json
import os
import socket
import subprocess
import time
from contextlib import suppress

from cluster import cgroups, control_plane, daemons, enclosure, network, paths, pki, programs
from cluster.control_plane import Endpoint
from cluster.daemons import Daemon, Process
from cluster.locks import Busy, lock
from cluster.progress import POLL, Progress

NAME = "bastaix"
ENDPOINT = Endpoint(network.NODE_ADDRESS, port=6443, etcd_port=2379, etcd_peer_port=2380)
# containerd's configuration must name the pause image before there is any; this name is given
# to the image once it is imported.
PAUSE_IMAGE = "localhost/bastaix/node-pause:current"

SERVER = control_plane.server_identity(network.NODE_ADDRESS)
CONTROLLERS = pki.Identity("controllers", user="system:kube-controller-manager")
SCHEDULER = pki.Identity("scheduler", user="system:kube-scheduler")
PROXY = pki.Identity("proxy", user="system:kube-proxy")
KUBELET = pki.Identity(
    "kubelet",
    user=f"system:node:{NAME}",
    group="system:nodes",
    addresses=(f"DNS:{NAME}", f"IP:{network.NODE_ADDRESS}"),
)
CLIENTS = (CONTROLLERS, SCHEDULER, PROXY, KUBELET)


def daemon(name: str, holder: Process | None, *command: str) -> Daemon:
    tools = {str(programs.path(tool).parent) for tool in ("containerd", "runc")}
    return Daemon(
        name=name,
        command=command,
        folder=paths.NODE,
        environment={"PATH": ":".join([*sorted(tools), "/usr/sbin:/sbin", os.environ["PATH"]])},
        wrapper=enclosure.enter(holder) if holder else (),
        cgroups=cgroups.daemon_groups(),
    )


def containerd(holder: Process | None) -> Daemon:
    return daemon(
        "containerd",
        holder,
        *(str(programs.path("containerd")), "--config", str(paths.NODE / "containerd.toml")),
    )


def containerd_config() -> str:
    quoted = json.dumps  # a JSON string is a TOML string
    return f"""\
version = 2
root = {quoted(str(paths.CONTAINERD_ROOT))}
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = {quoted(str(paths.CONTAINERD_SOCKET))}
[plugins."io.containerd.internal.v1.opt"]
  path = {quoted(str(paths.NODE / "opt"))}
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = {quoted(PAUSE_IMAGE)}
  restrict_oom_score_adj = true  # a machine may forbid to lower it
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = {quoted(str(programs.path("runc")))}
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = {quoted(str(programs.path("cni")))}
    conf_dir = {quoted(str(paths.NODE / "network"))}
"""


def network_config() -> str:
    """Pods hang on cables of their own, not on a bridge: so Services need no bridge filtering."""
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": network.POD_RANGE}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    plugins = [
        {"type": "ptp", "ipMasq": False, "ipam": addresses},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    return json.dumps({"cniVersion": "1.0.0", "name": NAME, "plugins": plugins}, indent=2)


def kubelet_config() -> str:
    keys = paths.PKI
    return json.dumps(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(keys / "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(keys / "kubelet.crt"),
            "tlsPrivateKeyFile": str(keys / "kubelet.key"),
            "containerRuntimeEndpoint": f"unix://{paths.CONTAINERD_SOCKET}",
            "clusterDNS": [network.DNS_ADDRESS],
            "clusterDomain": "cluster.local",
            "resolvConf": str(paths.NODE / "resolv.conf"),
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": cgroups.KUBELET_ROOT,
            "failCgroupV1": False,
            "failSwapOn": False,
            "oomScoreAdj": 0,
            "enforceNodeAllocatable": [],
            "volumePluginDir": str(paths.NODE / "volume-plugins"),
            # Memory alone: a full disk must not delete images that no registry has.
            "evictionHard": {"memory.available": "100Mi"},
            "imageGCHighThresholdPercent": 100,
        },
        indent=2,
    )


def control_daemons(holder: Process | None) -> tuple[Daemon, Daemon]:
    keys = paths.PKI
    flags = (
        "--allow-privileged=true",
        "--enable-admission-plugins=NodeRestriction",
        f"--kubelet-certificate-authority={keys / 'ca.crt'}",
        f"--kubelet-client-certificate={keys / 'apiserver.crt'}",
        f"--kubelet-client-key={keys / 'apiserver.key'}",
        "--kubelet-preferred-address-types=InternalIP",  # the node's name is in no DNS
    )
    apiserver = control_plane.apiserver_command(paths.NODE, ENDPOINT, flags)
    return (
        daemon("etcd", holder, *control_plane.etcd_command(paths.NODE, ENDPOINT)),
        daemon("kube-apiserver", holder, *apiserver),
    )


def _kubeconfig(identity: pki.Identity) -> str:
    return f"--kubeconfig={paths.PKI / identity.name}.kubeconfig"


def node_daemons(holder: Process | None) -> tuple[Daemon, ...]:
    def of(name: str, identity: pki.Identity, *flags: str) -> Daemon:
        return daemon(name, holder, str(programs.path(name)), _kubeconfig(identity), *flags)

    return (
        of(
            "kube-controller-manager",
            CONTROLLERS,
            f"--root-ca-file={paths.PKI / 'ca.crt'}",
            f"--service-account-private-key-file={paths.PKI / 'service-accounts.key'}",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
        ),
        of("kube-scheduler", SCHEDULER, "--leader-elect=false"),
        of(
            "kubelet",
            KUBELET,
            f"--config={paths.NODE / 'kubelet.json'}",
            f"--hostname-override={NAME}",
            f"--node-ip={network.NODE_ADDRESS}",
        ),
        of(
            "kube-proxy",
            PROXY,
            f"--hostname-override={NAME}",
            f"--cluster-cidr={network.POD_RANGE}",
            "--proxy-mode=iptables",
            "--conntrack-max-per-core=0",  # the machine's own limits stay
            "--conntrack-tcp-timeout-established=0",
            "--conntrack-tcp-timeout-close-wait=0",
        ),
    )


def start_containerd(progress: Progress) -> Process:
    """The namespaces, the cable and containerd; the caller holds the lock `node`."""
    programs.ensure("containers", progress=progress)
    holder = enclosure.ensure(progress)
    network.ensure(holder, progress)
    (paths.NODE / "network").mkdir(exist_ok=True)
    (paths.NODE / "network/bastaix.conflist").write_text(network_config())
    (paths.NODE / "containerd.toml").write_text(containerd_config())
    started = containerd(holder)
    started.start()
    progress.wait("containerd", containerd_running, seconds=60, check=started.check)
    return holder


def containerd_running() -> bool:
    with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
        client.connect(str(paths.CONTAINERD_SOCKET))
        return True
    return False


def ensure_containerd() -> None:
    """containerd alone, for who imports images before or beside `up`."""
    while not containerd_running():
        try:
            with lock("node", wait=False):
                start_containerd(Progress())
        except Busy:  # `up` has it, and starts containerd first
            time.sleep(POLL)


def ctr(*words: str) -> str:
    """Ask containerd, as kubelet sees it."""
    address = ("--address", str(paths.CONTAINERD_SOCKET), "--namespace", "k8s.io")
    return programs.run(programs.path("ctr"), *address, *words)


def forget_containers() -> None:
    """End and remove all containers with their file systems; images stay."""
    for kind, remove in (("tasks", ("rm", "--force")), ("containers", ("rm",))):
        if names := ctr(kind, "ls", "-q").split():
            with suppress(programs.ProgramError):  # kubelet clears the rest at the next start
                ctr(kind, *remove, *names)


def start_control_plane(holder: Process, progress: Progress) -> None:
    """etcd, the API server and the kubeconfigs that everyone else needs."""
    pki.make(paths.PKI, [SERVER, pki.ADMIN, *CLIENTS])
    etcd, apiserver = control_daemons(holder)
    etcd.start()
    apiserver.start()
    for identity in CLIENTS:
        target = paths.PKI / f"{identity.name}.kubeconfig"
        pki.write_kubeconfig(target, paths.PKI, identity, ENDPOINT.url)
    pki.write_kubeconfig(paths.KUBECONFIG, paths.PKI, pki.ADMIN, ENDPOINT.url)
    progress.wait(
        "the API server",
        api_ready,
        seconds=120,
        check=lambda: daemons.check(etcd, apiserver),
        hint=apiserver.last_words,
    )


def api_ready() -> bool:
    return control_plane.ready(paths.NODE, ENDPOINT)


def start_node(holder: Process) -> None:
    (paths.NODE / "kubelet.json").write_text(kubelet_config())
    (paths.NODE / "resolv.conf").write_text("")  # Pods know the cluster's names only
    for daemon in node_daemons(holder):
        daemon.start()


def kubectl(*words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run kubectl as the cluster's administrator."""
    return subprocess.run(
        [str(programs.path("kubectl")), f"--kubeconfig={paths.KUBECONFIG}", *words],
        input=text,
        capture_output=True,
        text=True,
    )
