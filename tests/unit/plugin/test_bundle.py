"""A bundle: what is in it, that no secret is, and how it is written."""

import asyncio
import io
import json
import stat
import zipfile
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from bastaix.kube.cluster import Client
from bastaix.plugin.bundle import KEPT_BYTES, MOST_LOGS, bundle, free, read_logs, usual, write
from bastaix.plugin.packing import BYTES, LINES, Log, logs, tail
from bastaix.plugin.progress import progress
from bastaix.plugin.session import Session, Trouble
from bastaix.reconcile.cluster import Refused
from bastaix.reconcile.kinds import POD
from tests.unit.plugin.examples import (
    ACTIVE,
    BAD,
    CANDIDATE,
    GOOD,
    NOW,
    READY_SEEN,
    REVISIONS,
    body,
    going,
    service,
)
from tests.unit.plugin.surroundings import around, broken, running

CANARY = "canary-in-the-mine"
JWT = "eyJhbGciOiJI.eyJjYW5hcnki.Y2FuYXJ5c2ln"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEcanarykey\nAAAA\n-----END RSA PRIVATE KEY-----"
LEAKS = {
    "a token of Hugging Face": "cannot load it with hf_canaryAAAABBBB",
    "a token of GitHub": "fetched with ghp_canaryAAAABBBBCCCC and failed",
    "a password in an address": "GET https://me:canary-pw@git.acme.com/x 401",
    "a user in an address": "GET https://canarytoken@git.acme.com/x 401",
    "a header": "Authorization: Bearer canary.abc.def",
    "a header in JSON": '{"headers": {"authorization": "Basic Y2FuYXJ5OmNhbmFyeQ=="}}',
    "JSON in JSON": '{"said": "{\\"password\\": \\"canary pw\\"}"}',
    "a setting": "AWS_SECRET_ACCESS_KEY=canary/abcdef",
    "an option": "vllm serve --api-key canary-key --port 8000",
    "a quoted setting": 'api_key="canary key; with all"',
    "a signed address": "GET https://b.acme.com/k.zip?X-Amz-Signature=canary0123 403",
    "a web token": f"asked as {JWT}",
    "a private key": f"read {PEM} and failed",
    "a coloured setting": "token=\x1b[31mcanary-red\x1b[0m",
    "the value of a variable": f"greeting with {CANARY}!",
}
NEVER = (b"canary", b"Y2FuYXJ5", b"MIIE")
"""As they are, in base64, and what is in the key."""
ENV = [
    {"name": "GREETING", "value": CANARY},
    {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}},
]
ROOT = "bastaix-smollm2"


class Server:
    """A cluster with one ModelDeployment in trouble; remembers what it was asked for."""

    server = "https://cluster.example"

    def __init__(self, said: str = "", log: bytes | Refused = b"line\n") -> None:
        self.asked: list[str] = []
        self._said, self._log = said, log

    async def request(self, method: str, path: str, *_: Any, **__: Any) -> Any:
        self.asked.append(f"{method} {path}")
        kind = path.rpartition("/")[2]
        if path == "/version":
            return {"gitVersion": "v1.99.0"}
        if path.endswith("/modeldeployments/smollm2"):
            return self._modeldeployment()
        if path.endswith("/services/smollm2"):
            found = service({BAD: {"outcome": "Failed", "reason": "X", "message": self._said}})
            return {"metadata": {**found["metadata"], "uid": "uid-2"}}
        if path.startswith("/apis/apps/v1/deployments"):
            raise Refused(403, "Forbidden", "no")
        items: Any = self._objects().get(kind, [])
        return {"items": items, "metadata": {}}

    async def content(self, path: str, query: Any) -> bytes:
        self.asked.append(f"GET {path}")
        if isinstance(self._log, Refused):
            raise self._log
        return self._log

    def _modeldeployment(self) -> dict[str, Any]:
        conditions = going("LoadingModel", self._said)
        found = body(conditions=conditions, active=ACTIVE, candidate={**CANDIDATE, "phase": "X"})
        metadata = found["metadata"]
        applied = "kubectl.kubernetes.io/last-applied-configuration"
        metadata["managedFields"] = [{"manager": "kubectl"}]
        metadata["annotations"] = {applied: json.dumps({"env": ENV}), "note": self._said}
        found["spec"] = {
            "runtime": {"env": ENV},
            "app": {"args": {"api_key": CANARY, "said": self._said}},
        }
        return found

    def _objects(self) -> dict[str, list[Any]]:
        there = broken(BAD)
        ((rayservice,), (cluster,), pods) = there.values()
        rayservice["spec"] = {"serveConfigV2": yaml.safe_dump({"args": {"said": self._said}})}
        app = rayservice["status"]["pendingServiceStatus"]["applicationStatuses"]["smollm2"]
        app["message"] = f"{app['message']}\n{self._said}"
        condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}
        condition["message"] = self._said
        cluster["status"]["conditions"] = [condition]
        for pod in pods:
            pod["spec"]["containers"][0] |= {"env": ENV, "args": ["--token", CANARY, self._said]}
            pod["spec"]["containers"][0]["name"] = "ray"
            pod["spec"]["nodeName"] = "n1"
        revisions = [{**e, "data": {**e["data"], "note": self._said}} for e in REVISIONS]
        event = {
            "metadata": {"name": "e", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "involvedObject": {"kind": "Pod", "name": pods[0]["metadata"]["name"]},
            "type": "Warning",
            "reason": "Failed",
            "message": self._said,
        }
        stranger = {**event, "involvedObject": {"kind": "Pod", "name": "somebody-else"}}
        return {
            "rayservices": [rayservice],
            "rayclusters": [cluster],
            "pods": pods,
            "controllerrevisions": revisions,
            "events": [event, {**stranger, "message": "a stranger's"}],
        }


async def packed(server: Server) -> dict[str, bytes]:
    """What is in the zip, by path."""
    data = await bundle(Session(cast(Client, server), "demo"), "smollm2", lambda _: None)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {
            each.filename.removeprefix(f"{ROOT}/"): archive.read(each)
            for each in archive.infolist()
        }


class Unplaced(Server):
    def _objects(self) -> dict[str, list[Any]]:
        found = super()._objects()
        for pod in found["pods"]:
            del pod["spec"]["nodeName"]
        return found


class Crowded(Server):
    def _objects(self) -> dict[str, list[Any]]:
        found = super()._objects()
        head, *_ = found["pods"]
        containers = [{"name": f"c{number}", "image": "ray:1"} for number in range(MOST_LOGS + 1)]
        return {**found, "pods": [{**head, "spec": {"nodeName": "n1", "containers": containers}}]}


class Refusing(Server):
    async def request(self, method: str, path: str, *_: Any, **__: Any) -> Any:
        if path.endswith("/rayclusters"):
            raise Refused(500, "InternalError", f"token=canary-1 of {CANARY} is wrong")
        return await super().request(method, path)


@pytest.mark.parametrize("said", LEAKS.values(), ids=list(LEAKS))
async def test_no_secret_leaves_by_objects_events_or_logs(said: str) -> None:
    log = f"begin\n{said}\n{CANARY}\nend\n".encode()
    for path, data in (await packed(Server(said, log))).items():
        for never in NEVER:
            assert never not in data, (path, data.decode())


async def test_what_is_told_beside_a_secret_is_kept() -> None:
    found = await packed(Server("the setting token=canary-1 is wrong", b"a\ntoken=canary-1\nb\n"))
    assert found[f"logs/smollm2-{BAD}-head/ray.log"] == b"a\ntoken=***\nb\n"
    (event,) = yaml.safe_load(found["events.yaml"])
    assert event["message"] == "the setting token=*** is wrong"
    md = yaml.safe_load(found["objects/ModelDeployment/smollm2.yaml"])
    assert md["spec"]["runtime"]["env"] == [{"name": "GREETING", "value": "***"}, ENV[1]]
    assert "managedFields" not in md["metadata"]
    assert list(md["metadata"]["annotations"]) == ["note"]


async def test_all_of_its_objects_and_what_why_says_are_in_it() -> None:
    found = await packed(Server())
    name = f"smollm2-{BAD}"
    assert set(found) == {
        "README.txt",
        "why.txt",
        "versions.yaml",
        "events.yaml",
        "objects/ModelDeployment/smollm2.yaml",
        "objects/Service/smollm2.yaml",
        *(f"objects/ControllerRevision/{each['metadata']['name']}.yaml" for each in REVISIONS),
        f"objects/RayService/{name}.yaml",
        f"objects/RayCluster/{name}-x1y2z.yaml",
        f"objects/Pod/{name}-head.yaml",
        f"objects/Pod/{name}-worker.yaml",
        f"serve/{name}.yaml",
        f"logs/{name}-head/ray.log",
        f"logs/{name}-worker/ray.log",
        f"logs/{name}-worker/ray.previous.log",
    }
    assert b"sentencepiece" in found[f"serve/{name}.yaml"]
    assert b"RayService smollm2-77aa01bc" in found["why.txt"]
    versions = yaml.safe_load(found["versions.yaml"])
    assert versions["kubernetes"] == "v1.99.0"
    assert versions["images"] == ["ray:1"]
    assert versions["operators"] == "not read: you may not read deployments in all namespaces"
    unread = b"the version of operators: you may not read deployments in all namespaces"
    assert unread in found["README.txt"]


async def test_no_secret_and_no_config_map_is_asked_for_and_nothing_is_written() -> None:
    server = Server()
    await packed(server)
    assert not [each for each in server.asked if "secrets" in each or "configmaps" in each]
    assert {each.split()[0] for each in server.asked} == {"GET"}


async def test_the_readme_names_what_could_not_be_read_and_the_rest_is_there() -> None:
    found = await packed(Server(log=Refused(400, "BadRequest", "no host for ghp_canaryAAAABBBB")))
    readme = found["README.txt"].decode()
    assert f"logs/smollm2-{BAD}-head/ray.log: no host for *** (400)" in readme
    assert "Secrets and ConfigMaps: none was read" in readme
    assert f"logs/smollm2-{BAD}-head/ray.log" not in found


async def test_of_a_pod_on_no_node_it_is_said_that_it_has_no_log() -> None:
    server = Unplaced()
    found = await packed(server)
    readme = found["README.txt"].decode()
    assert f"logs/smollm2-{BAD}-head: the Pod is on no node" in readme
    assert not [each for each in server.asked if each.endswith("/log")]


async def test_more_logs_than_anybody_reads_are_left_out_and_named() -> None:
    found = await packed(Crowded())
    logs = [path for path in found if path.startswith("logs/")]
    assert len(logs) == MOST_LOGS
    assert f"there are more than {MOST_LOGS} logs" in found["README.txt"].decode()


async def test_of_each_log_no_more_is_held_than_its_end() -> None:
    log = Log("p", "ray")
    session = Session(cast(Client, Server(log=b"0" * KEPT_BYTES + b"the end")), "demo")
    (found,) = (await read_logs(session, [log], lambda _: None)).values()
    assert isinstance(found, bytes)
    assert len(found) == KEPT_BYTES
    assert found.endswith(b"the end")


async def test_why_a_kind_was_not_read_is_told_without_a_secret() -> None:
    found = await packed(Refusing())
    told = b"RayClusters: the cluster refused it (500): token=*** of *** is wrong"
    assert told in found["why.txt"]
    assert told in found["README.txt"]


def test_of_a_log_the_end_is_kept_in_whole_lines() -> None:
    text = "".join(f"{number}\n" for number in range(2 * LINES))
    assert tail(text).splitlines() == [str(number) for number in range(LINES, 2 * LINES)]
    wide = tail("x" * BYTES + "\n" + "y" * (BYTES // 2) + "\n" + "z" * (BYTES // 4) + "\n")
    assert wide == "y" * (BYTES // 2) + "\n" + "z" * (BYTES // 4) + "\n"
    assert tail("x" * (BYTES + 5)) == "x" * BYTES


def test_logs_are_of_all_containers_and_the_previous_ones_where_it_started_again() -> None:
    pods = around(READY_SEEN, running(GOOD), broken(BAD)).of(POD)
    for pod in pods[1:]:
        pod["spec"]["nodeName"] = "n1"
    pods[-1]["spec"]["initContainers"] = [{"name": "first"}]
    pods[-1]["status"]["containerStatuses"][0]["name"] = "ray-worker"
    name = pods[-1]["metadata"]["name"]
    found = logs(around(READY_SEEN, {POD: list(pods)}))
    previous = Log(name, "ray-worker", is_previous=True)
    assert [each for each in found if each.pod == name] == [
        Log(name, "first"),
        Log(name, "ray-worker"),
        previous,
    ]
    assert pods[0]["metadata"]["name"] not in {each.pod for each in found}


def test_only_its_user_may_read_the_file(tmp_path: Path) -> None:
    for force in (False, True):
        file = tmp_path / f"{force}.zip"
        write(file, b"zip", force=force)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_is_there_is_overwritten_only_by_force(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    file.write_bytes(b"mine")
    file.chmod(0o644)
    for refuse in (lambda: free(file, force=False), lambda: write(file, b"zip", force=False)):
        with pytest.raises(Trouble, match="is there already: choose another file"):
            refuse()
    assert file.read_bytes() == b"mine"
    write(free(file, force=True), b"zip", force=True)
    assert file.read_bytes() == b"zip"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["a.zip"]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "a.zip"
    target.write_bytes(b"mine")
    link.symlink_to(target)
    write(link, b"zip", force=True)
    assert target.read_bytes() == b"mine"
    assert link.read_bytes() == b"zip"


def test_a_name_with_its_kind_before_it_is_no_folder() -> None:
    assert usual("md/smollm2", NOW) == Path("bastaix-md-smollm2-20260102T120000Z.zip")


def test_a_folder_that_is_not_there_is_told_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="there is no folder"):
        free(tmp_path / "none/a.zip", force=False)


async def test_what_takes_long_is_said() -> None:
    said: list[str] = []
    enough = asyncio.Event()

    def say(text: str) -> None:
        said.append(text)
        enough.set()

    async with progress(say, every=0.01) as at:
        at("reading")
        await asyncio.wait_for(enough.wait(), 10)
    assert said[0] == "reading …"


async def test_what_is_quick_is_not_talked_about() -> None:
    said: list[str] = []
    async with progress(said.append) as at:
        at("reading")
    assert said == []
