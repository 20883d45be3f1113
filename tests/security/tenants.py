"""Who attacks, and what is watched meanwhile.

`mallory` holds what Kubernetes' roles `edit` and `view` and the chart's parts of them give in
his own namespace, and nothing else. No admission policy is installed: what is shown here holds
without them.
"""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

from bastaix.api import names
from bastaix.reconcile import kinds
from bastaix.reconcile.kinds import Kind
from tests.api.operator_process import until
from tests.api.rights import RBAC, RIGHTS, user_roles
from tests.api.world import FakeKubeRay, Object, World, deploy, modeldeployment, only
from tests.fakes.server import FakeServer

Server = TypeVar("Server", bound=FakeServer)

MALLORY = "mallory"
QUICK = {"drainSeconds": 1, "bakeSeconds": 1}


def mallory_in(world: World, namespace: str) -> World:
    """The API server as mallory sees it, whose namespace this is."""
    for role in dict.fromkeys(user_roles(world, "edit") + user_roles(world, "view")):
        metadata = {"name": role.replace(":", "-"), "namespace": namespace}
        reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": role}
        subjects = [{"kind": "User", "name": MALLORY, "apiGroup": RBAC}]
        binding = {"metadata": metadata, "roleRef": reference, "subjects": subjects}
        world.apply(RIGHTS["RoleBinding"], binding)
    mallory = world.acting_as(MALLORY)

    def is_granted() -> bool:
        given = {"namespace": namespace}
        return all(
            may(mallory, {**given, **asked})
            for asked in (
                {"verb": "patch", "resource": "services"},
                {"verb": "create", "group": "batch", "resource": "jobs"},
                {"verb": "patch", "group": names.GROUP, "resource": names.PLURAL},
            )
        )

    until(is_granted, f"{MALLORY} may edit in {namespace}")
    return mallory


def may(user: World, attributes: Object) -> bool:
    """Whether the API server would let a user do this."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    return bool(user.request("POST", path, review)["status"]["allowed"])


def serving(world: World, namespace: str, **spec: Any) -> Object:
    """A ModelDeployment whose only revision has the traffic and answers; gives its RayService."""
    deploy(world, modeldeployment(namespace, **{"rollout": QUICK, **spec}))
    rayservice = only(world, kinds.RAYSERVICE, namespace)
    FakeKubeRay(world).run(rayservice)
    until(lambda: world.ready(namespace).get("status") == "True", "it is ready")
    return rayservice


def hash_of(rayservice: Object) -> str:
    return str(rayservice["metadata"]["labels"][names.REVISION_LABEL])


def forge_records(mallory: World, namespace: str, records: Object) -> None:
    """Write what operators before `status.rollout` have kept on the stable Service."""
    annotations = {names.RECORDS_ANNOTATION: json.dumps(records)}
    patch = {"metadata": {"annotations": annotations}}
    mallory.merge(kinds.SERVICE, namespace, "echo", patch)


def service(world: World, namespace: str) -> Object:
    """The stable Service; empty while there is none."""
    return world.get(kinds.SERVICE, namespace, "echo") or {}


def version(obj: Object) -> str:
    return str(obj["metadata"]["resourceVersion"])


def reference_to(owner: Object, kind: Kind) -> Object:
    metadata = owner["metadata"]
    known = {"apiVersion": kind.api_version, "kind": kind.name, "controller": True}
    return {**known, "name": metadata["name"], "uid": metadata["uid"]}


@dataclass
class Listener:
    """Somebody else's server, which answers everybody and nobody of ours may ask."""

    port: int
    asked: list[str] = field(default_factory=list)


@contextmanager
def listener(address: str = "127.0.0.1", port: int = 0) -> Iterator[Listener]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            found.asked.append(f"{self.command} {self.path}")
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"AKIA-0123456789")

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((address, port), Handler)
    found = Listener(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """A server in an event loop of its own, for tests that have none."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(30)
        yield server
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
