"""Where a setting comes from, and what is said of one that cannot be used."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from bastaix.settings import BadSetting, read, read_policy, read_source
from bastaix.source.policy import HostRule, Policy
from tests.unit.source.fetching import certified


def test_nothing_given_means_all_namespaces_and_the_usual_port() -> None:
    settings = read({}, {})
    assert settings.namespaces == frozenset()
    assert (settings.host, settings.port, settings.workers) == ("", 8080, 16)
    assert settings.log_level == "INFO"


def test_what_is_given_wins_over_the_environment() -> None:
    environment = {
        "BASTAIX_NAMESPACES": "a, b,",
        "BASTAIX_WORKERS": "3",
        "BASTAIX_LISTEN": "[::1]:9",
    }
    settings = read({"workers": "5", "log_level": None}, environment)
    assert settings.namespaces == {"a", "b"}
    assert settings.workers == 5
    assert (settings.host, settings.port) == ("::1", 9)


def test_an_empty_variable_is_not_set() -> None:
    assert read({}, {"BASTAIX_LOG_LEVEL": "", "BASTAIX_PROBE_URL": ""}) == read({}, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("log_level", "loud"),
        ("workers", "0"),
        ("workers", "many"),
        ("listen", "8080"),
        ("listen", ":eighty"),
        ("listen", ":99999"),
        ("probe_url", "http://{pod}"),
        ("probe_url", "http://{"),
        ("probe_url", "{name}.{namespace}.svc"),
        ("probe_url", "file:///{name}"),
        ("probe_url", "http://{name}.svc/?x="),
    ],
)
def test_what_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=name.replace("_", " ").replace("url", "URL")) as error:
        read({name: value}, {})
    assert value in str(error.value)


def test_the_source_controller_has_fewer_workers_and_reaches_public_hosts_alone() -> None:
    settings = read_source({}, {})
    assert (settings.workers, settings.port, settings.work) == (4, 8080, None)
    assert settings.policy == Policy()
    assert settings.keep_seconds == 600
    assert settings.unpacker is None


def test_a_server_that_opens_archives_is_named_by_its_socket() -> None:
    environment = {"BASTAIX_SOURCE_UNPACKER": "/run/unpack/socket"}
    assert read_source({}, environment).unpacker == Path("/run/unpack/socket")


def test_both_read_what_both_have() -> None:
    environment = {"BASTAIX_NAMESPACES": "a", "BASTAIX_LISTEN": ":1", "BASTAIX_WORKERS": "2"}
    for settings in (read({}, environment), read_source({}, environment)):
        assert settings.namespaces == {"a"}
        assert (settings.port, settings.workers) == (1, 2)


def test_what_may_be_reached_comes_from_the_environment(tmp_path: Path) -> None:
    _, bundle = certified(tmp_path, "DNS:git.corp")
    environment = {
        "BASTAIX_SOURCE_HOSTS": "git.git.svc=http+private, GHE.corp:8443=private,other.corp,",
        "BASTAIX_SOURCE_PROXY": "http://proxy.corp:3128/",
        "BASTAIX_SOURCE_CA_FILE": str(bundle),
        "BASTAIX_SOURCE_S3_ENDPOINT": "https://s3.corp",
        "BASTAIX_SOURCE_GS_ENDPOINT": "http://127.0.0.1:9000",
    }
    assert read_policy(environment) == Policy(
        hosts={
            "git.git.svc": HostRule(http=True, private=True),
            "ghe.corp:8443": HostRule(private=True),
            "other.corp": HostRule(),
        },
        proxy="http://proxy.corp:3128",
        ca_file=bundle,
        s3_endpoint="https://s3.corp",
        gs_endpoint="http://127.0.0.1:9000",
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HOSTS", "https://git.corp=private", "source hosts"),
        ("HOSTS", "git.corp=everything", "git.corp=everything"),
        ("HOSTS", "git.corp/path", "no path"),
        ("HOSTS", "git.corp=http,git.corp=private", "stands twice"),
        ("HOSTS", "=http", "source hosts"),
        ("PROXY", "proxy.corp:3128", "source proxy must be"),
        ("PROXY", "http://proxy.corp:99999", "source proxy must be"),
        ("S3_ENDPOINT", "https://s3.corp/bucket", "source S3 endpoint must be"),
        ("GS_ENDPOINT", "gs://bucket", "source GS endpoint must be"),
        ("HOSTS", "git.corp:443=private", "without the port"),
        ("CA_FILE", "/nowhere/ca.crt", "/nowhere/ca.crt"),
        ("CA_FILE", __file__, "certificates as PEM"),
    ],
)
def test_what_cannot_be_used_of_a_policy_is_named(name: str, value: str, said: str) -> None:
    with pytest.raises(BadSetting, match=said):
        read_policy({f"BASTAIX_SOURCE_{name}": value})


def test_networks_come_from_the_environment() -> None:
    environment = {
        "BASTAIX_SOURCE_HOSTS": "git.corp=private+10.20.0.0/16+fd00:1::/32",
        "BASTAIX_SOURCE_DENIED_NETWORKS": "11.0.0.0/8, 2600:1f13::/32,",
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    }
    policy = read_policy(environment)
    networks = (ip_network("10.20.0.0/16"), ip_network("fd00:1::/32"))
    assert policy.hosts == {"git.corp": HostRule(private=True, networks=networks)}
    assert policy.denied_networks == (ip_network("11.0.0.0/8"), ip_network("2600:1f13::/32"))
    assert policy.api_server == "10.96.0.1"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DENIED_NETWORKS", "11.0.0.1/8", "has host bits set"),
        ("DENIED_NETWORKS", "the office", "source denied networks"),
        ("HOSTS", "git.corp=private+10.20.0.0/33", "source hosts must name networks"),
        ("HOSTS", "git.corp=10.20.0.0/16", "what is private"),
    ],
)
def test_networks_that_cannot_be_used_are_named(name: str, value: str, said: str) -> None:
    with pytest.raises(BadSetting, match=said):
        read_policy({f"BASTAIX_SOURCE_{name}": value})


def test_a_password_in_a_proxys_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(BadSetting, match="without user") as error:
        read_policy({"BASTAIX_SOURCE_PROXY": "http://me:canary@proxy.corp"})
    assert "canary" not in str(error.value)


def test_how_long_artifacts_stay_must_be_a_number() -> None:
    assert read_source({}, {"BASTAIX_SOURCE_KEEP_SECONDS": "0"}).keep_seconds == 0
    with pytest.raises(BadSetting, match="keep seconds"):
        read_source({}, {"BASTAIX_SOURCE_KEEP_SECONDS": "an hour"})


@pytest.mark.parametrize("text", ["bastaix", "/bastaix", "a/", "A/b", "a/b/c", "../b", "a/.."])
def test_a_lease_is_named_by_namespace_and_name(text: str) -> None:
    with pytest.raises(BadSetting, match="NAMESPACE/NAME"):
        read({}, {"BASTAIX_LEASE": text})
    assert read({}, {"BASTAIX_LEASE": "a/b"}).lease == ("a", "b")
    assert read({}, {}).lease is None


@pytest.mark.parametrize(
    "text",
    ["yes", "[]", "{}", '{"operator": 1, "kubeRay": [], "metrics": [], "serve": []}',
     '{"operator": ["x"], "kubeRay": [], "metrics": [], "serve": []}',
     '{"operator": [], "kubeRay": [], "metrics": [], "serve": [], "servePorts": ["x"]}',
     '{"operator": [], "kubeRay": [], "metrics": [], "serve": [], "more": []}'],
)  # fmt: skip
def test_who_may_reach_models_must_be_lists_of_peers(text: str) -> None:
    with pytest.raises(BadSetting, match="network policies must be JSON with lists of peers"):
        read({"network_policies": text}, {})
