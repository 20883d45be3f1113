"""Every rule of the ModelDeployment's CRD, as data: once kept and once broken.

Apart from the tests that put them to an API server, because whatever else reads the CRD must
say the same of them.
"""

import copy
from dataclasses import dataclass
from typing import Any

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
OBJECT = "must be the name of an object in this namespace"


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
ARCHIVE = "spec.source.archive"
ARCHIVE_URL = f"{GIT}.archiveURL"
ARCHIVED = {"url": "https://g.dev/a.zip", "sha256": SHA256}
CGIT = ((f"{GIT}.host", "Cgit"),)
GITHUB = ((f"{GIT}.host", "GitHub"),)
WITH_OWNER = ("GitHubEnterprise", "BitbucketCloud", "Gitea")
AT_CORP = ((f"{GIT}.repository", "https://git.corp/a/b"),)
DEEP = ((f"{GIT}.repository", "https://g.dev/a/b/c"),)
SHORT = ((f"{GIT}.repository", "https://g.dev/a"),)
GENERIC = ((f"{GIT}.host", "Generic"),)
ARCHIVES = ((GIT, ABSENT), (ARCHIVE, ARCHIVED))
CHECK = "spec.app.check"
RUNTIME = "spec.runtime"
SCALING = "spec.scaling"
ROLLOUT = "spec.rollout"
GATE = f"{ROLLOUT}.gate"
DATASET = ((f"{GATE}.dataset", {"path": "evals/golden.jsonl"}),)


def mount(path: str = "/data", **fields: Any) -> list[dict[str, Any]]:
    return [{"name": "data", "mountPath": path, **fields}]


RULES = [
    Rule("metadata.name", "a" * 38, "a" * 39, "at most 38 characters"),
    Rule("metadata.name", "a-1", "1-a", "DNS-1035"),
    Rule("metadata.name", "a1", "a.b", "DNS-1035"),
    *(
        Rule("metadata.name", good, bad, "the names of other objects")
        for good, bad in (
            ("serve-svc-a", "a-1234abcd-serve-svc"),
            ("head-svc", "a-1234abcd-x7k2p-head-svc"),
            ("headless", "a-headless"),
            ("a-src-1234abcg", "a-src-1234abcd"),
        )
    ),
    Rule("spec", MINIMAL["spec"], ABSENT, "spec: Required"),
    Rule("spec.source", MINIMAL["spec"]["source"], ABSENT, "spec.source: Required"),
    Rule("spec.source", {"image": {}}, {}, "exactly one of git, archive and image"),
    Rule(
        "spec.source",
        {"archive": ARCHIVED},
        {"archive": ARCHIVED, "image": {}},
        "exactly one of git, archive and image",
    ),
    Rule("spec.app", MINIMAL["spec"]["app"], ABSENT, "spec.app: Required"),
    # source
    Rule(f"{GIT}.repository", "https://github.com/a/b", ABSENT, "repository: Required"),
    Rule(f"{GIT}.repository", "http://g.dev/a", "git@github.com:a/b", "must be the http://", CGIT),
    Rule(f"{GIT}.repository", "https://g.dev/a/b", "ssh://g.dev/a/b", "must be the http://", CGIT),
    Rule(f"{GIT}.repository", "https://g.dev/a/b", "https://g.dev", "must be the http://", CGIT),
    Rule(f"{GIT}.repository", "https://g.dev/a/b@c", "https://me:pw@g.dev/a", "credentials", CGIT),
    Rule(f"{GIT}.repository", "https://g.dev/a.git", "https://g.dev/a?token=x", "query", CGIT),
    Rule(f"{GIT}.repository", "https://g.dev/a.git", "https://g.dev/a#main", "fragment", CGIT),
    Rule(
        f"{GIT}.repository", "https://g.dev/" + "a" * 498, "https://g.dev/" + "a" * 499, "512", CGIT
    ),
    Rule(
        f"{GIT}.repository",
        "https://GitHub.com/a/b",
        "https://github.com.g.dev/a",
        "host is missing",
    ),
    Rule(
        f"{GIT}.repository", "https://gitlab.com/a/b", "https://gitlab.g.dev/a", "host is missing"
    ),
    Rule(
        f"{GIT}.repository", "https://bitbucket.org/a/b", "http://git.git.svc/a", "host is missing"
    ),
    Rule(
        f"{GIT}.repository", "https://codeberg.org/a/b", "https://codeberg.org:x/a", "must be the"
    ),
    Rule(f"{GIT}.host", "Gitea", "gitea", "Unsupported value"),
    Rule(
        f"{GIT}.repository",
        "https://GitHub.com:443/a/b",
        "https://github.com.g.dev/a/b",
        "host: GitHub is github.com alone",
        GITHUB,
    ),
    Rule(f"{GIT}.host", "GitHubEnterprise", "GitHub", "alone", AT_CORP),
    *(
        Rule(f"{GIT}.repository", "https://g.dev/a/b.git/", bad, "https://HOST/OWNER/NAME", beside)
        for bad in ("https://g.dev/a", "https://g.dev/a/b/tree/main")
        for beside in (((f"{GIT}.host", host),) for host in WITH_OWNER)
    ),
    *(
        Rule(f"{GIT}.repository", f"https://{host}/a/b", f"https://{host}/a", "OWNER/NAME")
        for host in ("github.com", "bitbucket.org", "codeberg.org")
    ),
    Rule(f"{GIT}.host", "GitLab", "Gitea", "OWNER/NAME", DEEP),
    Rule(f"{GIT}.host", "Cgit", "BitbucketCloud", "OWNER/NAME", SHORT),
    Rule(f"{GIT}.host", "GitHub", "Generic", "archiveURL and host: Generic go together"),
    Rule(f"{GIT}.archiveURL", "https://g.dev/{commit}", ABSENT, "go together", GENERIC),
    Rule(f"{GIT}.archiveURL", ABSENT, "https://g.dev/{commit}", "go together", CGIT),
    Rule(
        ARCHIVE_URL,
        "https://g.dev/x?p={repository};h={commit}",
        "s3://g.dev/{commit}",
        "http",
        GENERIC,
    ),
    Rule(
        ARCHIVE_URL, "{repository}/zip/{commit}", "{repository}.g.dev/{commit}", "such as", GENERIC
    ),
    Rule(ARCHIVE_URL, "http://g.dev/{commit}", "https://{commit}/a", "such as", GENERIC),
    Rule(ARCHIVE_URL, "https://g.dev/%20{commit}", "https://g.dev/ {commit}", "such as", GENERIC),
    Rule(ARCHIVE_URL, "https://g.dev/{commit}", "https://g.dev/main.zip", "{commit}", GENERIC),
    Rule(
        ARCHIVE_URL, "https://g.dev/{commit}", "https://g.dev/{commit}/{ref}", "no other", GENERIC
    ),
    Rule(
        ARCHIVE_URL, "https://g.dev/{commit}", "https://a:b@g.dev/{commit}", "credentials", GENERIC
    ),
    Rule(
        ARCHIVE_URL,
        "https://g.dev/{commit}?a=b",
        "https://g.dev/{commit}?token=b",
        "credentials",
        GENERIC,
    ),
    Rule(ARCHIVE_URL, "https://g.dev/{commit}", "https://g.dev/{commit}#a", "fragment", GENERIC),
    Rule(f"{GIT}.path", "apps/chat", "/apps/chat", "must be a folder, such as apps/chat"),
    Rule(f"{GIT}.path", "apps", "apps/", "no '/' at either end"),
    Rule(f"{GIT}.path", "apps/.chat..", "apps/../chat", "none of them '.' or '..'"),
    Rule(f"{GIT}.path", ".apps", ".", "none of them '.' or '..'"),
    Rule(f"{GIT}.path", "apps/chat room", "apps//chat", "single '/'"),
    Rule(f"{GIT}.path", "apps", "apps\\chat", "such as apps/chat"),
    Rule(f"{GIT}.path", "apps", "apps\nchat", "such as apps/chat"),
    Rule(f"{GIT}.exclude", ["docs/**", "**/*.png", "a..b"], ["/docs"], "relative to the root"),
    Rule(f"{GIT}.exclude", [".github/"], ["docs", "../docs"], "without '..'"),
    Rule(f"{GIT}.exclude", ["a/b"], ["a\\b"], "such as docs/**"),
    Rule(f"{GIT}.exclude", ["a" * 256], ["a" * 257], "256"),
    Rule(f"{GIT}.exclude", ["a"], [""], "at least 1 chars"),
    Rule(
        f"{GIT}.exclude", [f"a{n}" for n in range(64)], [f"a{n}" for n in range(65)], "at most 64"
    ),
    Rule(f"{GIT}.secretRef", {"name": "git-token"}, {}, "secretRef.name: Required"),
    *(
        Rule(f"{GIT}.secretRef", {"name": "git.token-1"}, {"name": bad}, OBJECT)
        for bad in ("../../team-b/secrets/git-token", "..", "a/b", "a%2fb", "Git", "-a", "a..b")
    ),
    Rule(f"{ARCHIVE}.url", "s3://bucket/a/b.zip", ABSENT, "url: Required", ARCHIVES),
    Rule(f"{ARCHIVE}.url", "gs://bucket/a.zip", "ftp://g.dev/a.zip", "must be https://", ARCHIVES),
    Rule(f"{ARCHIVE}.url", "http://g.dev/a.zip?b=c", "https://g.dev", "must be https://", ARCHIVES),
    Rule(
        f"{ARCHIVE}.url", "https://g.dev/a%20b", "https://g.dev/a b", "must be https://", ARCHIVES
    ),
    Rule(f"{ARCHIVE}.url", "https://g.dev/a@b", "https://a:b@g.dev/a", "credentials", ARCHIVES),
    Rule(
        f"{ARCHIVE}.url",
        "https://g.dev/a?signed=1",
        "https://g.dev/a?b=c&X-Amz-Signature=d",
        "credentials",
        ARCHIVES,
    ),
    Rule(f"{ARCHIVE}.url", "https://g.dev/a", "https://g.dev/a#b", "fragment", ARCHIVES),
    Rule(f"{ARCHIVE}.sha256", SHA256, ABSENT, "sha256: Required", ARCHIVES),
    Rule(f"{ARCHIVE}.sha256", SHA256, SHA1, "64 lower-case hex digits", ARCHIVES),
    Rule(f"{ARCHIVE}.sha256", SHA256, SHA256.upper(), "`sha256sum FILE`", ARCHIVES),
    Rule(f"{ARCHIVE}.path", "apps/chat", "apps/..", "such as apps/chat", ARCHIVES),
    Rule(f"{ARCHIVE}.exclude", ["docs"], ["/"], "such as docs/**", ARCHIVES),
    Rule(f"{ARCHIVE}.secretRef", {"name": "a"}, {"name": ""}, "at least 1 chars", ARCHIVES),
    Rule(f"{ARCHIVE}.secretRef", {"name": "a"}, {"name": "../b"}, OBJECT, ARCHIVES),
    Rule("spec.source.image", {}, [], "must be of type object", (("spec.source.git", ABSENT),)),
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
    Rule(f"{RUNTIME}.image", "a/b:1", "a/b:1\n", "must not contain spaces"),
    Rule(f"{RUNTIME}.imagePullSecrets", [{"name": "a.b"}], [{"name": "a/b"}], OBJECT),
    *(
        Rule(f"{RUNTIME}.{field}", "a-1.b", "../a", OBJECT)
        for field in ("serviceAccountName", "runtimeClassName", "priorityClassName")
    ),
    *(
        Rule(
            f"{RUNTIME}.env",
            env(valueFrom={source: {"name": "a.b", "key": "K_1"}}),
            env(valueFrom={source: {"name": name, "key": key}}),
            says,
        )
        for source in ("secretKeyRef", "configMapKeyRef")
        for name, key, says in (("../a", "k", OBJECT), ("a", "../k", "must be a key of the object"))
    ),
    Rule(
        f"{RUNTIME}.env",
        env(valueFrom={"fieldRef": {"fieldPath": "metadata.labels['ray.io/group']"}}),
        env(valueFrom={"fieldRef": {"fieldPath": "../a"}}),
        "must be a field of the Pod",
    ),
    *(
        Rule(f"{RUNTIME}.envFrom", [{source: {"name": "a"}}], [{source: {"name": "a b"}}], OBJECT)
        for source in ("configMapRef", "secretRef")
    ),
    *(
        Rule(f"{RUNTIME}.volumes", volume(**{kind: {field: "a.b"}}), bad, OBJECT)
        for kind, field in (
            ("configMap", "name"),
            ("secret", "secretName"),
            ("persistentVolumeClaim", "claimName"),
        )
        for bad in (volume(**{kind: {field: "../a"}}),)
    ),
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
    # rollout
    Rule(f"{ROLLOUT}.strategy", "Auto", "Canary", "Unsupported value"),
    Rule(f"{ROLLOUT}.onFailure", "Hold", "Retry", "Unsupported value"),
    Rule(
        ROLLOUT,
        {"strategy": "Auto", "onFailure": "Hold"},
        {"strategy": "Recreate", "onFailure": "Hold"},
        "needs room for two revisions",
    ),
    Rule(f"{ROLLOUT}.progressDeadlineSeconds", 10, 9, "greater than or equal to 10"),
    Rule(f"{ROLLOUT}.progressDeadlineSeconds", 86400, 86401, "less than or equal to 86400"),
    Rule(f"{ROLLOUT}.capacityGraceSeconds", 5, 4, "greater than or equal to 5"),
    Rule(f"{ROLLOUT}.capacityGraceSeconds", 3600, 3601, "less than or equal to 3600"),
    Rule(f"{ROLLOUT}.drainSeconds", 0, -1, "greater than or equal to 0"),
    Rule(f"{ROLLOUT}.drainSeconds", 3600, 3601, "less than or equal to 3600"),
    Rule(f"{ROLLOUT}.bakeSeconds", 0, -1, "greater than or equal to 0"),
    Rule(f"{ROLLOUT}.bakeSeconds", 3600, 3601, "less than or equal to 3600"),
    Rule(f"{ROLLOUT}.pauseBeforePromotion", True, "yes", "must be of type boolean"),
    Rule(GATE, {"dataset": {"path": "a"}}, {}, "dataset: Required"),
    Rule(f"{GATE}.dataset", {"path": "a"}, {}, "exactly one of path and configMapRef"),
    Rule(
        f"{GATE}.dataset",
        {"configMapRef": {"name": "a", "key": "b"}},
        {"configMapRef": {"name": "a", "key": "b"}, "path": "a"},
        "exactly one of path and configMapRef",
    ),
    Rule(
        "spec.source",
        MINIMAL["spec"]["source"],
        {"image": {}},
        "the code is in the image: use dataset.configMapRef",
        DATASET,
    ),
    Rule(f"{GATE}.dataset.path", "evals/a.jsonl", "../a.jsonl", "must be a file"),
    Rule(f"{GATE}.dataset.path", "evals/a.jsonl", "/a.jsonl", "must be a file"),
    Rule(f"{GATE}.minPassRate", 0, -0.1, "greater than or equal to 0", DATASET),
    Rule(f"{GATE}.minPassRate", 1, 1.1, "less than or equal to 1", DATASET),
    Rule(f"{GATE}.maxRegression", 0.02, -0.1, "greater than or equal to 0", DATASET),
    Rule(f"{GATE}.maxRegression", 1, 1.1, "less than or equal to 1", DATASET),
    Rule(f"{GATE}.ttftP95", "1.5s", "1m", "a duration such as 500ms", DATASET),
    Rule(f"{GATE}.ttftP95", "500ms", "fast", "a duration such as 500ms", DATASET),
    Rule(f"{GATE}.concurrency", 1, 0, "greater than or equal to 1", DATASET),
    Rule(f"{GATE}.concurrency", 256, 257, "less than or equal to 256", DATASET),
    Rule(f"{GATE}.limit", 1, 0, "greater than or equal to 1", DATASET),
    Rule(f"{GATE}.limit", 10000, 10001, "less than or equal to 10000", DATASET),
    Rule(f"{GATE}.timeoutSeconds", 10, 9, "greater than or equal to 10", DATASET),
    Rule(f"{GATE}.timeoutSeconds", 86400, 86401, "less than or equal to 86400", DATASET),
    Rule(f"{GATE}.evaluator", {"image": "a"}, {}, "image: Required", DATASET),
    Rule(f"{GATE}.evaluator", {"image": "a"}, {"image": "a b"}, "must not contain spaces", DATASET),
    *(
        Rule(
            f"{GATE}.dataset",
            {"configMapRef": {"name": "a.b", "key": "golden.jsonl"}},
            {"configMapRef": {"name": name, "key": key}},
            says,
        )
        for name, key, says in (("../a", "k", OBJECT), ("a", "a/b", "must be a key of the object"))
    ),
    Rule(f"{SCALING}.deployment", "My App", "a\nb", "must be one line"),
]


def with_field(body: dict[str, Any], field: str, value: Any) -> None:
    *parents, last = field.split(".")
    for parent in parents:
        body = body.setdefault(parent, {})
    if value is ABSENT:
        body.pop(last, None)
    else:
        body[last] = copy.deepcopy(value)  # or the next field would be set in the case itself


def written(rule: Rule, value: Any) -> dict[str, Any]:
    body = copy.deepcopy(MINIMAL)
    for field, beside in rule.beside:
        with_field(body, field, beside)
    with_field(body, rule.field, value)
    return body


UNKNOWN = [
    "spec.canary",
    "spec.rollout.canary",
    "spec.source.git.branch",
    "spec.source.git.secretRef.key",
    "spec.source.archive.commit",
    "spec.source.image.path",
    "spec.app.port",
    "spec.model.name",
    "spec.runtime.hostNetwork",
    "spec.resources.gpus",
    "spec.scaling.min",
]
