"""Every rule of the ModelDeployment's CRD, once kept and once broken, on a real API server."""

import copy
from dataclasses import dataclass
from typing import Any, cast

import pytest
from kubernetes.client import CustomObjectsApi
from kubernetes.client.exceptions import ApiException

SHA1 = "3f9c2a1d" * 5
SHA256 = "3f9c2a1d" * 8

MINIMAL: dict[str, Any] = {
    "apiVersion": "serving.bastaix.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"name": "smollm2"},
    "spec": {
        "source": {"git": {"repository": "https://github.com/acme/serving", "commit": SHA1}},
        "app": {"importPath": "app:build"},
        "model": {"id": "smollm2"},
    },
}

ABSENT = object()


@dataclass(frozen=True)
class Rule:
    """A field, a value that keeps the rule, one that breaks it, and what is then said."""

    field: str
    good: Any
    bad: Any
    says: str
    beside: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"{self.field}: {self.says}"


def env(**fields: Any) -> list[dict[str, Any]]:
    return [{"name": "A", **fields}]


def volume(**fields: Any) -> list[dict[str, Any]]:
    return [{"name": "data", **fields}]


VOLUMES = (("spec.runtime.volumes", volume(emptyDir={})),)
CLAIM = {"claimName": "data"}
GIT = "spec.source.git"
CHECK = "spec.app.check"
RUNTIME = "spec.runtime"
SCALING = "spec.scaling"


def mount(path: str = "/data", **fields: Any) -> list[dict[str, Any]]:
    return [{"name": "data", "mountPath": path, **fields}]


RULES = [
    Rule("metadata.name", "a" * 38, "a" * 39, "at most 38 characters"),
    Rule("metadata.name", "a-1", "1-a", "DNS-1035"),
    Rule("metadata.name", "a1", "a.b", "DNS-1035"),
    Rule("spec", MINIMAL["spec"], ABSENT, "spec: Required"),
    Rule("spec.source", MINIMAL["spec"]["source"], ABSENT, "spec.source: Required"),
    Rule(GIT, MINIMAL["spec"]["source"]["git"], ABSENT, "spec.source.git: Required"),
    Rule("spec.app", MINIMAL["spec"]["app"], ABSENT, "spec.app: Required"),
    # source
    Rule(f"{GIT}.repository", "http://git.git.svc/echo", ABSENT, "repository: Required"),
    Rule(f"{GIT}.repository", "https://g.dev/a/b", "git@github.com:a/b", "must be the http://"),
    Rule(f"{GIT}.repository", "https://g.dev/a/b", "ssh://g.dev/a/b", "must be the http://"),
    Rule(f"{GIT}.repository", "https://g.dev/a/b", "https://g.dev", "must be the http://"),
    Rule(f"{GIT}.repository", "https://g.dev/a/b@c", "https://me:pw@g.dev/a", "credentials"),
    Rule(f"{GIT}.repository", "https://g.dev/a.git", "https://g.dev/a?token=x", "query"),
    Rule(f"{GIT}.repository", "https://g.dev/a.git", "https://g.dev/a#main", "fragment"),
    Rule(f"{GIT}.repository", "https://g.dev/" + "a" * 498, "https://g.dev/" + "a" * 499, "512"),
    Rule(f"{GIT}.commit", SHA1, ABSENT, "commit: Required"),
    Rule(f"{GIT}.commit", SHA1, "main", "git rev-parse NAME"),
    Rule(f"{GIT}.commit", SHA256, SHA1[:7], "a short hash is refused"),
    Rule(f"{GIT}.commit", SHA256, SHA1.upper(), "lower-case"),
    # app
    Rule("spec.app.importPath", "a.b_c:d", ABSENT, "importPath: Required"),
    Rule("spec.app.importPath", "app:build", "app.build", "MODULE:NAME"),
    Rule("spec.app.importPath", "a1:b1", "serve apps:build", "MODULE:NAME"),
    Rule("spec.app.args", {"a": {"b": [None, 1]}}, ["a"], "must be of type object"),
    Rule(
        "spec.app.args",
        {f"k{n}": n for n in range(64)},
        {f"k{n}": n for n in range(65)},
        "at most 64 items",
    ),
    Rule(CHECK, {"method": "GET", "path": "/v1/models"}, {"method": "PUT", "path": "/"}, "PUT"),
    Rule(
        CHECK,
        {"method": "POST", "path": "/", "body": {"a": 1}},
        {"method": "GET", "path": "/", "body": {"a": 1}},
        "sent by POST alone",
    ),
    Rule(CHECK, {"path": "/", "body": {}}, {"body": {}}, "path is missing"),
    Rule(CHECK, {"expect": {"status": 204}}, {"method": "GET"}, "path is missing"),
    Rule(f"{CHECK}.path", "/a?b=c", "v1/models", "must begin with /"),
    Rule(f"{CHECK}.path", "/a%20b", "/a b", "must begin with /"),
    Rule(f"{CHECK}.expect.status", 100, 99, "greater than or equal to 100"),
    Rule(f"{CHECK}.expect.status", 599, 600, "less than or equal to 599"),
    Rule(f"{CHECK}.expect.contains", "Rome", "", "at least 1 chars"),
    # model
    Rule("spec.model", {"id": "a"}, {"source": "hf://a/b"}, "spec.model.id: Required"),
    Rule("spec.model.id", "org/Model-1.5_b", "a:b", "letters, digits and . _ / -"),
    Rule("spec.model.id", "a", "-a", "must begin with a letter or digit"),
    Rule("spec.model.source", "hf://a/b", "http://host/model", "must begin with hf://"),
    Rule("spec.model.source", "hf://HuggingFaceTB/Smol-1.7B@main", "hf://smol", "ORGANISATION"),
    Rule("spec.model.source", "s3://bucket/a/b", "s3://", "BUCKET"),
    Rule("spec.model.source", "gs://bucket", "gs://Bucket/a", "BUCKET"),
    Rule("spec.model.source", "pvc://models/smollm2", "pvc://Models/a", "pvc://CLAIM"),
    Rule("spec.model.source", "path:///models/a", "path://models/a", "three slashes"),
    Rule("spec.model.source", "pvc://models/a..b", "pvc://models/../x", "must not climb"),
    Rule("spec.model.engineArgs", {"max_model_len": 2048}, 1, "must be of type object"),
    # runtime
    Rule(f"{RUNTIME}.image", "localhost:5000/a/b@sha256:12", "a b", "must not contain spaces"),
    Rule(f"{RUNTIME}.imagePullPolicy", "Never", "Sometimes", "Unsupported value"),
    Rule(f"{RUNTIME}.imagePullSecrets", [{"name": "a"}], [{"name": ""}], "at least 1 chars"),
    Rule(f"{RUNTIME}.rayVersion", "2.60.0", "2.60", "must be three numbers"),
    Rule(f"{RUNTIME}.rayVersion", "2.53.0", "2.52.9", "2.53.0 or later"),
    Rule(f"{RUNTIME}.rayVersion", "3.0.0", "1.99.0", "2.53.0 or later"),
    Rule(f"{RUNTIME}.env", env(value="1"), [*env(value="1"), *env(value="2")], "Duplicate"),
    Rule(f"{RUNTIME}.env", [{"name": "A_1"}], [{"name": "1A"}], "not beginning with a digit"),
    Rule(f"{RUNTIME}.env", [{"name": "RAY_X"}], [{"name": "RAY_AUTH_TOKEN"}], "KubeRay sets"),
    Rule(
        f"{RUNTIME}.env",
        env(valueFrom={"secretKeyRef": {"name": "s", "key": "k"}}),
        env(value="a", valueFrom={"secretKeyRef": {"name": "s", "key": "k"}}),
        "not both",
    ),
    Rule(
        f"{RUNTIME}.env",
        env(valueFrom={"fieldRef": {"fieldPath": "status.podIP"}}),
        env(valueFrom={}),
        "exactly one of secretKeyRef",
    ),
    Rule(
        f"{RUNTIME}.env",
        env(valueFrom={"configMapKeyRef": {"name": "s", "key": "k"}}),
        env(
            valueFrom={
                "configMapKeyRef": {"name": "s", "key": "k"},
                "fieldRef": {"fieldPath": "status.podIP"},
            }
        ),
        "exactly one of secretKeyRef",
    ),
    Rule(
        f"{RUNTIME}.envFrom",
        [{"secretRef": {"name": "a"}}],
        [{"secretRef": {"name": "a"}, "configMapRef": {"name": "b"}}],
        "exactly one of configMapRef and secretRef",
    ),
    Rule(f"{RUNTIME}.tolerations", [{"operator": "Exists"}], [{"operator": "In"}], "Unsupported"),
    Rule(f"{RUNTIME}.nodeSelector", {"a": "b"}, {"a": "b" * 64}, "63"),
    Rule(
        f"{RUNTIME}.affinity",
        {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}},
        {"nodeAffinity": []},
        "must be of type object",
    ),
    Rule(
        f"{RUNTIME}.volumes",
        volume(persistentVolumeClaim=CLAIM),
        volume(persistentVolumeClaim=CLAIM, emptyDir={}),
        "exactly one of configMap, secret",
    ),
    Rule(f"{RUNTIME}.volumes", volume(secret={"secretName": "a"}), volume(), "exactly one of"),
    Rule(
        f"{RUNTIME}.volumes",
        volume(configMap={"name": "a", "items": [{"key": "a", "path": "b"}]}),
        volume(configMap={"name": "a", "items": [{"key": "a"}]}),
        "path: Required",
    ),
    Rule(
        f"{RUNTIME}.volumes",
        [{"name": "my-models", "emptyDir": {}}],
        [{"name": "bastaix-model", "emptyDir": {}}],
        "this name is taken",
    ),
    Rule(
        f"{RUNTIME}.volumes",
        [{"name": "shared", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}],
        [{"name": "Shared", "emptyDir": {}}],
        "DNS-1123",
    ),
    Rule(
        f"{RUNTIME}.volumes",
        volume(emptyDir={"sizeLimit": "1Gi"}),
        volume(emptyDir={"sizeLimit": "-1Gi"}),
        "quantity above zero",
    ),
    Rule(
        f"{RUNTIME}.volumeMounts",
        mount(),
        [{"name": "other", "mountPath": "/data"}],
        "must name an entry of volumes",
        VOLUMES,
    ),
    Rule(f"{RUNTIME}.volumeMounts", mount(), [*mount(), *mount()], "Duplicate", VOLUMES),
    Rule(f"{RUNTIME}.volumeMounts", mount("/a/b"), mount("a/b"), "absolute path", VOLUMES),
    Rule(f"{RUNTIME}.volumeMounts", mount("/bastaix2"), mount("/bastaix"), "are taken", VOLUMES),
    Rule(f"{RUNTIME}.volumeMounts", mount("/tmp/x"), mount("/dev/shm/x"), "are taken", VOLUMES),
    Rule(
        f"{RUNTIME}.volumeMounts",
        mount(subPath="a/b", readOnly=True),
        mount(subPath="a/../b"),
        "must not climb",
        VOLUMES,
    ),
    Rule(f"{RUNTIME}.head.resources.cpu", "250m", "-250m", "quantity above zero"),
    Rule(f"{RUNTIME}.head.resources.memory", "6Gi", "six", "quantity above zero"),
    Rule(f"{RUNTIME}.worker.rayCPUs", 1, 0, "greater than or equal to 1"),
    # resources
    Rule("spec.resources.cpu", 2, -2, "quantity above zero"),
    Rule("spec.resources.cpu", "500m", "0", "quantity above zero"),
    Rule("spec.resources.memory", "8Gi", "-8Gi", "quantity above zero"),
    Rule("spec.resources.memory", "8e9", "8 GB", "quantity above zero"),
    Rule("spec.resources.gpu", {"count": 1}, {"resourceName": "a/gpu"}, "count: Required"),
    Rule("spec.resources.gpu.count", 1, -1, "greater than or equal to 1"),
    Rule("spec.resources.gpu.count", 64, 65, "less than or equal to 64"),
    Rule(
        "spec.resources.gpu",
        {"count": 1, "resourceName": "nvidia.com/mig-1g.5gb"},
        {"count": 1, "resourceName": "google.com/tpu"},
        "whose name ends with gpu",
    ),
    # scaling
    Rule(
        SCALING,
        {"minReplicas": 2, "maxReplicas": 2},
        {"minReplicas": 2, "maxReplicas": 1},
        "minReplicas must not be above maxReplicas",
    ),
    Rule(SCALING, {"minReplicas": 3}, {"minReplicas": 0}, "greater than or equal to 1"),
    Rule(SCALING, {"maxReplicas": 1000}, {"maxReplicas": 1001}, "less than or equal to 1000"),
    Rule(f"{SCALING}.targetOngoingRequests", 1, 0, "greater than or equal to 1"),
    Rule("spec.suspend", True, "yes", "must be of type boolean"),
    Rule(
        f"{SCALING}.deployment",
        "MyDeployment",
        ABSENT,
        "spec.scaling.deployment must name the deployment",
        (("spec.model", ABSENT),),
    ),
]


def with_field(body: dict[str, Any], field: str, value: Any) -> None:
    *parents, last = field.split(".")
    for parent in parents:
        body = body.setdefault(parent, {})
    if value is ABSENT:
        body.pop(last, None)
    else:
        body[last] = value


def written(rule: Rule, value: Any) -> dict[str, Any]:
    body = copy.deepcopy(MINIMAL)
    for field, beside in rule.beside:
        with_field(body, field, beside)
    with_field(body, rule.field, value)
    return body


def create(objects: CustomObjectsApi, body: dict[str, Any]) -> dict[str, Any]:
    """As kubectl does it, unknown fields refused, and nothing kept."""
    created = objects.create_namespaced_custom_object(
        "serving.bastaix.dev",
        "v1alpha1",
        "default",
        "modeldeployments",
        body,
        dry_run="All",
        field_validation="Strict",
    )
    return cast(dict[str, Any], created)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_accepts_what_keeps_the_rule(objects: CustomObjectsApi, rule: Rule) -> None:
    create(objects, written(rule, rule.good))


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_refuses_what_breaks_the_rule_and_says_what_is_right(
    objects: CustomObjectsApi, rule: Rule
) -> None:
    with pytest.raises(ApiException) as refused:
        create(objects, written(rule, rule.bad))
    assert refused.value.status in (400, 422)
    assert rule.says in str(refused.value.body)


UNKNOWN = [
    "spec.rollout",
    "spec.source.git.path",
    "spec.source.image",
    "spec.app.port",
    "spec.model.name",
    "spec.runtime.hostNetwork",
    "spec.resources.gpus",
    "spec.scaling.min",
]


@pytest.mark.parametrize("field", UNKNOWN)
def test_refuses_a_field_that_does_not_exist(objects: CustomObjectsApi, field: str) -> None:
    body = copy.deepcopy(MINIMAL)
    with_field(body, field, {})
    with pytest.raises(ApiException) as refused:
        create(objects, body)
    assert f'unknown field \\"{field}\\"' in str(refused.value.body)


@pytest.mark.parametrize("kind", ["hostPath", "nfs", "projected", "csi"])
def test_refuses_a_volume_of_a_kind_that_is_not_listed(
    objects: CustomObjectsApi, kind: str
) -> None:
    body = copy.deepcopy(MINIMAL)
    with_field(body, "spec.runtime.volumes", volume(**{kind: {}}))
    with pytest.raises(ApiException) as refused:
        create(objects, body)
    assert f'unknown field \\"spec.runtime.volumes[0].{kind}\\"' in str(refused.value.body)


def test_gives_defaults_to_nothing_that_is_part_of_a_revision(objects: CustomObjectsApi) -> None:
    created = create(objects, MINIMAL)
    assert created["spec"] == {
        **MINIMAL["spec"],
        "scaling": {"minReplicas": 1, "targetOngoingRequests": 16},
        "suspend": False,
    }


def test_keeps_arguments_as_they_are(objects: CustomObjectsApi) -> None:
    body = copy.deepcopy(MINIMAL)
    args = {"llm_configs": [{"engine_kwargs": {"a": None, "b": [1, {"c": 1.5}]}}]}
    with_field(body, "spec.app.args", args)
    with_field(body, "spec.model.engineArgs", {"x": None})
    created = create(objects, body)
    assert created["spec"]["app"]["args"] == args
    assert created["spec"]["model"]["engineArgs"] == {"x": None}
