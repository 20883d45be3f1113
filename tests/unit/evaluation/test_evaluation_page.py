"""docs/evaluation.md: its examples are ones that work."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bastaix.evaluation.assertions import _KINDS
from bastaix.evaluation.dataset import read
from bastaix.rollout import evaluate
from tests.unit.evaluation import serving
from tests.unit.evaluation.serving import FakeModel

PAGE = (Path(__file__).parents[3] / "docs/evaluation.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_data_set_is_one() -> None:
    cases = read(blocks("json")[0].encode(), "docs/evaluation.md").cases
    assert [case.id for case in cases] == ["italy", "sum", "topics"]


def test_every_assertion_is_explained() -> None:
    assert [kind for kind in _KINDS if f"`{kind}`" not in PAGE] == []


@pytest.mark.parametrize(("answer", "code"), [(" 4", 0), (" 5", 1), (None, 2)])
async def test_the_evaluator_ends_as_the_operator_reads_it(
    answer: str | None, code: int, tmp_path: Path
) -> None:
    (tmp_path / "evaluate.py").write_text(blocks("python")[0])
    (tmp_path / "golden.jsonl").write_text('{"prompt": "2 + 2 =", "answer": "4"}\n')
    behaviour = serving.saying(500) if answer is None else serving.whole(answer)
    async with FakeModel(behaviour) as model:
        env = {
            "BASTAIX_URL": model.url,
            "BASTAIX_DATASET": str(tmp_path / "golden.jsonl"),
            "BASTAIX_RESULT": str(tmp_path / "result"),
        }
        running = await asyncio.to_thread(
            subprocess.run, [sys.executable, tmp_path / "evaluate.py"], env=env, timeout=30
        )
    assert running.returncode == code
    result = tmp_path / "result"
    message = result.read_text() if result.exists() else None
    job, pod = serving.job_and_pod("evaluator", code, message)
    found = evaluate.read(job, [pod])
    assert found is not None
    assert found.outcome == {0: "Passed", 1: "Failed", 2: "Error"}[code]
    assert json.loads(blocks("json")[1].replace("sha256:…", f"sha256:{'0' * 64}"))
