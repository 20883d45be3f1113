"""A name that is a path reaches nobody else's Secret: refused by the CRD, and by what reads it.

Both controllers run with the chart's rights, on a real API server. Team B's private repository is
at a Git host that knows team B's token; `mallory` may edit in team A alone.
"""

from __future__ import annotations

import base64
import json
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bastaix.api import names
from bastaix.kube.secrets import SECRET
from bastaix.reconcile.kinds import MODELDEPLOYMENT
from tests.api.operator_process import OperatorProcess, SourceProcess, until
from tests.api.rights import restricted
from tests.api.test_crd_upgrade import lax
from tests.api.world import CRDS, FakeApp, Object, World, modeldeployment
from tests.fakes.git_hosts import COMMIT, NAME, OWNER, TOKEN, FakeGitea
from tests.security.tenants import mallory_in, running

MD = MODELDEPLOYMENT
ELSEWHERE = "../../team-b/secrets/git-token"


@pytest.fixture(scope="module")
def private() -> Iterator[FakeGitea]:
    """Team B's Git host."""
    with running(FakeGitea(private=True)) as host:
        yield host


@pytest.fixture(scope="module")
def public() -> Iterator[FakeGitea]:
    with running(FakeGitea()) as host:
        yield host


@pytest.fixture(scope="module")
def team_a(attacked: World, private: FakeGitea) -> str:
    """Beside the namespace of team B, whose Secret is for the private repository."""
    texts = {"hosts": private.netloc, "token": TOKEN}
    data = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
    metadata = {"namespace": attacked.namespace("team-b"), "name": "git-token"}
    attacked.apply(SECRET, {"metadata": metadata, "data": data})
    return attacked.namespace("team-a")


@pytest.fixture(scope="module")
def mallory(attacked: World, team_a: str) -> World:
    return mallory_in(attacked, team_a)


@pytest.fixture(scope="module")
def controllers(
    attacked: World,
    app: FakeApp,
    private: FakeGitea,
    public: FakeGitea,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("controllers")
    (folder / "work").mkdir()
    for account in ("bastaix", "bastaix-source"):
        (folder / account).write_text(json.dumps(restricted(attacked, account)))
    settings = {
        "BASTAIX_SOURCE_HOSTS": ",".join(
            f"{host.netloc}=http+private" for host in (private, public)
        ),
        "BASTAIX_SOURCE_WORK": str(folder / "work"),
    }
    probe = f"--probe-url={app.url}"
    with (
        OperatorProcess(folder / "bastaix", folder / "operator.log", probe) as operator,
        SourceProcess(
            folder / "bastaix-source", folder / "source.log", settings=settings
        ) as source,
    ):
        for controller in (operator, source):
            until(lambda it=controller: it.page("/readyz")[0] == 200, "it is ready")
        yield
        for controller in (operator, source):
            assert "Traceback" not in controller.log


def of(host: FakeGitea, namespace: str, name: str, **more: object) -> Object:
    """A ModelDeployment of the one repository that these hosts know."""
    repository = f"{host.url}/{OWNER}/{NAME}"
    git = {"repository": repository, "commit": COMMIT, "host": "Gitea", **more}
    return modeldeployment(namespace, name, source={"git": git})


def test_a_secret_of_another_namespace_cannot_be_named(
    mallory: World, team_a: str, private: FakeGitea
) -> None:
    manifest = of(private, team_a, "echo", secretRef={"name": ELSEWHERE})
    with pytest.raises(urllib.error.HTTPError, match="name of an object in this") as error:
        mallory.request("POST", MD.path(team_a), manifest)
    assert error.value.code == 422


@pytest.fixture
def older(attacked: World, mallory: World, team_a: str, private: FakeGitea) -> Iterator[None]:
    """It was put there under a CRD without rules, by whoever may write ModelDeployments."""
    attacked.install(lax(yaml.safe_load(Path(CRDS / "modeldeployments.yaml").read_text())))
    manifest = of(private, team_a, "echo", secretRef={"name": ELSEWHERE})

    def is_taken() -> bool:
        """The API server takes up the rules of a CRD some time after it has taken the CRD."""
        try:
            mallory.request("POST", MD.path(team_a), manifest)
        except urllib.error.HTTPError as error:
            if error.code != 422:
                raise
            return False
        return True

    try:
        until(is_taken, "the CRD has no rules")
    finally:
        attacked.install_ours()
    yield
    attacked.delete(MD, team_a, "echo")


def test_one_that_is_named_already_is_not_read_and_holds_nobody_up(
    attacked: World,
    mallory: World,
    team_a: str,
    private: FakeGitea,
    public: FakeGitea,
    older: None,
    controllers: None,
) -> None:
    until(
        lambda: attacked.ready(team_a).get("reason") == "InvalidSpec",
        "the operator says what it is",
    )
    assert "secretRef.name" in attacked.ready(team_a)["message"]
    # both controllers look at it again, and then at another one
    mallory.merge(MD, team_a, "echo", {"spec": {"scaling": {"maxReplicas": 3}}})
    mallory.request("POST", MD.path(team_a), of(public, team_a, "beside"))

    def is_verified() -> bool:
        return attacked.condition("SourceVerified", team_a, "beside").get("status") == "True"

    def is_seen() -> bool:
        generation = (attacked.get(MD, team_a, "echo") or {})["metadata"]["generation"]
        return bool(attacked.status(team_a).get("observedGeneration") == generation)

    until(is_verified, "the one beside it is verified")
    until(is_seen, "the change is seen")
    assert attacked.ready(team_a)["reason"] == "InvalidSpec"
    assert not private.asked
    assert public.asked
    owners = [
        secret["metadata"]["ownerReferences"][0]["name"]
        for secret in attacked.list(SECRET, team_a)
        if names.ARTIFACT_LABEL in (secret["metadata"].get("labels") or {})
    ]
    assert owners == ["beside"]
    mallory.delete(MD, team_a, "beside")
