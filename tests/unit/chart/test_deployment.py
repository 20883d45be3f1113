"""The operator's Deployment: one at a time, unprivileged, and configured by the values."""

from __future__ import annotations

from typing import Any

import pytest

from bastaix import settings
from bastaix.render.evaluation import OwnImage
from tests.unit.chart.rendered import IMAGE, NAMESPACE, Manifest, attempt, only, render


def pod_spec(values: dict[str, Any] | None = None) -> Manifest:
    spec: Manifest = only(render(values), "Deployment", "bastaix")["spec"]["template"]["spec"]
    return spec


def container(values: dict[str, Any] | None = None) -> Manifest:
    (found,) = pod_spec(values)["containers"]
    assert isinstance(found, dict)
    return found


def environment(values: dict[str, Any] | None = None) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container(values)["env"] if "value" in one}


def test_the_pod_meets_pod_security_restricted() -> None:
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
    assert {"hostNetwork", "hostPID", "hostIPC"}.isdisjoint(pod)
    assert all("hostPath" not in volume for volume in pod["volumes"])


def test_only_tmp_is_writable() -> None:
    assert [mount["mountPath"] for mount in container()["volumeMounts"]] == ["/tmp"]
    (volume,) = pod_spec()["volumes"]
    assert "emptyDir" in volume


def test_probes_ask_the_operators_own_port() -> None:
    spec = container()
    assert spec["ports"] == [{"name": "http", "containerPort": 8080}]
    assert spec["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert spec["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


def test_memory_is_limited_and_cpu_is_not() -> None:
    resources = container()["resources"]
    assert set(resources["requests"]) == {"cpu", "memory"}
    assert set(resources["limits"]) == {"memory"}


def test_services_of_the_namespace_do_not_leak_into_the_settings() -> None:
    assert pod_spec()["enableServiceLinks"] is False


def test_the_grace_period_is_a_value() -> None:
    assert pod_spec()["terminationGracePeriodSeconds"] == 30
    longer = pod_spec({"operator": {"terminationGracePeriodSeconds": 90}})
    assert longer["terminationGracePeriodSeconds"] == 90


def test_by_default_the_operator_keeps_its_own_defaults_and_knows_its_image() -> None:
    found = settings.read({}, environment({"networkPolicies": {"create": False}}))
    assert found == settings.Settings(
        evaluation_image=OwnImage(f"{IMAGE}:0.1.0"), lease=(NAMESPACE, "bastaix")
    )


def test_the_operator_reads_what_the_values_say() -> None:
    operator = {"namespaces": ["demo", "prod"], "logLevel": "debug", "workers": 4}
    values = {"operator": operator, "networkPolicies": {"create": False}}
    assert settings.read({}, environment(values)) == settings.Settings(
        namespaces=frozenset({"demo", "prod"}),
        log_level="DEBUG",
        workers=4,
        evaluation_image=OwnImage(f"{IMAGE}:0.1.0"),
        lease=(NAMESPACE, "bastaix"),
    )


def test_the_operator_knows_with_which_secrets_its_image_is_pulled() -> None:
    values = {"image": {"pullSecrets": [{"name": "registry"}, {"name": "mirror"}]}}
    found = settings.read({}, environment(values)).evaluation_image
    assert found == OwnImage(f"{IMAGE}:0.1.0", ("registry", "mirror"))


def test_the_probed_port_is_the_one_that_the_operator_listens_on() -> None:
    (port,) = container()["ports"]
    assert port["containerPort"] == settings.read({}, environment()).port


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        ({}, f"{IMAGE}:0.1.0"),
        ({"tag": "main"}, f"{IMAGE}:main"),
        ({"tag": "main", "digest": "sha256:" + "a" * 64}, f"{IMAGE}@sha256:" + "a" * 64),
    ],
    ids=["the chart's appVersion", "a tag", "a digest wins over the tag"],
)
def test_the_image_is_named_by(image: dict[str, str], reference: str) -> None:
    assert container({"image": image})["image"] == reference


def test_without_an_image_the_install_is_refused_with_what_to_do() -> None:
    result = attempt({})
    assert result.returncode != 0
    assert "image.repository: name the operator's image" in result.stderr


def test_scheduling_and_metadata_follow_the_values() -> None:
    operator = {
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "system", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "system-cluster-critical",
        "podLabels": {"team": "serving"},
        "podAnnotations": {"note": "yes"},
    }
    image = {"pullSecrets": [{"name": "registry"}], "pullPolicy": "Always"}
    objects = render({"operator": operator, "image": image})
    deployment = only(objects, "Deployment", "bastaix")
    template = deployment["spec"]["template"]
    pod = template["spec"]
    assert template["metadata"]["labels"]["team"] == "serving"
    assert template["metadata"]["annotations"] == {"note": "yes"}
    for key in ("nodeSelector", "tolerations", "affinity", "priorityClassName"):
        assert pod[key] == operator[key]
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["containers"][0]["imagePullPolicy"] == "Always"


def test_the_deployment_selects_its_own_pods_whatever_labels_are_added() -> None:
    values = {"operator": {"podLabels": {"team": "serving"}}}
    spec = only(render(values), "Deployment", "bastaix")["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    assert "team" not in spec["selector"]["matchLabels"]


def test_an_existing_service_account_is_used() -> None:
    objects = render({"serviceAccount": {"create": False, "name": "mine"}})
    assert only(objects, "ServiceAccount")["metadata"]["name"] == "bastaix-source"
    pod = only(objects, "Deployment", "bastaix")["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "mine"
    assert only(objects, "ClusterRoleBinding", "bastaix")["subjects"][0]["name"] == "mine"
