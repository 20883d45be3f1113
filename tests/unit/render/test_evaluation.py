"""The evaluation's Job: what it may do, what it is told, and when it counts as another."""

from typing import Any

import pytest

from bastaix.api import names
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.evaluation.options import options
from bastaix.render.evaluation import Baseline, OwnImage, evaluation_job, evaluation_key
from bastaix.render.revision import revision
from tests.unit.bodies import DIGEST, body, with_field

FILE = f"/bastaix/source/{'5' * 64}.zip"
BASELINE = Baseline(url="http://old:8000", model="old", digest=DIGEST, pass_rate=0.97)


def gated(**fields: Any) -> ModelDeployment:
    gate = {"dataset": {"path": "evals/golden.jsonl"}, **fields}
    return ModelDeployment.from_body(with_field(body(), "spec.rollout.gate", gate))


FROM_MAP = {"dataset": {"configMapRef": {"name": "golden", "key": "a.jsonl"}}}


def job(
    md: ModelDeployment, *, baseline: Baseline | None = None, digest: str | None = DIGEST
) -> dict[str, Any]:
    current = revision(md, digest)
    return evaluation_job(
        md,
        current,
        baseline=baseline,
        image=OwnImage("bastaix:1", ("registry",)),
        trial="uid-of-b",
        attempt=2,
    )


def pod(md: ModelDeployment, **given: Any) -> dict[str, Any]:
    spec: dict[str, Any] = job(md, **given)["spec"]["template"]["spec"]
    return spec


def container(md: ModelDeployment, **given: Any) -> dict[str, Any]:
    (only,) = pod(md, **given)["containers"]
    return dict(only)


def env(md: ModelDeployment, **given: Any) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container(md, **given)["env"]}


def test_it_is_known_as_ours_and_selected_by_no_service() -> None:
    md = gated()
    hash = revision(md, DIGEST).hash
    made = job(md)
    expected = {
        names.MANAGED_BY_LABEL: "bastaix",
        names.NAME_LABEL: "smollm2",
        names.EVALUATION_LABEL: hash,
    }
    assert made["metadata"]["name"] == f"smollm2-{hash}-eval"
    assert made["metadata"]["labels"] == expected
    assert made["spec"]["template"]["metadata"]["labels"] == expected
    assert made["metadata"]["ownerReferences"][0]["uid"] == "uid-1"
    assert made["metadata"]["annotations"][names.ATTEMPT_ANNOTATION] == "2"


def test_it_has_no_token_no_second_try_and_an_end() -> None:
    made = job(gated(timeoutSeconds=100))
    spec = made["spec"]["template"]["spec"]
    assert (made["spec"]["backoffLimit"], made["spec"]["activeDeadlineSeconds"]) == (0, 160)
    assert spec["restartPolicy"] == "Never"
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True


@pytest.mark.parametrize("fields", [{}, {"evaluator": {"image": "own:1"}}])
def test_its_container_is_restricted_and_small(fields: dict[str, Any]) -> None:
    only = container(gated(**fields))
    assert only["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert only["securityContext"]["runAsUser"] == 1000
    assert only["resources"]["limits"] == {"memory": "512Mi"}
    assert only["terminationMessagePolicy"] == "File"


def test_its_arguments_are_ones_that_bastaix_eval_takes() -> None:
    md = gated(minPassRate=0.95, maxRegression=0.02, ttftP95="500ms", concurrency=4, limit=9)
    only = container(md, baseline=BASELINE)
    hash = revision(md, DIGEST).hash
    assert only["command"] == ["python", "-m", "bastaix", "eval"]
    assert only["args"] == [
        f"--url=http://smollm2-{hash}-serve-svc.demo.svc:8000",
        "--dataset=evals/golden.jsonl",
        f"--archive={FILE}",
        "--model=smollm2",
        "--min-pass-rate=0.95",
        "--max-regression=0.02",
        "--ttft-p95=500.000ms",
        "--concurrency=4",
        "--limit=9",
        "--timeout=600",
        "--baseline-url=http://old:8000",
        "--baseline-model=old",
        f"--baseline={DIGEST}=0.970000",
        "--result=/dev/termination-log",
        "--json",
    ]


@pytest.mark.parametrize("duration", ["0.5ms", "500ms", "1.5s", "999999.999s"])
def test_every_duration_of_the_gate_is_one_of_the_command(duration: str) -> None:
    md = gated(ttftP95=duration)
    given = dict(each[2:].split("=", 1) for each in container(md)["args"] if "=" in each)
    read = options(
        url=given["url"],
        dataset=given["dataset"],
        min_pass_rate=1,
        max_regression=None,
        ttft_p95=given["ttft-p95"],
        baseline_url=None,
        baseline=None,
    )
    assert md.spec.rollout.gate is not None
    assert read.thresholds.ttft_p95 == pytest.approx(md.spec.rollout.gate.ttft_p95)


def test_without_a_bound_on_regression_nothing_is_compared() -> None:
    assert not any("baseline" in each for each in container(gated(), baseline=BASELINE)["args"])


def test_the_data_set_comes_out_of_the_artifact() -> None:
    (volume,) = pod(gated())["volumes"]
    (mount,) = container(gated())["volumeMounts"]
    assert volume["secret"]["secretName"] == "smollm2-src-55555555"
    assert mount == {"name": volume["name"], "mountPath": "/bastaix/source", "readOnly": True}


def test_or_out_of_a_config_map_under_a_name_of_ours() -> None:
    md = gated(**FROM_MAP)
    (volume,) = pod(md)["volumes"]
    assert volume["configMap"]["name"] == "golden"
    assert volume["configMap"]["items"] == [{"key": "a.jsonl", "path": "dataset.jsonl"}]
    assert "--dataset=/bastaix/dataset/dataset.jsonl" in container(md)["args"]
    assert not any(each.startswith("--archive") for each in container(md)["args"])


def test_a_name_of_a_variable_in_a_path_is_no_variable() -> None:
    args = container(gated(dataset={"path": "$(HOME).jsonl"}))["args"]
    assert "--dataset=$$(HOME).jsonl" in args


def test_an_image_of_the_users_takes_its_place() -> None:
    own = {"image": "own:1", "command": ["run"], "args": ["$(BASTAIX_URL)"]}
    md = gated(evaluator=own, maxRegression=0.1)
    only = container(md, baseline=BASELINE)
    assert (only["image"], only["command"], only["args"]) == ("own:1", ["run"], ["$(BASTAIX_URL)"])
    hash = revision(md, DIGEST).hash
    assert env(md, baseline=BASELINE) == {
        "BASTAIX_URL": f"http://smollm2-{hash}-serve-svc.demo.svc:8000",
        "BASTAIX_MODEL": "smollm2",
        "BASTAIX_ARCHIVE": FILE,
        "BASTAIX_DATASET": "source/evals/golden.jsonl",
        "BASTAIX_BASELINE_URL": "http://old:8000",
        "BASTAIX_RESULT": "/dev/termination-log",
        "HOME": "/tmp",
    }


def test_an_image_of_the_users_reads_an_artifact_that_was_compared() -> None:
    spec = pod(gated(evaluator={"image": "own:1"}))
    (check,) = spec["initContainers"]
    (mount,) = spec["containers"][0]["volumeMounts"]
    assert (check["image"], check["args"][0]) == ("bastaix:1", DIGEST.removeprefix("sha256:"))
    assert check["name"] == names.SOURCE_CHECK_CONTAINER
    assert check["securityContext"] == spec["containers"][0]["securityContext"] | {
        "readOnlyRootFilesystem": True
    }
    secret, copy = spec["volumes"]
    assert secret["secret"]["secretName"] == "smollm2-src-55555555"
    assert "emptyDir" in copy
    assert mount == {"name": copy["name"], "mountPath": "/bastaix/source", "readOnly": True}
    assert [each["name"] for each in check["volumeMounts"]] == [secret["name"], copy["name"]]
    assert spec["imagePullSecrets"] == [{"name": "registry"}]


def test_where_our_image_is_not_known_the_users_compares() -> None:
    md = gated(evaluator={"image": "own:1"})
    made = evaluation_job(
        md, revision(md, DIGEST), baseline=None, image=None, trial="uid-of-b", attempt=1
    )
    spec = made["spec"]["template"]["spec"]
    assert spec["initContainers"][0]["image"] == "own:1"


@pytest.mark.parametrize("gate", [{}, FROM_MAP, {**FROM_MAP, "evaluator": {"image": "own:1"}}])
def test_what_compares_itself_or_gets_no_artifact_has_no_second_container(
    gate: dict[str, Any],
) -> None:
    assert "initContainers" not in pod(gated(**gate))


def test_an_image_of_the_users_reads_a_config_map_as_a_file() -> None:
    variables = env(gated(evaluator={"image": "own:1"}, **FROM_MAP))
    assert variables["BASTAIX_DATASET"] == "/bastaix/dataset/dataset.jsonl"
    assert "BASTAIX_ARCHIVE" not in variables
    assert "command" not in container(gated(evaluator={"image": "own:1"}))


def test_credentials_and_settings_of_the_runtime_are_not_taken() -> None:
    given = with_field(body(), "spec.rollout.gate", {"dataset": {"path": "a.jsonl"}})
    runtime = {
        "serviceAccountName": "rich",
        "imagePullSecrets": [{"name": "registry"}],
        "env": [{"name": "TOKEN", "value": "hunter2"}],
    }
    spec = pod(ModelDeployment.from_body(with_field(given, "spec.runtime", runtime)))
    assert "rich" not in str(spec)
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert "hunter2" not in str(spec)


def key(md: ModelDeployment, digest: str = DIGEST) -> str:
    return evaluation_key(md, revision(md, digest))


def test_the_key_is_on_the_job() -> None:
    md = gated(maxRegression=0.1)
    annotations = job(md, baseline=BASELINE)["metadata"]["annotations"]
    assert annotations[names.KEY_SHA256_ANNOTATION] == key(md)
    assert len(key(md)) == 64
    assert annotations[names.KEY_ANNOTATION] == key(md)[:16], "for operators of before"
    assert annotations[names.TRIAL_ANNOTATION] == "uid-of-b"


def test_all_that_an_evaluation_depends_on_changes_its_key() -> None:
    keys = [
        key(gated()),
        key(gated(minPassRate=0.5)),
        key(gated(ttftP95="1s")),
        key(gated(limit=5)),
        key(gated(timeoutSeconds=50)),
        key(gated(dataset={"path": "b.jsonl"})),
        key(gated(**FROM_MAP)),
        key(gated(evaluator={"image": "own:1"})),
        key(gated(), digest="sha256:" + "6" * 64),
        key(gated(maxRegression=0.1)),
    ]
    assert len(set(keys)) == len(keys)


def test_scaling_does_not() -> None:
    scaled = with_field(body(), "spec.scaling", {"maxReplicas": 9})
    gate = {"dataset": {"path": "evals/golden.jsonl"}}
    other = ModelDeployment.from_body(with_field(scaled, "spec.rollout.gate", gate))
    assert key(gated()) == key(other)


def test_our_image_is_pulled_with_the_secrets_that_the_installer_names_beside_the_models() -> None:
    own = with_field(body(), "spec.runtime.imagePullSecrets", [{"name": "mine"}])
    md = ModelDeployment.from_body(with_field(own, "spec.rollout.gate", FROM_MAP))
    assert pod(md)["imagePullSecrets"] == [{"name": "mine"}, {"name": "registry"}]
    theirs = {**FROM_MAP, "evaluator": {"image": "own:1"}}
    md = ModelDeployment.from_body(with_field(own, "spec.rollout.gate", theirs))
    assert pod(md)["imagePullSecrets"] == [{"name": "mine"}]
