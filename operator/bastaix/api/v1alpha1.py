"""The ModelDeployment as typed, frozen values.

`from_body` is the one door: behind it every field has the type that it says. What the CRD
refuses is refused here again, for an object that was stored under an older CRD, but the
CRD has the better messages. What is absent stays absent (None, or empty): the defaults of
rendering are rendering's own, because a revision is known by what the user wrote.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from bastaix.api import reasons, sizes
from bastaix.api import rollout as rollouts
from bastaix.api.check import Check, default_check, read_check
from bastaix.api.errors import Stalled
from bastaix.api.fields import Fields, without_nulls
from bastaix.api.patterns import COMMIT, IMPORT_PATH, MODEL_ID, OBJECT_NAME, SHA256, URL
from bastaix.api.reasons import Finding
from bastaix.api.rollout import Request, Rollout

Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Git:
    repository: str
    commit: str
    path: str | None = None
    exclude: tuple[str, ...] = ()
    host: str | None = None
    """What kind of Git host it is; absent for those that are known by name."""
    archive_url: str | None = None
    """With host Generic: where a commit is a zip, with {repository} and {commit} in it."""
    secret: str | None = None


@dataclass(frozen=True, kw_only=True)
class Archive:
    url: str
    sha256: str
    path: str | None = None
    exclude: tuple[str, ...] = ()
    secret: str | None = None


@dataclass(frozen=True, kw_only=True)
class Source:
    """One of the two; without either the code is in the image."""

    git: Git | None = None
    archive: Archive | None = None

    @property
    def commit(self) -> str | None:
        return self.git.commit if self.git else None

    @property
    def secret(self) -> str | None:
        """The Secret, in the ModelDeployment's namespace, that holds the credential."""
        given = self.git or self.archive
        return given.secret if given else None


@dataclass(frozen=True, kw_only=True)
class App:
    import_path: str
    args: Json
    check: Check


@dataclass(frozen=True, kw_only=True)
class Model:
    id: str
    source: str | None = None
    engine_args: Json = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Gpu:
    count: int
    resource_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Resources:
    cpu: str | None = None
    memory: str | None = None
    gpu: Gpu | None = None


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Overrides of what runs the app. Lists hold Kubernetes' own objects, as the user gave them."""

    image: str | None = None
    image_pull_policy: str | None = None
    image_pull_secrets: tuple[Json, ...] = ()
    ray_version: str | None = None
    env: tuple[Json, ...] = ()
    env_from: tuple[Json, ...] = ()
    service_account_name: str | None = None
    node_selector: Json = field(default_factory=dict)
    tolerations: tuple[Json, ...] = ()
    affinity: Json = field(default_factory=dict)
    runtime_class_name: str | None = None
    priority_class_name: str | None = None
    volumes: tuple[Json, ...] = ()
    volume_mounts: tuple[Json, ...] = ()
    head_resources: Resources = Resources()
    worker_ray_cpus: int | None = None


@dataclass(frozen=True, kw_only=True)
class Scaling:
    min_replicas: int = 1
    max_replicas: int = 1
    target_ongoing_requests: int = 16
    deployment: str | None = None


@dataclass(frozen=True, kw_only=True)
class Spec:
    source: Source
    app: App
    model: Model | None
    runtime: Runtime
    resources: Resources
    scaling: Scaling
    rollout: Rollout
    suspend: bool


@dataclass(frozen=True, kw_only=True)
class ModelDeployment:
    name: str
    namespace: str
    uid: str
    generation: int
    spec: Spec
    status: Json
    request: Request | None = None
    objection: Finding | None = None
    """Why no new revision is made of the spec; one that there is goes on, with a warning."""

    @classmethod
    def from_body(cls, body: Json) -> "ModelDeployment":
        """Read an object as the API server gives it; Stalled names the field that is wrong."""
        metadata = cast(Json, body["metadata"])
        if sizes.is_stub(body):
            raise Stalled(reasons.SPEC_TOO_LARGE, f"the object {sizes.LIMIT}")
        spec = Fields(body.get("spec") or {}, "spec")
        return cls(
            name=metadata["name"],
            namespace=metadata["namespace"],
            uid=metadata["uid"],
            generation=metadata.get("generation", 1),
            spec=_spec(spec),
            status=body.get("status") or {},
            request=rollouts.request(metadata),
            objection=_objection(spec),
        )


def _objection(spec: Fields) -> Finding | None:
    """What was taken before there was a rule, so that it may be part of what serves.

    A name of a Secret is none of it: that is part of a path of the API server.
    """
    excess = sizes.excess(_free(spec))
    if excess is not None:
        return Finding(reasons.SPEC_TOO_LARGE, excess)
    runtime, dataset = spec.map("runtime"), spec.map("rollout").map("gate").map("dataset")
    complaints = (
        runtime.misfit("serviceAccountName", OBJECT_NAME),
        runtime.misfit("runtimeClassName", OBJECT_NAME),
        runtime.misfit("priorityClassName", OBJECT_NAME),
        dataset.map("configMapRef").misfit("name", OBJECT_NAME),
    )
    wrong = next(filter(None, complaints), None)
    return None if wrong is None else Finding(reasons.INVALID_SPEC, wrong)


def _free(spec: Fields) -> Json:
    """All that the CRD does not bound, as its inside is somebody else's."""
    app = spec.map("app")
    return {
        "spec.app.args": app.free("args"),
        "spec.app.check.body": app.map("check").free("body"),
        "spec.model.engineArgs": spec.map("model").free("engineArgs"),
        "spec.runtime.affinity": spec.map("runtime").free("affinity"),
    }


def _spec(spec: Fields) -> Spec:
    model = _model(spec.map("model")) if spec.has("model") else None
    scaling = _scaling(spec.map("scaling"))
    if model is None and scaling.deployment is None:
        raise Stalled(
            reasons.INVALID_SPEC,
            "spec.scaling.deployment is missing: without spec.model,"
            " say which of the app's deployments is to be scaled",
        )
    source, rollout = _source(spec.map("source")), rollouts.read(spec.map("rollout"))
    if (
        rollout.gate is not None
        and rollout.gate.path is not None
        and spec.map("source").has("image")
    ):
        raise Stalled(
            reasons.INVALID_SPEC,
            "spec.rollout.gate.dataset.path is a file of the source, and the code is in the image:"
            " use dataset.configMapRef",
        )
    return Spec(
        source=source,
        app=_app(spec.map("app"), model),
        model=model,
        runtime=_runtime(spec.map("runtime")),
        resources=_resources(spec.map("resources")),
        scaling=scaling,
        rollout=rollout,
        suspend=spec.get("suspend", bool) or False,
    )


def _source(source: Fields) -> Source:
    given = [kind for kind in ("git", "archive", "image") if source.has(kind)]
    if len(given) != 1:
        raise Stalled(
            reasons.INVALID_SPEC, "spec.source must have exactly one of git, archive and image"
        )
    git, archive = source.map("git"), source.map("archive")
    return Source(
        git=Git(
            repository=git.need_fit("repository", URL),
            commit=git.need_fit("commit", COMMIT),
            path=git.get("path", str),
            exclude=git.texts("exclude"),
            host=git.get("host", str),
            archive_url=git.fit("archiveURL", URL),
            secret=_secret(git),
        )
        if source.has("git")
        else None,
        archive=Archive(
            url=archive.need_fit("url", URL),
            sha256=archive.need_fit("sha256", SHA256),
            path=archive.get("path", str),
            exclude=archive.texts("exclude"),
            secret=_secret(archive),
        )
        if source.has("archive")
        else None,
    )


def _secret(source: Fields) -> str | None:
    """Its name becomes part of a path of the API server, so nothing else may stand there."""
    if not source.has("secretRef"):
        return None
    return source.map("secretRef").need_fit("name", OBJECT_NAME)


def _app(app: Fields, model: Model | None) -> App:
    return App(
        import_path=app.need_fit("importPath", IMPORT_PATH),
        args=app.free("args"),
        check=_check(app.map("check"), model),
    )


def _check(check: Fields, model: Model | None) -> Check:
    """What the user wrote; else one completion of one token, or the list of models."""
    if check.has("path"):
        return read_check(check)
    asked = default_check(None if model is None else model.id)
    expect = {"expect": check.free("expect")} if check.has("expect") else {}
    return read_check(Fields({**asked, **expect}, check.path))


def _model(model: Fields) -> Model:
    return Model(
        id=model.need_fit("id", MODEL_ID),
        source=model.get("source", str),
        engine_args=model.free("engineArgs"),
    )


def _runtime(runtime: Fields) -> Runtime:
    return Runtime(
        image=runtime.get("image", str),
        image_pull_policy=runtime.get("imagePullPolicy", str),
        image_pull_secrets=runtime.list("imagePullSecrets"),
        ray_version=runtime.get("rayVersion", str),
        env=runtime.list("env"),
        env_from=runtime.list("envFrom"),
        service_account_name=runtime.get("serviceAccountName", str),
        node_selector=without_nulls(runtime.free("nodeSelector")),
        tolerations=runtime.list("tolerations"),
        affinity=without_nulls(runtime.free("affinity")),
        runtime_class_name=runtime.get("runtimeClassName", str),
        priority_class_name=runtime.get("priorityClassName", str),
        volumes=runtime.list("volumes"),
        volume_mounts=runtime.list("volumeMounts"),
        head_resources=_resources(runtime.map("head").map("resources")),
        worker_ray_cpus=runtime.map("worker").get("rayCPUs", int),
    )


def _resources(resources: Fields) -> Resources:
    gpu = resources.map("gpu")
    return Resources(
        cpu=resources.quantity("cpu"),
        memory=resources.quantity("memory"),
        gpu=Gpu(count=gpu.need("count", int), resource_name=gpu.get("resourceName", str))
        if resources.has("gpu")
        else None,
    )


def _scaling(scaling: Fields) -> Scaling:
    """maxReplicas is never below minReplicas when absent, so it has no default of its own."""
    least = scaling.get("minReplicas", int) or Scaling.min_replicas
    most = scaling.get("maxReplicas", int) or max(least, Scaling.max_replicas)
    if most < least:
        raise Stalled(
            reasons.INVALID_SPEC,
            f"spec.scaling.minReplicas ({least}) is above maxReplicas ({most})",
        )
    return Scaling(
        min_replicas=least,
        max_replicas=most,
        target_ongoing_requests=scaling.get("targetOngoingRequests", int)
        or Scaling.target_ongoing_requests,
        deployment=scaling.get("deployment", str),
    )
