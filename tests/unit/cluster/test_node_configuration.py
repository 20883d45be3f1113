"""What the daemons are told: only folders of ours, and what Pods need to find each other."""

import json
import tomllib
from pathlib import Path

import pytest
import yaml

from cluster import cgroups, network, node, paths

UNIFIED = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\nproc /proc proc rw 0 0\n"
SEPARATE = (
    "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n"
    "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n"
    "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
    "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n"
)


def test_containerd_keeps_everything_in_folders_of_ours() -> None:
    config = tomllib.loads(node.containerd_config())
    assert config["root"] == str(paths.CONTAINERD_ROOT)
    assert config["grpc"]["address"] == str(paths.CONTAINERD_SOCKET)
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["cni"]["conf_dir"].startswith(str(paths.NODE))


def test_pods_and_the_machine_agree_on_the_range_of_pods() -> None:
    plugins = json.loads(node.network_config())["plugins"]
    assert plugins[0]["ipam"]["ranges"] == [[{"subnet": network.POD_RANGE}]]


def test_kubelet_sends_pods_to_the_address_of_the_dns_service() -> None:
    manifests = yaml.safe_load_all((paths.MANIFESTS / "coredns.yaml").read_text())
    services = [manifest for manifest in manifests if manifest["kind"] == "Service"]
    assert json.loads(node.kubelet_config())["clusterDNS"] == [services[0]["spec"]["clusterIP"]]


def test_a_full_disk_deletes_no_image() -> None:
    config = json.loads(node.kubelet_config())
    assert list(config["evictionHard"]) == ["memory.available"]
    assert config["imageGCHighThresholdPercent"] == 100


@pytest.mark.parametrize("manifest", ["coredns", "kuberay"])
def test_addons_satisfy_the_restricted_pod_security(manifest: str) -> None:
    documents = yaml.safe_load_all((paths.MANIFESTS / f"{manifest}.yaml").read_text())
    pod = next(d for d in documents if d["kind"] == "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    for container in pod["containers"]:
        assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
        assert not container["securityContext"]["allowPrivilegeEscalation"]


def test_either_layout_of_control_groups_is_found() -> None:
    assert cgroups.hierarchies(UNIFIED) == [Path("/sys/fs/cgroup")]
    both = [Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup/memory")]
    assert cgroups.hierarchies(SEPARATE) == both


def test_a_range_routed_elsewhere_is_named_with_its_device() -> None:
    routes = [{"dst": "10.96.4.0/24", "dev": "tun0"}, {"dst": "10.244.0.9", "dev": "docker0"}]
    assert network.taken(routes) == ["10.244.0.0/24 by docker0", "10.96.0.0/16 by tun0"]


def test_wider_routes_and_our_own_are_no_conflict() -> None:
    routes = [
        {"dst": "default", "dev": "eth0"},
        {"dst": "10.0.0.0/8", "dev": "tun0"},
        {"dst": network.SERVICE_RANGE, "dev": network.INTERFACE},
        {"dst": "192.168.0.0/16", "dev": "eth0"},
    ]
    assert network.taken(routes) == []
