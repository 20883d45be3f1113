"""The source controller against a real API server and a Git host that serves real archives."""

import base64
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bastaix.api import names
from bastaix.kube.secrets import SECRET
from bastaix.reconcile.kinds import CONTROLLERREVISION, MODELDEPLOYMENT
from cluster.control_plane import ControlPlane
from tests.api.archives import APP, ArchiveHost, archive_host
from tests.api.operator_process import SourceProcess, until
from tests.api.rights import RIGHTS, restricted
from tests.api.world import Object, World, modeldeployment

MD = MODELDEPLOYMENT
TOKEN = "canary-in-the-mine"
"""From apply to the verdict."""
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 1234567\n"

_numbers = itertools.count()


class Scene:
    """One namespace, the Git host, and the controller that looks after all namespaces."""

    def __init__(self, world: World, host: ArchiveHost, controller: SourceProcess) -> None:
        self.world, self.host, self.controller = world, host, controller
        self.namespace = world.namespace(f"source-{next(_numbers)}")

    def apply(self, source: Object, name: str = "echo", **spec: Any) -> None:
        self.world.apply(MD, modeldeployment(self.namespace, name, source=source, **spec))

    def status(self, name: str = "echo") -> Object:
        found = self.world.get(MD, self.namespace, name) or {}
        return found.get("status") or {}

    def condition(self, name: str = "echo") -> Object:
        """SourceVerified, if it is about the spec that there is now."""
        found = self.world.get(MD, self.namespace, name) or {}
        conditions = (found.get("status") or {}).get("conditions") or ()
        for each in conditions:
            current = each.get("observedGeneration") == found["metadata"]["generation"]
            if each["type"] == "SourceVerified" and current:
                return dict(each)
        return {}

    def await_reason(self, reason: str, name: str = "echo", *, seconds: float = 30) -> Object:
        try:
            until(lambda: self.condition(name).get("reason") == reason, reason, seconds=seconds)
        except AssertionError as error:
            told = f"{self.condition(name)}\n{self.controller.log}"
            raise AssertionError(f"{error}: {told}") from None
        return self.condition(name)

    def secret(self, data: Mapping[str, str], name: str = "git-token") -> None:
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
        metadata = {"namespace": self.namespace, "name": name}
        self.world.apply(SECRET, {"metadata": metadata, "data": encoded})

    def artifacts(self) -> dict[str, Object]:
        found = self.world.list(SECRET, self.namespace)
        labelled = [each for each in found if names.ARTIFACT_LABEL in each["metadata"]["labels"]]
        return {each["metadata"]["labels"][names.ARTIFACT_LABEL]: each for each in labelled}

    def restart(self) -> None:
        """Another process that remembers nothing, once it has looked at everything."""
        self.controller.stop()
        self.controller.start()
        count = len(self.world.list(MD, None))
        looks = "bastaix_reconcile_seconds_count"
        until(lambda: self.controller.metric(looks) >= count, "a look at each")
        until(lambda: self.controller.metric("bastaix_queue_depth") == 0, "the queue is empty")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArchiveHost]:
    with archive_host(tmp_path_factory.mktemp("repository")) as running:
        yield running


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ControlPlane(tmp_path_factory.mktemp("plane")) as control_plane:
        world = World(control_plane)
        world.install_ours()
        yield world


@pytest.fixture(scope="module")
def controller(
    world: World, host: ArchiveHost, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SourceProcess]:
    """With the rights that the chart gives and no others."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "work").mkdir()
    world.namespace("demo")
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(restricted(world, "bastaix-source")))
    settings = {
        "BASTAIX_SOURCE_HOSTS": f"{host.netloc}=http+private,127.0.0.1:1=http+private",
        "BASTAIX_SOURCE_WORK": str(folder / "work"),
    }
    with SourceProcess(kubeconfig, folder / "log", settings=settings) as running:
        until(lambda: running.page("/readyz")[0] == 200, "it is ready")
        yield running


@pytest.fixture
def scene(world: World, host: ArchiveHost, controller: SourceProcess) -> Iterator[Scene]:
    scene = Scene(world, host, controller)
    yield scene
    host.token, host.instead = "", None
    host.asked.clear()
    for each in world.list(MD, scene.namespace):
        world.delete(MD, scene.namespace, each["metadata"]["name"])


def test_what_is_verified_stands_in_the_status_and_in_its_artifact(scene: Scene) -> None:
    commit = scene.host.commit({"apps/echo/app.py": APP, "apps/echo/x/y.txt": "y", "README": "?"})
    scene.apply(scene.host.source(commit, path="apps/echo"))
    until(lambda: scene.condition().get("status") == "True", "it is verified", every=0.02)
    source = scene.status()["source"]
    assert (source["commit"], source["files"]) == (commit, 2)
    assert f"2 files, {source['bytes']} bytes, {source['digest']}" in scene.condition()["message"]
    (artifact,) = scene.artifacts().values()
    assert artifact["immutable"] is True
    assert artifact["metadata"]["name"] == names.artifact_name("echo", source["digest"])
    (owner,) = artifact["metadata"]["ownerReferences"]
    md = scene.world.get(MD, scene.namespace, "echo")
    assert md is not None
    assert (owner["uid"], owner["controller"]) == (md["metadata"]["uid"], True)
    ((file, data),) = artifact["data"].items()
    assert f"sha256:{hashlib.sha256(base64.b64decode(data)).hexdigest()}" == source["digest"]
    assert file == names.artifact_file(source["digest"])


def test_each_controller_owns_its_own_part_of_the_status(scene: Scene) -> None:
    scene.apply(scene.host.source(scene.host.commit({"app.py": APP})))
    scene.await_reason("Verified")
    md = scene.world.get(MD, scene.namespace, "echo")
    assert md is not None
    (ours,) = [
        each
        for each in md["metadata"]["managedFields"]
        if each["manager"] == names.SOURCE_FIELD_MANAGER
    ]
    assert (ours["operation"], ours["subresource"]) == ("Apply", "status")
    fields = ours["fieldsV1"]["f:status"]
    assert set(fields) == {"f:source", "f:conditions"}
    assert set(fields["f:conditions"]) == {'k:{"type":"SourceVerified"}'}


FAILURES: list[tuple[str, Mapping[str, str | bytes], dict[str, Any]]] = [
    ("ImportPathNotFound", {"main.py": APP}, {}),
    ("PathNotFound", {"app.py": APP}, {"path": "apps"}),
    ("SourceTooLarge", {"app.py": APP, "weights.bin": bytes(1_100_000)}, {}),
    ("SourceIncomplete", {"app.py": APP, "weights.bin": LFS}, {}),
    ("DependencyConflict", {"app.py": APP, "requirements.txt": "ray==1.0.0\n"}, {}),
]


@pytest.mark.parametrize(("reason", "files", "git"), FAILURES, ids=[each[0] for each in FAILURES])
def test_what_is_wrong_with_the_code_is_said_at_once(
    scene: Scene, reason: str, files: Mapping[str, str | bytes], git: dict[str, Any]
) -> None:
    source = scene.host.source(scene.host.commit(files), **git)
    scene.apply(source, runtime={})
    until(lambda: scene.condition().get("status") == "False", reason, every=0.02)
    assert scene.condition()["reason"] == reason
    assert scene.artifacts() == {}
    assert "source" not in scene.status()


def test_a_symbolic_link_is_unsafe(scene: Scene) -> None:
    commit = scene.host.commit({"app.py": APP}, links={"passwd": "/etc/passwd"})
    scene.apply(scene.host.source(commit))
    assert "passwd" in scene.await_reason("SourceUnsafe")["message"]


ANSWERS: list[tuple[str, tuple[int, Mapping[str, str], bytes]]] = [
    ("SourceNotFound", (404, {}, b"")),
    ("SourceUnauthorized", (401, {}, b"")),
    ("SourceForbidden", (403, {}, b"")),
    ("SourceNotArchive", (200, {"Content-Type": "text/html"}, b"<html>Sign in</html>")),
    ("SourceRateLimited", (429, {"Retry-After": "3600"}, b"")),
    ("SourceUnreachable", (503, {}, b"")),
]


@pytest.mark.parametrize(("reason", "answer"), ANSWERS, ids=[each[0] for each in ANSWERS])
def test_what_the_host_answers_is_said_without_repeating_it(
    scene: Scene, reason: str, answer: tuple[int, Mapping[str, str], bytes]
) -> None:
    scene.host.instead = answer
    scene.apply(scene.host.source("a" * 40))
    message = scene.await_reason(reason)["message"]
    assert scene.host.netloc in message
    assert "html" not in message


def test_a_host_that_is_not_there_is_unreachable(scene: Scene) -> None:
    source = scene.host.source("a" * 40)
    source["git"]["repository"] = "http://127.0.0.1:1/code"  # type: ignore[index]
    scene.apply(source)
    scene.await_reason("SourceUnreachable")


def test_a_host_that_the_installer_did_not_allow_is_not_asked(scene: Scene) -> None:
    source = scene.host.source("a" * 40)
    source["git"]["repository"] = "http://127.0.0.1:2/code"  # type: ignore[index]
    scene.apply(source)
    scene.await_reason("SourceForbidden")


def test_an_archive_that_is_not_what_was_pinned_is_refused(scene: Scene) -> None:
    commit = scene.host.commit({"app.py": APP})
    archive = scene.host.archive(commit)
    assert archive is not None
    sha256 = hashlib.sha256(archive).hexdigest()
    url = f"{scene.host.repository}/archive/{commit}.zip"
    scene.apply({"archive": {"url": url, "sha256": sha256}})
    scene.await_reason("Verified")
    scene.apply({"archive": {"url": url, "sha256": "0" * 64}})
    assert sha256 in scene.await_reason("DigestMismatch")["message"]
    assert "digest" in scene.status()["source"], "what was verified last stays"


def test_creating_or_repairing_the_secret_brings_the_next_try(scene: Scene) -> None:
    scene.host.token = TOKEN
    commit = scene.host.commit({"app.py": APP})
    broken = {
        "absent": ("SecretNotFound", None),
        "foreign": ("SecretHostNotAllowed", {"hosts": "elsewhere.example", "token": TOKEN}),
        "keyless": ("SecretKeyMissing", {"hosts": scene.host.netloc, "wrong": TOKEN}),
        "expired": ("SourceUnauthorized", {"hosts": scene.host.netloc, "token": "expired"}),
    }
    for name, (reason, data) in broken.items():
        if data is not None:
            scene.secret(data, name)
        scene.apply(scene.host.source(commit, secretRef={"name": name}), name)
        scene.await_reason(reason, name)
    assert "absent" in scene.condition("absent")["message"]
    assert scene.host.asked_for(commit) == 1, "only the expired token was sent anywhere"
    for name in broken:
        scene.secret({"hosts": scene.host.netloc, "token": TOKEN}, name)
    for name in broken:
        scene.await_reason("Verified", name, seconds=10)
    told = json.dumps([scene.world.list(MD, scene.namespace), scene.controller.log])
    for text in (TOKEN, base64.b64encode(TOKEN.encode()).decode()):
        assert text not in told


def test_going_back_takes_the_artifact_that_is_held(scene: Scene) -> None:
    one = scene.host.commit({"app.py": APP})
    two = scene.host.commit({"app.py": APP + "# two\n"})
    for commit in (one, two, one):
        scene.apply(scene.host.source(commit))
        scene.await_reason("Verified")
        assert scene.status()["source"]["commit"] == commit
    assert scene.host.asked_for(one) == 1
    assert len(scene.artifacts()) == 2


def test_a_change_of_scaling_fetches_nothing(scene: Scene) -> None:
    commit = scene.host.commit({"app.py": APP})
    scene.apply(scene.host.source(commit))
    scene.await_reason("Verified")
    scene.apply(scene.host.source(commit), scaling={"minReplicas": 2, "maxReplicas": 5})
    scene.await_reason("Verified")
    assert scene.host.asked_for(commit) == 1


def test_code_in_the_image_is_taken_as_it_is(scene: Scene) -> None:
    scene.apply(scene.host.source(scene.host.commit({"app.py": APP})))
    scene.await_reason("Verified")
    scene.apply({"image": {}})
    assert scene.await_reason("InImage")["status"] == "True"
    assert "source" not in scene.status()


def test_an_artifact_that_nothing_names_is_collected(scene: Scene) -> None:
    digests = []
    for number in range(3):
        scene.apply(scene.host.source(scene.host.commit({"app.py": APP + f"# {number}\n"})))
        scene.await_reason("Verified")
        digests.append(names.artifact_label(scene.status()["source"]["digest"]))
    revision = {
        "metadata": {
            "namespace": scene.namespace,
            "name": "echo-1",
            "labels": {names.NAME_LABEL: "echo", names.ARTIFACT_LABEL: digests[1]},
        },
        "revision": 1,
        "data": {},
    }
    scene.world.apply(CONTROLLERREVISION, revision)
    scene.restart()
    assert set(scene.artifacts()) == {*digests}, "they are young"
    scene.controller.settings["BASTAIX_SOURCE_KEEP_SECONDS"] = "0"
    scene.restart()
    del scene.controller.settings["BASTAIX_SOURCE_KEEP_SECONDS"]
    until(lambda: set(scene.artifacts()) == {*digests[1:]}, "the one that nothing names is gone")


def test_a_restart_with_nothing_new_writes_and_fetches_nothing(scene: Scene) -> None:
    scene.apply(scene.host.source(scene.host.commit({"app.py": APP})), "good")
    scene.apply(scene.host.source(scene.host.commit({"main.py": APP})), "bad")
    for name, reason in (("good", "Verified"), ("bad", "ImportPathNotFound")):
        scene.await_reason(reason, name)
    scene.restart()
    before = [each["metadata"]["resourceVersion"] for each in scene.world.list(MD, None)]
    scene.host.asked.clear()
    scene.restart()
    assert scene.controller.metric("bastaix_writes_total") == 0
    assert [each["metadata"]["resourceVersion"] for each in scene.world.list(MD, None)] == before
    assert len(scene.host.asked) <= 1, "only what failed is tried once more"


def test_some_namespaces_are_enough_and_the_others_are_left_alone(
    scene: Scene, tmp_path: Path
) -> None:
    scene.controller.stop()
    kubeconfig, here = tmp_path / "kubeconfig", (scene.namespace,)
    rights = restricted(scene.world, "bastaix-source", here)
    for each in ("ClusterRoleBinding", "ClusterRole"):
        scene.world.delete(RIGHTS[each], None, "bastaix-source")
    kubeconfig.write_text(json.dumps(rights))
    elsewhere = scene.world.namespace(f"{scene.namespace}-b")
    source = scene.host.source(scene.host.commit({"app.py": APP}))
    settings = {**scene.controller.settings, "BASTAIX_NAMESPACES": scene.namespace}
    try:
        with SourceProcess(kubeconfig, tmp_path / "log", settings=settings) as controller:
            scene.world.apply(MD, modeldeployment(elsewhere, source=source))
            scene.apply(source)
            scene.await_reason("Verified")
            assert controller.page("/readyz")[0] == 200
            assert "orbidden" not in controller.log
        left = scene.world.get(MD, elsewhere, "echo")
        assert left is not None
        assert left["status"] == {"observedGeneration": -1}, "as it was made"
    finally:
        restricted(scene.world, "bastaix-source")
        scene.controller.start()


def test_nothing_is_left_in_the_folder_and_no_error_was_met(scene: Scene) -> None:
    work = Path(scene.controller.settings["BASTAIX_SOURCE_WORK"])
    until(lambda: not any(any(each.iterdir()) for each in work.iterdir()), "the folder is empty")
    assert "Traceback" not in scene.controller.log
    assert "is forbidden" not in scene.controller.log
    assert scene.controller.metric("bastaix_reconcile_errors_total") == 0
