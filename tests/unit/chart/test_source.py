"""The source controller's Deployment: apart from the operator's, and configured by the values."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from bastaix import settings
from bastaix.source import sandbox, unpack_server
from bastaix.source.policy import HostRule, Policy
from tests.unit.chart.rendered import Manifest, attempt, only, render, with_image

NAME = "bastaix-source"


def pod_spec(source: dict[str, Any] | None = None) -> Manifest:
    objects = render({"source": source or {}})
    spec: Manifest = only(objects, "Deployment", NAME)["spec"]["template"]["spec"]
    return spec


def container(source: dict[str, Any] | None = None) -> Manifest:
    (found,) = pod_spec(source)["containers"]
    assert isinstance(found, dict)
    return found


def unpacker(source: dict[str, Any] | None = None) -> Manifest:
    (found,) = pod_spec(source)["initContainers"]
    assert isinstance(found, dict)
    return found


def environment(source: dict[str, Any] | None = None) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container(source)["env"] if "value" in one}


def policy(source: dict[str, Any] | None = None) -> Policy:
    return settings.read_policy(environment(source))


def test_the_two_deployments_select_different_pods_and_the_operators_is_as_it_was() -> None:
    objects = render()
    selectors = {
        name: only(objects, "Deployment", name)["spec"]["selector"]["matchLabels"]
        for name in ("bastaix", NAME)
    }
    assert selectors["bastaix"] == {
        "app.kubernetes.io/name": "bastaix",
        "app.kubernetes.io/instance": "bastaix",
        "app.kubernetes.io/component": "operator",
    }
    assert selectors[NAME] == {**selectors["bastaix"], "app.kubernetes.io/component": "source"}
    for name, selector in selectors.items():
        labels = only(objects, "Deployment", name)["spec"]["template"]["metadata"]["labels"]
        assert selector.items() <= labels.items()


def test_both_run_the_same_image() -> None:
    values = {"image": {"digest": "sha256:" + "a" * 64}}
    objects = render(values)
    pods = [
        only(objects, "Deployment", name)["spec"]["template"]["spec"] for name in ("bastaix", NAME)
    ]
    containers = [
        container
        for pod in pods
        for container in (*pod["containers"], *pod.get("initContainers", []))
    ]
    assert len(containers) == 3
    assert len({container["image"] for container in containers}) == 1


def test_the_pod_meets_pod_security_restricted_and_takes_nothing_from_its_namespace() -> None:
    pod = pod_spec()
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert unpacker()["securityContext"] == {
        **container()["securityContext"],
        "runAsUser": 1001,
        "runAsGroup": 1001,
    }
    assert pod["enableServiceLinks"] is False


def test_the_container_that_opens_archives_holds_no_token_and_nothing_of_the_controllers() -> None:
    assert pod_spec()["automountServiceAccountToken"] is False
    assert unpacker()["volumeMounts"] == [{"name": "unpack", "mountPath": "/run/unpack"}]
    assert "env" not in unpacker()
    assert "envFrom" not in unpacker()


def test_the_controller_finds_the_token_where_clients_look_for_it() -> None:
    (mount,) = [mount for mount in container()["volumeMounts"] if mount["name"] == "token"]
    assert mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
    (volume,) = [volume for volume in pod_spec()["volumes"] if volume["name"] == "token"]
    paths = set()
    for source in volume["projected"]["sources"]:
        ((kind, given),) = source.items()
        items = [given] if kind == "serviceAccountToken" else given["items"]
        paths |= {item["path"] for item in items}
    assert paths == {"token", "ca.crt", "namespace"}


def test_archives_are_opened_as_long_as_the_controller_runs() -> None:
    """An init container that restarts begins before and ends after those of the Pod."""
    assert unpacker()["restartPolicy"] == "Always"
    module, socket = unpacker()["command"][-2:]
    assert module == unpack_server.__name__
    assert settings.read_source({}, environment()).unpacker == Path(socket)
    shared = [mount for mount in container()["volumeMounts"] if mount["name"] == "unpack"]
    assert shared == [{"name": "unpack", "mountPath": "/run/unpack", "readOnly": True}]


def test_the_container_that_opens_archives_has_room_for_all_that_it_opens_at_once() -> None:
    most = int(unpacker()["resources"]["limits"]["memory"].removesuffix("Mi")) * 2**20
    assert most > sandbox.AT_ONCE * sandbox.Limits().memory
    assert unpack_server.AT_ONCE > sandbox.AT_ONCE
    given = {"unpack": {"resources": {"limits": {"memory": "1Gi"}}}}
    assert unpacker(given)["resources"]["limits"] == {"memory": "1Gi"}


def test_only_folders_of_limited_size_are_writable() -> None:
    writable = [
        mount["mountPath"] for mount in container()["volumeMounts"] if not mount.get("readOnly")
    ]
    assert writable == ["/tmp", "/work"]
    folders = [volume["emptyDir"] for volume in pod_spec()["volumes"] if "emptyDir" in volume]
    assert len(folders) == 3
    assert all("sizeLimit" in folder for folder in folders)
    assert environment()["BASTAIX_SOURCE_WORK"] == "/work"


def test_the_folder_has_room_for_the_largest_archive_of_each_worker() -> None:
    most = Policy().max_bytes // 2**20
    for workers in (1, 4, 16):
        volumes = {each["name"]: each for each in pod_spec({"workers": workers})["volumes"]}
        room = int(volumes["work"]["emptyDir"]["sizeLimit"].removesuffix("Mi"))
        assert room > workers * most


def test_its_memory_is_limited() -> None:
    resources = container()["resources"]
    assert resources["requests"] == {"cpu": "50m", "memory": "128Mi"}
    assert resources["limits"] == {"memory": "512Mi"}


def test_by_default_it_keeps_its_own_defaults_but_for_googles_endpoint() -> None:
    found = settings.read_source({}, environment())
    default = settings.SourceSettings()
    assert (found.workers, found.namespaces) == (default.workers, default.namespaces)
    assert found.log_level == default.log_level
    assert found.policy == Policy(gs_endpoint="https://storage.googleapis.com")


def test_both_look_after_the_same_namespaces() -> None:
    objects = render({"operator": {"namespaces": ["demo", "prod"]}})
    (found,) = only(objects, "Deployment", NAME)["spec"]["template"]["spec"]["containers"]
    names = {one["name"]: one["value"] for one in found["env"] if "value" in one}
    assert settings.read_source({}, names).namespaces == {"demo", "prod"}


def test_exceptions_for_hosts_arrive_as_they_are_given() -> None:
    hosts = [
        {"host": "git.git.svc", "http": True, "private": True},
        {"host": "ghe.corp:8443", "private": True},
        {"host": "other.corp"},
        {"host": "[fd00::1]:8080", "http": True},
    ]
    assert policy({"allowedHosts": hosts}).hosts == {
        "git.git.svc": HostRule(http=True, private=True),
        "ghe.corp:8443": HostRule(private=True),
        "other.corp": HostRule(),
        "[fd00::1]:8080": HostRule(http=True),
    }


def test_networks_arrive_as_they_are_given() -> None:
    networks = ["10.20.0.0/16", "fd00:1::/32"]
    hosts = [{"host": "ghe.corp", "private": True, "http": True, "networks": networks}]
    found = policy({"allowedHosts": hosts, "deniedNetworks": ["11.0.0.0/8", "2600::/32"]})
    bound = tuple(ip_network(network) for network in networks)
    assert found.hosts == {"ghe.corp": HostRule(http=True, private=True, networks=bound)}
    assert found.denied_networks == (ip_network("11.0.0.0/8"), ip_network("2600::/32"))


def test_networks_of_a_host_that_is_not_private_are_refused() -> None:
    result = attempt(
        with_image({"source": {"allowedHosts": [{"host": "a.corp", "networks": ["10.0.0.0/8"]}]}})
    )
    assert result.returncode != 0
    assert "a.corp has networks and so must be private" in result.stderr


@pytest.mark.parametrize(
    "source",
    [
        *(
            {"allowedHosts": [{"host": host, "private": True, "http": True}]}
            for host in (
                *("169.254.169.254", "169.254.169.254:80", "[fe80::1]", "[fd00:ec2::254]"),
                *("kubernetes", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"),
                *("kubernetes.default:443", "metadata.google.internal"),
            )
        ),
        {"s3Endpoint": "http://169.254.169.254"},
        {"gsEndpoint": "https://kubernetes.default.svc:443/"},
        {"proxy": "http://metadata.google.internal:80"},
    ],
    ids=str,
)
def test_metadata_and_the_api_server_are_refused_as_a_place_of_sources(
    source: dict[str, Any],
) -> None:
    result = attempt(with_image({"source": source}))
    assert result.returncode != 0
    assert "where no source is" in result.stderr


@pytest.mark.parametrize("host", ["kubernetes.corp.example", "169.corp", "metadata.corp:8443"])
def test_hosts_that_only_look_like_it_are_taken(host: str) -> None:
    assert policy({"allowedHosts": [{"host": host, "private": True}]}).hosts


def test_proxy_and_endpoints_arrive_as_they_are_given() -> None:
    found = policy({"proxy": "http://proxy.corp:3128", "s3Endpoint": "https://s3.corp/"})
    assert (found.proxy, found.s3_endpoint) == ("http://proxy.corp:3128", "https://s3.corp")
    assert policy({"gsEndpoint": ""}).gs_endpoint is None


@pytest.mark.parametrize(
    ("bundle", "volume"),
    [
        (
            {"configMapName": "corp"},
            {"configMap": {"name": "corp", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        ),
        (
            {"secretName": "corp", "key": "root.pem"},
            {"secret": {"secretName": "corp", "items": [{"key": "root.pem", "path": "ca.crt"}]}},
        ),
    ],
    ids=["a ConfigMap", "a Secret"],
)
def test_a_ca_bundle_is_mounted_from(bundle: dict[str, str], volume: Manifest) -> None:
    source = {"caBundle": bundle}
    assert {"name": "ca", **volume} in pod_spec(source)["volumes"]
    mount = {"name": "ca", "mountPath": "/ca", "readOnly": True}
    assert mount in container(source)["volumeMounts"]
    assert environment(source)["BASTAIX_SOURCE_CA_FILE"] == "/ca/ca.crt"


def test_without_a_ca_bundle_the_systems_authorities_count() -> None:
    assert "BASTAIX_SOURCE_CA_FILE" not in environment()


def test_two_ca_bundles_are_refused() -> None:
    both = {"caBundle": {"configMapName": "a", "secretName": "b"}}
    result = attempt(with_image({"source": both}))
    assert result.returncode != 0
    assert "configMapName or secretName, not both" in result.stderr


def test_an_existing_service_account_is_used() -> None:
    objects = render({"source": {"serviceAccount": {"create": False, "name": "mine"}}})
    pod = only(objects, "Deployment", NAME)["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "mine"
    assert only(objects, "ClusterRoleBinding", NAME)["subjects"][0]["name"] == "mine"
    assert only(objects, "ServiceAccount")["metadata"]["name"] == "bastaix"


def test_scheduling_and_metadata_follow_the_values() -> None:
    source = {
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "system", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "system-cluster-critical",
        "podLabels": {"team": "serving"},
        "podAnnotations": {"note": "yes"},
    }
    template = only(render({"source": source}), "Deployment", NAME)["spec"]["template"]
    assert template["metadata"]["labels"]["team"] == "serving"
    assert template["metadata"]["annotations"] == {"note": "yes"}
    for key in ("nodeSelector", "tolerations", "affinity", "priorityClassName"):
        assert template["spec"][key] == source[key]
