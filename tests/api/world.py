"""An API server with KubeRay's kinds, and the named fakes of what would run beside it.

Nothing is patched: the operator is a process of its own, the API server is a real one, and
what a control plane without controllers lacks is done here by hand, under its own name.
"""

import copy
import hashlib
import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from bastaix.api import names, reasons
from bastaix.api.conditions import SOURCE_VERIFIED
from bastaix.api.evaluation import EXIT_CODES
from bastaix.api.reasons import Reason
from bastaix.api.sources import content_key, verification_fields
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.kube.as_yaml import as_yaml
from bastaix.reconcile import kinds
from bastaix.reconcile.kinds import Kind
from cluster.control_plane import ControlPlane
from tests.api import kuberay_crds
from tests.api.operator_process import until

CRDS = Path(__file__).parents[2] / "crds"
CRD = Kind("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition")
NAMESPACE = Kind("", "v1", "namespaces", "Namespace")
EVENT = Kind("events.k8s.io", "v1", "events", "Event")

Object = dict[str, Any]

BUSY = 429
SETTINGS = {"BASTAIX_EVALUATION_IMAGE": "registry.example/bastaix:1"}
"""Of the operator, as its chart would give them."""


class World:
    """The API server as its administrator sees it."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self.kubeconfig = control_plane.kubeconfig
        (cluster,) = yaml.safe_load(self.kubeconfig.read_text())["clusters"]
        self._server = cluster["cluster"]["server"]
        keys = control_plane.folder / "pki"
        self._context = ssl.create_default_context(cafile=str(keys / "ca.crt"))
        self._context.load_cert_chain(keys / "admin.crt", keys / "admin.key")
        self._user: Mapping[str, str] = {}

    def acting_as(self, user: str) -> "World":
        """The same API server as it is to another user, with that user's rights."""
        other = copy.copy(self)
        other._user = {"Impersonate-User": user}
        return other

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> Object:
        text = as_yaml(body) if content_type.endswith("yaml") else json.dumps(body)
        request = urllib.request.Request(
            self._server + path,
            method=method,
            data=None if body is None else text.encode(),
            headers={"Content-Type": content_type, **self._user},
        )
        for _ in range(10):
            try:
                with urllib.request.urlopen(request, context=self._context, timeout=30) as answer:
                    found: Object = json.loads(answer.read())
                    return found
            except urllib.error.HTTPError as error:
                error.msg = f"{error.msg}: {error.read().decode()}"
                if error.code != BUSY:
                    raise
                # the storage of a kind that has just come is not there at once
                time.sleep(float(error.headers["Retry-After"]))
        raise AssertionError(f"{method} {path}: too busy")

    def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        try:
            return self.request("GET", kind.path(namespace, name))
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def list(self, kind: Kind, namespace: str | None) -> list[Object]:
        items: list[Object] = self.request("GET", kind.path(namespace))["items"] or []
        return items

    def apply(
        self, kind: Kind, manifest: Object, subresource: str | None = None, *, manager: str = "test"
    ) -> Object:
        metadata = manifest["metadata"]
        path = kind.path(metadata.get("namespace"), metadata["name"], subresource)
        return self.request(
            "PATCH",
            f"{path}?fieldManager={manager}&force=true",
            {"apiVersion": kind.api_version, "kind": kind.name, **manifest},
            "application/apply-patch+yaml",
        )

    def merge(self, kind: Kind, namespace: str, name: str, patch: Object) -> Object:
        path = kind.path(namespace, name)
        return self.request("PATCH", path, patch, "application/merge-patch+json")

    def delete(self, kind: Kind, namespace: str | None, name: str) -> None:
        self.request("DELETE", kind.path(namespace, name))

    def install(self, manifest: Object) -> None:
        """Apply a CRD and wait until its kind is served."""
        name = manifest["metadata"]["name"]
        self.apply(CRD, manifest)

        def established() -> bool:
            conditions = ((self.get(CRD, None, name) or {}).get("status") or {}).get("conditions")
            return any(
                each["type"] == "Established" and each["status"] == "True"
                for each in conditions or ()
            )

        until(established, f"{name} is established")

    def install_ours(self) -> None:
        for path in CRDS.glob("*.yaml"):
            self.install(yaml.safe_load(path.read_text()))

    def install_kuberay(self) -> None:
        for path in kuberay_crds.files():
            self.install(yaml.safe_load(path.read_text()))

    def namespace(self, name: str) -> str:
        self.apply(NAMESPACE, {"metadata": {"name": name}})
        return name

    def ready(self, namespace: str, name: str = "echo") -> Object:
        """The condition Ready of a ModelDeployment; empty while there is none."""
        return self.condition("Ready", namespace, name)

    def condition(self, type: str, namespace: str, name: str = "echo") -> Object:
        conditions = self.status(namespace, name).get("conditions") or ()
        return next((each for each in conditions if each["type"] == type), {})

    def status(self, namespace: str, name: str = "echo") -> Object:
        found = self.get(kinds.MODELDEPLOYMENT, namespace, name) or {}
        status: Object = found.get("status") or {}
        return status


def modeldeployment(namespace: str, name: str = "echo", **spec: Any) -> Object:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "source": source(),
            "app": {"importPath": "app:build"},
            "model": {"id": name, "source": "path:///unused"},
            "runtime": {"image": "registry.example/ray:1"},
            "scaling": {"minReplicas": 1, "maxReplicas": 2},
            **spec,
        },
    }


def source(commit: str = "a" * 40) -> Object:
    return {"git": {"repository": "http://git.git.svc/echo", "commit": commit, "host": "Cgit"}}


class FakeSource:
    """Says by hand what the source controller would: that the code is there, or what is wrong.

    It makes no artifact, which nobody mounts where no Pod runs.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def verify(self, namespace: str, name: str = "echo", digest: str | None = None) -> str:
        """Every commit has a content of its own unless it is said; gives the digest."""
        md = self._read(namespace, name)
        content = content_key(md.spec.source) or ""
        digest = digest or "sha256:" + hashlib.sha256(content.encode()).hexdigest()
        source = {
            "commit": md.spec.source.commit,
            "digest": digest,
            "bytes": 1000,
            "files": 3,
            # as earlier versions do, which every CRD takes
            "verified": verification_fields(md.spec)["verified"],
        }
        self._say(md, "True", reasons.VERIFIED, "3 files", {"source": source})
        return digest

    def refuse(self, namespace: str, reason: Reason, message: str, name: str = "echo") -> None:
        md = self._read(namespace, name)
        last = {"source": md.status["source"]} if "source" in md.status else {}
        self._say(md, "False", reason, message, last)

    def _read(self, namespace: str, name: str) -> ModelDeployment:
        body = self._world.get(kinds.MODELDEPLOYMENT, namespace, name)
        assert body is not None, f"no ModelDeployment {namespace}/{name}"
        return ModelDeployment.from_body(body)

    def _say(
        self, md: ModelDeployment, status: str, reason: Reason, message: str, last: Object
    ) -> None:
        condition = {
            "type": SOURCE_VERIFIED,
            "status": status,
            "reason": reason.name,
            "message": message,
            "observedGeneration": md.generation,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        self._world.apply(
            kinds.MODELDEPLOYMENT,
            {
                "metadata": {"namespace": md.namespace, "name": md.name},
                "status": {**last, "conditions": [condition]},
            },
            "status",
            manager=names.SOURCE_FIELD_MANAGER,
        )


def deploy(world: World, manifest: Object) -> Object:
    """Apply a ModelDeployment whose code is at once found to be right."""
    created = world.apply(kinds.MODELDEPLOYMENT, manifest)
    FakeSource(world).verify(manifest["metadata"]["namespace"], manifest["metadata"]["name"])
    return created


def change(world: World, namespace: str, spec: Object) -> None:
    """Change a spec to one whose code is at once found to be right."""
    world.merge(kinds.MODELDEPLOYMENT, namespace, "echo", {"spec": spec})
    FakeSource(world).verify(namespace)


class FakeKubeRay:
    """Does by hand what KubeRay would: a RayCluster, Pods that are ready, an app that runs."""

    def __init__(self, world: World, ip: str | None = None) -> None:
        """`ip` is the address of every Pod; None: it has none."""
        self._world = world
        self._pod_address = {} if ip is None else {"podIP": ip, "podIPs": [{"ip": ip}]}

    def run(self, rayservice: Object, app: Object | None = None) -> None:
        """Bring a RayService to where its app runs and its Pods are ready."""
        self.make_cluster(rayservice)
        template = rayservice["spec"]["rayClusterConfig"]
        groups = {"head": template["headGroupSpec"], "worker": template["workerGroupSpecs"][0]}
        for role, group in groups.items():
            self.make_pod(rayservice, role, group["template"])
        one = app or {"status": "RUNNING", "message": ""}
        self._world.apply(
            kinds.RAYSERVICE,
            {
                "metadata": _address(rayservice),
                "status": {
                    "activeServiceStatus": {"applicationStatuses": {"app": one}},
                    "numServeEndpoints": 1,
                },
            },
            "status",
        )

    def make_cluster(self, rayservice: Object, *, replicas: int = 1) -> Object:
        """A RayCluster, with the number of replicas that Ray's autoscaler would have set."""
        metadata, spec = rayservice["metadata"], copy.deepcopy(rayservice["spec"])
        spec["rayClusterConfig"]["workerGroupSpecs"][0]["replicas"] = replicas
        return self._world.apply(
            kinds.RAYCLUSTER,
            {
                "metadata": {
                    **_address(rayservice, suffix="-x7k2p"),
                    "labels": metadata["labels"],
                    "ownerReferences": [_owner(rayservice)],
                },
                "spec": spec["rayClusterConfig"],
            },
        )

    def make_pod(self, rayservice: Object, role: str, template: Object) -> None:
        template = copy.deepcopy(template)
        labels = {**template["metadata"]["labels"], "ray.io/node-type": role}
        labels["ray.io/serve"] = "true" if role == "worker" else "false"
        cluster = _address(rayservice, suffix="-x7k2p")
        found = self._world.get(kinds.RAYCLUSTER, cluster["namespace"], cluster["name"])
        assert found is not None, "a RayCluster comes before its Pods"
        metadata = {
            **_address(rayservice, suffix=f"-{role}"),
            "labels": labels,
            "ownerReferences": [_owner(found, kinds.RAYCLUSTER)],
        }
        container = {"name": "ray", "image": "registry.example/ray:1"}
        self._world.apply(kinds.POD, {"metadata": metadata, "spec": {"containers": [container]}})
        self.turn_pod(rayservice, role, ready=True)

    def turn_pod(self, rayservice: Object, role: str, *, ready: bool) -> None:
        condition = {"type": "Ready", "status": "True" if ready else "False"}
        self._world.apply(
            kinds.POD,
            {
                "metadata": _address(rayservice, suffix=f"-{role}"),
                "status": {"phase": "Running", "conditions": [condition], **self._pod_address},
            },
            "status",
        )

    def fail(self, rayservice: Object, message: str) -> None:
        """Ray Serve gives the app up."""
        self.run(rayservice, {"status": "DEPLOY_FAILED", "message": message})

    def remove(self, rayservice: Object) -> None:
        """What Kubernetes' garbage collector does after a RayService is gone."""
        namespace, name = rayservice["metadata"]["namespace"], rayservice["metadata"]["name"]
        self._world.delete(kinds.RAYCLUSTER, namespace, f"{name}-x7k2p")
        for role in ("head", "worker"):
            path = kinds.POD.path(namespace, f"{name}-{role}")
            self._world.request("DELETE", path, {"gracePeriodSeconds": 0})


class FakeJobs:
    """Does by hand what the Job controller and a kubelet would: a Pod, and its end."""

    def __init__(self, world: World) -> None:
        self._world = world

    def end(self, job: Object, result: Object) -> None:
        """Let an evaluation end with what `bastaix eval` would leave."""
        address = _address(job, suffix="-x7k2p")
        container = {"name": "bastaix-eval", "image": "registry.example/bastaix:1"}
        owner = _owner(job, kinds.JOB)
        own = {names.JOB_UID_LABEL: job["metadata"]["uid"]}
        labels = {**job["spec"]["template"]["metadata"]["labels"], **own}
        self._world.apply(
            kinds.POD,
            {
                "metadata": {**address, "labels": labels, "ownerReferences": [owner]},
                "spec": {"containers": [container], "restartPolicy": "Never"},
            },
        )
        code = EXIT_CODES[result["outcome"]]
        reason = "Error" if code else "Completed"
        ended = {"exitCode": code, "reason": reason, "message": json.dumps(result)}
        status = {"name": container["name"], "state": {"terminated": ended}}
        of_pod = {"phase": "Failed" if code else "Succeeded", "containerStatuses": [status]}
        self._world.apply(kinds.POD, {"metadata": address, "status": of_pod}, "status")
        self._finish(job, failed=bool(code))

    def _finish(self, job: Object, *, failed: bool) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        types = ("FailureTarget", "Failed") if failed else ("SuccessCriteriaMet", "Complete")
        status = {
            "startTime": now,
            **({"failed": 1} if failed else {"succeeded": 1, "completionTime": now}),
            "conditions": [
                {"type": type, "status": "True", "lastTransitionTime": now} for type in types
            ],
        }
        self._world.apply(kinds.JOB, {"metadata": _address(job), "status": status}, "status")

    def remove(self, job: Object) -> None:
        """What garbage collection does after a Job is gone."""
        path = kinds.POD.path(job["metadata"]["namespace"], f"{job['metadata']['name']}-x7k2p")
        self._world.request("DELETE", path, {"gracePeriodSeconds": 0})


class FakeApp:
    """What would answer behind every stable Service; each under its own path."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.asked: list[str] = []
        self.status = 200
        self.broken: set[str] = set()
        """Services, as namespace/name, behind which only 500 is answered."""
        self.spoilt: dict[str, Callable[[], bool]] = {}
        """Services behind which only 500 is answered while that is so, as for one revision."""
        self.url = f"http://127.0.0.1:{server.server_port}/{{namespace}}/{{name}}"

    def asked_by(self, namespace: str, name: str = "echo") -> int:
        """Through the stable Service of a ModelDeployment."""
        return sum(path.startswith(f"/{namespace}/{name}/") for path in self.asked)


@contextmanager
def fake_app() -> Iterator[FakeApp]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            app.asked.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            service = "/".join(self.path.split("/")[1:3])
            is_broken = service in app.broken or app.spoilt.get(service, bool)()
            self.send_response(500 if is_broken else app.status)
            self.end_headers()
            self.wfile.write(b'{"choices": []}')

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    app = FakeApp(server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield app
    finally:
        server.shutdown()
        server.server_close()


def selected(world: World, namespace: str, name: str = "echo") -> str:
    """The name of the RayService that the stable Service leads to."""
    selector = (world.get(kinds.SERVICE, namespace, name) or {})["spec"]["selector"]
    return f"{name}-{selector[names.REVISION_LABEL]}"


def other(world: World, namespace: str, *known: Object) -> Object:
    """A RayService besides those that are known, once it is there."""
    uids = {each["metadata"]["uid"] for each in known}

    def found() -> list[Object]:
        listed = world.list(kinds.RAYSERVICE, namespace)
        return [each for each in listed if each["metadata"]["uid"] not in uids]

    until(found, f"another RayService in {namespace}")
    kind = kinds.RAYSERVICE
    return {**found()[0], "apiVersion": kind.api_version, "kind": kind.name}


def only(world: World, kind: Kind, namespace: str) -> Object:
    """The one object of a kind in a namespace, once it is there."""
    until(lambda: world.list(kind, namespace), f"a {kind.name} in {namespace}")
    (found,) = world.list(kind, namespace)
    return {**found, "apiVersion": kind.api_version, "kind": kind.name}


def _address(rayservice: Object, suffix: str = "") -> dict[str, str]:
    metadata = rayservice["metadata"]
    return {"namespace": metadata["namespace"], "name": metadata["name"] + suffix}


def _owner(owner: Object, kind: Kind = kinds.RAYSERVICE) -> Object:
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
    }
