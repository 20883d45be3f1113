"""Who may reach Ray's Pods, as the NetworkPolicy of a model says it."""

from bastaix.api import names
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.render import pods
from bastaix.render.networkpolicy import DASHBOARD_PORT, METRICS_PORTS, Reach, network_policy
from tests.unit.bodies import body

PEER = {"podSelector": {"matchLabels": {"app": "one"}}}
REACH = Reach(operator=(PEER,), kuberay=(PEER,))


def rules(reach: Reach = REACH) -> list[dict[str, object]]:
    found: list[dict[str, object]] = network_policy(md(), reach)["spec"]["ingress"]
    return found


def md() -> ModelDeployment:
    return ModelDeployment.from_body(body())


def open_to_all(reach: Reach) -> set[int]:
    return {
        port["port"]
        for rule in rules(reach)
        if "from" not in rule
        for port in rule["ports"]  # type: ignore[attr-defined]
    }


def test_it_selects_pods_by_labels_that_all_of_ray_have() -> None:
    selector = network_policy(md(), REACH)["spec"]["podSelector"]
    assert selector["matchLabels"].items() <= pods.labels(md(), "00000000").items()
    # KubeRay's own, on each Pod that it makes
    assert selector["matchExpressions"] == [{"key": "ray.io/node-type", "operator": "Exists"}]


def test_it_belongs_to_its_modeldeployment_and_says_nothing_of_what_pods_connect_to() -> None:
    manifest = network_policy(md(), REACH)
    (owner,) = manifest["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == (md().uid, True)
    assert manifest["metadata"]["labels"][names.NAME_LABEL] == md().name
    assert manifest["spec"]["policyTypes"] == ["Ingress"]


def test_pods_of_one_model_reach_each_other_by_every_port() -> None:
    selector = network_policy(md(), REACH)["spec"]["podSelector"]
    assert {"from": [{"podSelector": selector}]} in rules()


def test_by_default_everybody_reaches_the_api_and_the_metrics_and_nothing_else() -> None:
    assert open_to_all(REACH) == {names.SERVE_PORT, *METRICS_PORTS}


def test_closed_the_api_is_for_the_operator_evaluations_and_who_is_named() -> None:
    closed = Reach(operator=(PEER,), kuberay=(PEER,), metrics=(PEER,), serve=(PEER,))
    assert open_to_all(closed) == set()
    evaluations = {
        "podSelector": {
            "matchLabels": {names.NAME_LABEL: md().name},
            "matchExpressions": [{"key": names.EVALUATION_LABEL, "operator": "Exists"}],
        }
    }
    ports = [{"port": names.SERVE_PORT, "protocol": "TCP"}]
    assert {"from": [PEER, evaluations], "ports": ports} in rules(closed)
    assert {"from": [PEER], "ports": ports} in rules(closed)


def test_kuberay_reaches_the_dashboard_and_the_proxy() -> None:
    ports = [{"port": port, "protocol": "TCP"} for port in (DASHBOARD_PORT, names.SERVE_PORT)]
    assert {"from": [PEER], "ports": ports} in rules()


def test_every_port_of_the_pods_that_is_for_others_is_in_a_rule() -> None:
    """What KubeRay and Prometheus use, and no port of Ray's own."""
    template = pods.head_template(md(), "00000000", None)
    (container,) = template["spec"]["containers"]
    named = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert {named[name] for name in named if "metrics" in name} == set(METRICS_PORTS)
    assert named["dashboard"] == DASHBOARD_PORT
