"""The NetworkPolicies of both controllers, and what the operator is told of those of models."""

from __future__ import annotations

from typing import Any

import pytest

from bastaix import settings
from tests.unit.chart.rendered import NAMESPACE, Manifest, of_kind, only, render

OPEN = {"ports": [{"port": "http", "protocol": "TCP"}]}
KUBERAY = {
    "namespaceSelector": {},
    "podSelector": {"matchLabels": {"app.kubernetes.io/component": "kuberay-operator"}},
}
PROMETHEUS = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
PRIVATE_HOST = {"source": {"allowedHosts": [{"host": "git.git.svc", "private": True}]}}


def spec(part: str, values: dict[str, Any] | None = None) -> Manifest:
    found: Manifest = only(render(values), "NetworkPolicy", part)["spec"]
    return found


def reach(values: dict[str, Any] | None = None) -> object:
    """What the operator makes of its environment."""
    deployment = only(render(values), "Deployment", "bastaix")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return settings.read(
        {}, {each["name"]: each.get("value", "") for each in container["env"]}
    ).reach


def numbers(rule: Manifest) -> list[int]:
    return [port["port"] for port in rule["ports"]]


def blocks(rule: Manifest) -> list[str]:
    return [peer["ipBlock"]["cidr"] for peer in rule["to"] if "ipBlock" in peer]


@pytest.mark.parametrize("part", ["bastaix", "bastaix-source"])
def test_a_policy_selects_the_pods_of_its_controller_and_no_others(part: str) -> None:
    deployment = only(render(), "Deployment", part)
    assert spec(part)["podSelector"] == deployment["spec"]["selector"]


@pytest.mark.parametrize("part", ["bastaix", "bastaix-source"])
def test_into_a_controller_leads_its_one_port_for_whom_the_values_name(part: str) -> None:
    (container,) = only(render(), "Deployment", part)["spec"]["template"]["spec"]["containers"]
    assert [port["name"] for port in container["ports"]] == ["http"]
    assert spec(part)["ingress"] == [OPEN]
    values = {"networkPolicies": {"metricsFrom": [PROMETHEUS]}}
    assert spec(part, values)["ingress"] == [{**OPEN, "from": [PROMETHEUS]}]


@pytest.mark.parametrize("part", ["bastaix", "bastaix-source"])
def test_out_of_a_controller_leads_dns_and_the_api_server(part: str) -> None:
    dns, server, *_ = spec(part)["egress"]
    assert {(port["port"], port["protocol"]) for port in dns["ports"]} == {
        (53, "UDP"),
        (53, "TCP"),
        (5353, "UDP"),
        (5353, "TCP"),
    }
    assert "to" not in dns
    assert numbers(server) == [443, 6443, 8443, 16443]
    assert "to" not in server
    narrow = {"networkPolicies": {"apiServer": {"ports": [6443], "cidrs": ["192.0.2.1/32"]}}}
    _, server, *_ = spec(part, narrow)["egress"]
    assert (numbers(server), blocks(server)) == ([6443], ["192.0.2.1/32"])


def test_the_operator_reaches_the_api_of_models_and_nothing_else() -> None:
    (rule,) = spec("bastaix")["egress"][2:]
    assert numbers(rule) == [8000]
    (peer,) = rule["to"]
    assert peer["namespaceSelector"] == {}
    assert peer["podSelector"]["matchExpressions"] == [
        {"key": "serving.bastaix.dev/name", "operator": "Exists"}
    ]


def test_the_source_controller_reaches_public_addresses_and_no_other_address() -> None:
    (rule,) = spec("bastaix-source")["egress"][2:]
    assert numbers(rule) == [443, 80]
    four, six = (peer["ipBlock"] for peer in rule["to"])
    assert four["cidr"] == "0.0.0.0/0"
    assert {"10.0.0.0/8", "169.254.0.0/16"} <= set(four["except"])
    assert six == {"cidr": "::/0", "except": ["fc00::/7", "fe80::/10"]}


def test_ports_in_the_names_of_hosts_and_stores_are_open() -> None:
    source = {
        "allowedHosts": [{"host": "git.example:8443"}, {"host": "[2001:db8::1]:3000"}],
        "s3Endpoint": "https://s3.example:9000",
    }
    rule, _ = spec("bastaix-source", {"source": source})["egress"][2:]
    assert numbers(rule) == [443, 80, 9000, 8443, 3000]


@pytest.mark.parametrize(
    "values",
    [
        PRIVATE_HOST,
        {"source": {"proxy": "http://proxy.corp:3128"}},
        {"source": {"s3Endpoint": "http://minio.minio.svc:9000"}},
        {"source": {"gsEndpoint": "https://gs.corp.example"}},
    ],
    ids=["a private host", "a proxy", "an S3 store", "a GS store"],
)
def test_what_may_be_inside_the_network_is_reached_there_by_any_port(
    values: dict[str, Any],
) -> None:
    _, rule = spec("bastaix-source", values)["egress"][2:]
    assert rule["ports"] == [{"port": 1, "endPort": 65535, "protocol": "TCP"}]
    assert "10.0.0.0/8" in blocks(rule)
    assert {"namespaceSelector": {}} in rule["to"]
    narrow = {**values, "networkPolicies": {"privateCIDRs": ["10.20.0.0/16"]}}
    assert blocks(spec("bastaix-source", narrow)["egress"][3]) == ["10.20.0.0/16"]


def test_the_operator_is_told_who_may_reach_models() -> None:
    ourselves = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
        "podSelector": only(render(), "Deployment", "bastaix")["spec"]["selector"],
    }
    ports = (8000, 15008)
    assert reach() == settings.Reach(operator=(ourselves,), kuberay=(KUBERAY,), serve_ports=ports)
    values = {"networkPolicies": {"metricsFrom": [PROMETHEUS], "serveFrom": [PROMETHEUS]}}
    assert reach(values) == settings.Reach(
        operator=(ourselves,),
        kuberay=(KUBERAY,),
        metrics=(PROMETHEUS,),
        serve=(PROMETHEUS,),
        serve_ports=ports,
    )


def test_turned_off_there_are_none_and_the_operator_is_told_so() -> None:
    values = {"networkPolicies": {"create": False}}
    assert of_kind(render(values), "NetworkPolicy") == []
    assert reach(values) is None
