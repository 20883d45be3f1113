"""`kubectl bastaix` against a real API server: what is read, written, and refused, and by whom."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import pytest
import yaml
from click.testing import CliRunner, Result

from bastaix.api import names
from bastaix.plugin import asking
from bastaix.plugin.asking import Asking
from bastaix.plugin.commands import main
from bastaix.plugin.seen import Seen
from bastaix.plugin.session import Trouble, Where, opened
from bastaix.reconcile.kinds import CONTROLLERREVISION, MODELDEPLOYMENT, SERVICE
from cluster import programs
from tests.api.rights import RBAC, RIGHTS, SERVICE_ACCOUNT, user_roles
from tests.api.world import EVENT, Object, World, modeldeployment

GOOD, BAD, OLD = "9f0c2d1a", "77aa01bc", "aa112233"
PROMOTED = {"outcome": "Promoted", "at": "2026-01-01T00:00:00Z", "promoted": "2026-01-01T00:00:00Z"}
EARLIER = {"outcome": "Promoted", "at": "2025-12-01T00:00:00Z", "promoted": "2025-12-01T00:00:00Z"}
PROGRAM = [sys.executable, "-c", "from bastaix.plugin.commands import run; run()"]

Run = Callable[..., Result]


@pytest.fixture
def run(world: World, namespace: str) -> Run:
    """A command in the test's own namespace; `kubeconfig` makes it somebody else's."""

    def run(*words: str, kubeconfig: Path | None = None) -> Result:
        where = ["--kubeconfig", str(kubeconfig or world.kubeconfig), "-n", namespace]
        return CliRunner().invoke(main, [*words, *where])

    return run


@pytest.fixture
def rollout(world: World, namespace: str) -> Object:
    """A ModelDeployment with an active revision, a candidate, and one promoted before."""
    created = world.apply(MODELDEPLOYMENT, modeldeployment(namespace))
    for number, hash in ((1, OLD), (2, GOOD), (3, BAD)):
        keep(world, created, number, hash)
    remember(world, created, {OLD: EARLIER, GOOD: PROMOTED})
    report(world, namespace, phase="Evaluating")
    return created


def owner(md: Object) -> Object:
    metadata = md["metadata"]
    kind = {key: md[key] for key in ("apiVersion", "kind")}
    return {**kind, "name": metadata["name"], "uid": metadata["uid"], "controller": True}


def remember(world: World, md: Object, records: Object) -> None:
    manifest = {
        "metadata": {
            "namespace": md["metadata"]["namespace"],
            "name": md["metadata"]["name"],
            "annotations": {names.RECORDS_ANNOTATION: json.dumps(records)},
            "ownerReferences": [owner(md)],
        },
        "spec": {"ports": [{"port": 80}]},
    }
    world.apply(SERVICE, manifest)


def keep(world: World, md: Object, number: int, hash: str) -> None:
    metadata = md["metadata"]
    manifest = {
        "metadata": {
            "namespace": metadata["namespace"],
            "name": f"{metadata['name']}-{hash}",
            "labels": {names.NAME_LABEL: metadata["name"], names.REVISION_LABEL: hash},
            "ownerReferences": [owner(md)],
        },
        "revision": number,
        "data": {"commit": hash * 5, "template": {"image": f"ray:{number}"}},
    }
    world.apply(CONTROLLERREVISION, manifest)


def report(world: World, namespace: str, *, phase: str | None) -> None:
    """As the operator would: a candidate in this phase, or Ready without one."""
    body = world.get(MODELDEPLOYMENT, namespace, "echo")
    assert body is not None
    is_ready = phase is None
    condition = {
        "type": "Ready",
        "status": "True" if is_ready else "False",
        "reason": phase or "Ready",
        "message": f"it is {phase or 'ready'}",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    going = [] if is_ready else [{**condition, "type": "Reconciling", "status": "True"}]
    status: Object = {
        "observedGeneration": body["metadata"]["generation"],
        "active": {"revision": GOOD, "commit": GOOD * 5, "since": "2026-01-01T00:00:00Z"},
        "conditions": [condition, *going],
    }
    if not is_ready:
        status["candidate"] = {"revision": BAD, "commit": BAD * 5, "phase": phase}
    metadata = {"namespace": namespace, "name": "echo"}
    world.apply(MODELDEPLOYMENT, {"metadata": metadata, "status": status}, "status")


def happen(world: World, md: Object, reason: str) -> None:
    metadata = md["metadata"]
    event = {
        "metadata": {"namespace": metadata["namespace"], "name": f"echo.{reason.lower()}"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "test",
        "reportingInstance": "test",
        "action": "Test",
        "reason": reason,
        "type": "Warning",
        "note": f"what {reason} means",
        "regarding": {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "namespace": metadata["namespace"],
            "name": "echo",
            "uid": metadata["uid"],
        },
    }
    world.request("POST", EVENT.path(metadata["namespace"]), event)


def requested(world: World, namespace: str) -> str | None:
    body = world.get(MODELDEPLOYMENT, namespace, "echo")
    assert body is not None
    found: str | None = (body["metadata"].get("annotations") or {}).get(names.REQUEST_ANNOTATION)
    return found


def test_status_shows_revisions_conditions_and_events(
    world: World, run: Run, rollout: Object
) -> None:
    happen(world, rollout, "EvaluationFailed")
    result = run("status", "echo")
    assert result.exit_code == 0, result.output
    assert f"Active     {GOOD}  commit {(GOOD * 5)[:12]}" in result.output
    assert f"Candidate  {BAD}" in result.output
    assert "what EvaluationFailed means" in result.output


def test_history_lists_what_is_kept_and_remembered(run: Run, rollout: Object) -> None:
    lines = run("history", "echo").stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["3", BAD], ["2", GOOD], ["1", OLD]]
    assert lines[1].endswith("candidate")
    assert lines[2].endswith("active")


def test_diff_ends_like_diff(run: Run, rollout: Object) -> None:
    differ = run("diff", "echo", "active", "candidate")
    assert differ.exit_code == 1
    assert '-  image: "ray:2"\n+  image: "ray:3"\n' in differ.stdout
    same = run("diff", "echo", "active", GOOD[:4])
    assert (same.exit_code, same.output) == (0, "")
    assert run("diff", "echo", "active", "ffff").exit_code == 2


def test_a_request_is_written_and_a_repeated_one_is_another(
    world: World, namespace: str, run: Run, rollout: Object
) -> None:
    first = run("pause", "echo")
    assert first.exit_code == 0, first.output
    assert "goes through the gate and then waits" in first.stdout
    assert requested(world, namespace) == "pause@1"
    assert run("rollback", "echo", OLD[:3]).exit_code == 0
    assert requested(world, namespace) == f"rollback:{OLD}@1"
    assert run("rollback", "echo").exit_code == 0
    assert requested(world, namespace) == f"rollback:{GOOD}@1.2"


def test_what_makes_no_sense_is_not_written(
    world: World, namespace: str, run: Run, rollout: Object
) -> None:
    for words in (["retry"], ["promote"], ["rollback", BAD]):
        command, *rest = words
        result = run(command, "echo", *rest)
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1
    assert requested(world, namespace) is None


def ask(world: World, namespace: str, meanwhile: Callable[[], object]) -> Asking:
    """A pause; between the look and the write of it something happens, once."""
    happenings = [meanwhile]

    def decide(seen: Seen) -> Asking:
        asked = asking.pause(seen)
        if happenings:
            happenings.pop()()
        return asked

    async def go() -> Asking:
        where = Where(kubeconfig=str(world.kubeconfig), namespace=namespace)
        async with opened(where) as session:
            return await session.ask("echo", decide)

    return asyncio.run(go())


def test_a_status_that_is_written_meanwhile_does_not_hinder_a_request(
    world: World, namespace: str, rollout: Object
) -> None:
    ask(world, namespace, lambda: report(world, namespace, phase="LoadingModel"))
    assert requested(world, namespace) == "pause@1"


def test_a_spec_that_changes_meanwhile_is_said_and_nothing_is_written(
    world: World, namespace: str, rollout: Object
) -> None:
    def change() -> None:
        world.merge(MODELDEPLOYMENT, namespace, "echo", {"spec": {"app": {"args": {"a": 1}}}})

    with pytest.raises(Trouble, match=r"changed meanwhile \(generation 1 to 2\)"):
        ask(world, namespace, change)
    assert requested(world, namespace) is None


def test_a_name_that_is_not_there_is_told_with_those_that_are(run: Run, rollout: Object) -> None:
    result = run("status", "ecko")
    assert result.exit_code == 1
    assert "there is no ModelDeployment ecko in namespace" in result.stderr
    assert ": it has echo (-n chooses another namespace)" in result.stderr


def test_an_empty_namespace_is_told(run: Run) -> None:
    assert ": it has none (-n" in run("history", "echo").stderr


def test_a_cluster_that_does_not_answer_is_told_in_one_line(
    world: World, run: Run, tmp_path: Path
) -> None:
    config = yaml.safe_load(world.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    result = run("status", "echo", kubeconfig=written(tmp_path, config))
    assert result.stderr.startswith("Error: no answer from the cluster at https://127.0.0.1:1: ")
    assert result.stderr.count("\n") == 1


def test_the_namespace_of_the_context_is_the_default(
    world: World, namespace: str, rollout: Object, tmp_path: Path
) -> None:
    config = yaml.safe_load(world.kubeconfig.read_text())
    (context,) = config["contexts"]
    other = {"name": "other", "context": {**context["context"], "namespace": namespace}}
    config["contexts"].append(other)
    where = ["--kubeconfig", str(written(tmp_path, config))]
    assert CliRunner().invoke(main, [*where, "status", "echo"]).exit_code == 1
    assert CliRunner().invoke(main, [*where, "--context=other", "status", "echo"]).exit_code == 0
    wrong = CliRunner().invoke(main, [*where, "status", "echo", "--context=none"])
    assert "no usable kubeconfig" in wrong.stderr


def test_who_holds_view_reads_all_and_asks_for_nothing(
    world: World, namespace: str, run: Run, rollout: Object, tmp_path: Path
) -> None:
    happen(world, rollout, "Promoted")
    viewer = person(world, namespace, "view", tmp_path)
    assert "what Promoted means" in run("status", "echo", kubeconfig=viewer).stdout
    assert GOOD in run("history", "echo", kubeconfig=viewer).stdout
    refused = run("pause", "echo", kubeconfig=viewer)
    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: you may not do this: ")
    assert "asking for something the role `edit`" in refused.stderr
    assert requested(world, namespace) is None


def test_who_holds_edit_asks(
    world: World, namespace: str, run: Run, rollout: Object, tmp_path: Path
) -> None:
    editor = person(world, namespace, "edit", tmp_path)
    assert run("pause", "echo", kubeconfig=editor).exit_code == 0
    assert requested(world, namespace) == "pause@1"


def test_who_may_do_nothing_is_told_what_it_takes(
    world: World, namespace: str, run: Run, rollout: Object, tmp_path: Path
) -> None:
    nobody = person(world, namespace, None, tmp_path)
    result = run("status", "echo", kubeconfig=nobody)
    assert result.stderr.startswith("Error: you may not do this: ")
    assert "Reading takes the role `view`" in result.stderr


def test_kubectl_finds_it_once_the_package_is_installed(
    world: World, namespace: str, rollout: Object
) -> None:
    where = ["-n", namespace, "--kubeconfig", str(world.kubeconfig)]
    done = subprocess.run(
        [str(programs.path("kubectl")), "bastaix", "history", "echo", *where],
        env={"PATH": str(Path(sys.executable).parent), "HOME": "/nowhere"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert GOOD in done.stdout


def test_on_a_terminal_a_screen_is_painted_in_place(
    world: World, namespace: str, rollout: Object
) -> None:
    ours, theirs = os.openpty()
    words = ["status", "echo", "-n", namespace, "-w", "--kubeconfig", str(world.kubeconfig)]
    process = subprocess.Popen([*PROGRAM, *words], stdout=theirs, preexec_fn=hear_ctrl_c)
    os.close(theirs)
    painted = b""
    while b"Candidate  " not in painted or not painted.endswith(b"\x1b[J"):
        painted += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 130
    os.close(ours)
    assert painted.startswith(b"\x1b[2J\x1b[H")


def test_watching_tells_changes_and_ends_by_its_user(
    world: World, namespace: str, rollout: Object
) -> None:
    words = ["status", "echo", "-n", namespace, "--watch", "--kubeconfig", str(world.kubeconfig)]
    process = subprocess.Popen(
        [*PROGRAM, *words], stdout=subprocess.PIPE, text=True, preexec_fn=hear_ctrl_c
    )
    assert process.stdout is not None
    with closing(process.stdout) as lines:
        expect(lines, f"Candidate: {BAD}  commit {(BAD * 5)[:12]}  Evaluating")
        report(world, namespace, phase=None)
        expect(lines, "Ready: True Ready: it is ready")
        expect(lines, "Candidate: none")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130


def hear_ctrl_c() -> None:
    """Whoever started the tests in the background had a shell that has SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def expect(lines: IO[str], text: str) -> None:
    for line in lines:
        if line.endswith(f" {text}\n"):
            return
    raise AssertionError(f"never said: {text}")


def written(folder: Path, config: Any) -> Path:
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


def person(world: World, namespace: str, role: str | None, folder: Path) -> Path:
    """A kubeconfig of somebody who holds one of Kubernetes' own roles in the namespace.

    Here is no controller that aggregates roles, so the parts of which it is made are bound.
    """
    metadata = {"namespace": namespace, "name": "somebody"}
    world.apply(SERVICE_ACCOUNT, {"metadata": metadata})
    parts = user_roles(world, role) if role is not None else []
    for part in parts:
        world.apply(
            RIGHTS["RoleBinding"],
            {
                "metadata": {"namespace": namespace, "name": part.replace(":", "-")},
                "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": part},
                "subjects": [{"kind": "ServiceAccount", **metadata}],
            },
        )
    path = SERVICE_ACCOUNT.path(namespace, "somebody", "token")
    token = world.request("POST", path, {"spec": {}})["status"]["token"]
    config = yaml.safe_load(world.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    return written(folder, config)
