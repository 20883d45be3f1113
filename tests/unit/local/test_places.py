"""What a step of its own process has said is judged as the cluster would judge it."""

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bastaix.api import reasons
from bastaix.api.reasons import Reason
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.local import places
from bastaix.local.account import Failed
from bastaix.local.interpreter import Interpreter
from bastaix.local.places import Place
from bastaix.local.planning import plan
from tests.unit.bodies import MD, with_field

HERE = Interpreter(path=sys.executable, ray="2", python=(3, 11))
SECRET = "s3cr3t-value"


def place(folder: Path, code: str = "", local: Mapping[str, str] | None = None) -> Place:
    env: list[dict[str, Any]] = [
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "key"}}}
    ]
    md = ModelDeployment.from_body(with_field(MD, "spec.runtime.env", env))
    planned = plan(md, {"models": folder}, {"KEY": SECRET, **(local or {})})
    made = places.made(folder, replace(planned, import_path="app:build"), HERE, 1, os.environ)
    (made.code / "app.py").write_text(code)
    return made


async def said(made: Place, seconds: float = 30) -> Failed:
    with pytest.raises(Failed) as failed:
        await places.imported(made, seconds)
    return failed.value


@pytest.mark.parametrize(
    ("code", "reason", "says"),
    [
        ("{}['k']", reasons.IMPORT_FAILED, "app.py line 1: KeyError: 'k'"),
        ("from other import Nope", reasons.IMPORT_FAILED, "cannot import name 'Nope'"),
        ("import nobody_has_this", reasons.DEPENDENCY_MISSING, "'nobody_has_this'"),
        ("from json import Nope", reasons.DEPENDENCY_MISFIT, "cannot import name 'Nope'"),
        ("x = 1", reasons.ATTRIBUTE_MISSING, "'build'"),
        ("import sys; sys.exit(0)", reasons.IMPORT_FAILED, "ended the process"),
    ],
)
async def test_an_import_fails_by_the_clusters_reason(
    tmp_path: Path, code: str, reason: Reason, says: str
) -> None:
    made = place(tmp_path, code)
    (made.code / "other.py").write_text("")
    failed = await said(made)
    assert failed.finding.reason is reason
    assert says in failed.finding.message


async def test_what_an_import_leaves_running_is_not_waited_for(tmp_path: Path) -> None:
    code = (
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(600,)).start()\n"
        "build = print"
    )
    before = time.monotonic()
    await places.imported(place(tmp_path, code), 600)
    assert time.monotonic() - before < 60


async def test_what_others_write_after_an_import_is_no_failure(tmp_path: Path) -> None:
    chatty = "import time\nwhile True: print('here', flush=True); time.sleep(0.001)"
    code = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {chatty!r}])\n"
    await places.imported(place(tmp_path, f"{code}build = print"), 60)


async def test_what_is_not_done_in_time_tells_how_far_it_came(tmp_path: Path) -> None:
    code = "import time\nprint('connecting to the database', flush=True)\ntime.sleep(600)"
    failed = await said(place(tmp_path, code), seconds=2)
    assert failed.finding.reason is reasons.DEADLINE_EXCEEDED
    assert "connecting to the database" in failed.output
    assert failed.commands


async def test_no_part_of_a_secret_is_left_where_a_message_is_cut(tmp_path: Path) -> None:
    code = "import os\nraise ValueError('x' * 230 + os.environ['KEY'] * 9)"
    failed = await said(place(tmp_path, code))
    assert "s3cr" not in failed.finding.message + failed.output
