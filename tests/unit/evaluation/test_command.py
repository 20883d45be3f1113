"""`bastaix eval` as it is called: exit codes, the table, the JSON lines, the result."""

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bastaix.cli import main
from bastaix.evaluation import command
from bastaix.evaluation.options import Options
from bastaix.evaluation.verdict import Thresholds
from tests.unit.evaluation import serving
from tests.unit.evaluation.cases import line, written
from tests.unit.evaluation.serving import Behaviour, FakeModel


@contextmanager
def served(behaviour: Behaviour) -> Iterator[FakeModel]:
    """In a thread, as the command has a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def started() -> FakeModel:
        return await FakeModel(behaviour).__aenter__()

    server = asyncio.run_coroutine_threadsafe(started(), loop).result(10)
    try:
        yield server
    finally:
        ending = server.__aexit__(None, None, None)
        asyncio.run_coroutine_threadsafe(ending, loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    file = tmp_path / "golden.jsonl"
    file.write_bytes(written(line("italy"), line("again", weight=3)))
    return file


def called(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["eval", *map(str, arguments)])


def test_passed_is_a_table_a_sentence_and_0(dataset: Path) -> None:
    with served(serving.streaming("It is ", "Rome.")) as server:
        result = called("--url", server.url, "--dataset", dataset)
    assert result.exit_code == 0
    head, first, second, _, digest, last = result.stdout.splitlines()
    assert head.split() == ["ID", "RESULT", "LATENCY", "TTFT", "WHY"]
    assert first.split()[:2] == ["italy", "passed"]
    assert second.split()[:2] == ["again", "passed"]
    assert digest.startswith("data set sha256:")
    assert last.startswith("Passed: pass rate 1 of 2 cases, TTFT p95 ")
    assert "Rome" not in result.output


def test_failed_is_1_and_says_which_assertion(dataset: Path, tmp_path: Path) -> None:
    file = tmp_path / "result"
    with served(serving.whole("It is Paris.")) as server:
        result = called("--url", server.url, "--dataset", dataset, "--result", file)
    assert result.exit_code == 1
    assert "FAILED" in result.stdout
    assert "assert[0] contains: the answer lacks it" in result.stdout
    assert "Paris" not in result.output
    document = json.loads(file.read_bytes())
    assert (document["outcome"], document["failed"]) == ("Failed", ["italy", "again"])


def test_nobody_there_is_2(dataset: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        result = called("--url", f"http://127.0.0.1:{port}", "--dataset", dataset)
    assert result.exit_code == 2
    assert "Error: 2 of 2 requests were not answered: 2x no connection" in result.stdout


def test_all_refused_is_3(dataset: Path) -> None:
    with served(serving.saying(404)) as server:
        result = called("--url", server.url, "--dataset", dataset)
    assert result.exit_code == 3
    assert "Inconclusive: no request was answered: 2x HTTP 404" in result.stdout


def test_a_data_set_that_is_wrong_is_3_with_every_line_and_a_result(tmp_path: Path) -> None:
    dataset, file = tmp_path / "golden.jsonl", tmp_path / "result"
    dataset.write_bytes(b"1\n2\n")
    result = called("--url", "http://h", "--dataset", dataset, "--result", file)
    assert result.exit_code == 3
    assert "line 1: must be one JSON object" in result.stderr
    assert "line 2: must be one JSON object" in result.stderr
    assert json.loads(file.read_bytes())["outcome"] == "Inconclusive"


def test_json_lines_without_prompts_and_answers(dataset: Path) -> None:
    with served(serving.in_turn(serving.whole("Rome"), serving.saying(500))) as server:
        result = called("--url", server.url, "--dataset", dataset, "--json", "--concurrency", "1")
    first, second, last = map(json.loads, result.stdout.splitlines())
    assert set(first) == {"id", "passed", "why", "latencySeconds", "ttftSeconds"}
    assert second == {"id": "again", "passed": False, "why": ["HTTP 500"], "error": "server"}
    assert last["result"]["outcome"] == "Error"
    assert "Rome" not in result.output
    assert "Italy" not in result.output


def test_answers_are_shown_to_who_asks_and_obeyed_by_no_terminal(dataset: Path) -> None:
    with served(serving.whole("Rome\x1b[2J\nindeed")) as server:
        arguments = ("--url", server.url, "--dataset", dataset, "--show-answers")
        table, lines = called(*arguments), called(*arguments, "--json")
    assert "| Rome�[2J" in table.stdout
    assert "| indeed" in table.stdout
    first = json.loads(lines.stdout.splitlines()[0])
    assert first["answer"] == "Rome\x1b[2J\nindeed"
    assert first["request"]["messages"][0]["content"] == "What is the capital of Italy?"


def options(url: str, dataset: Path, least: float = 0, **given: Any) -> Options:
    thresholds = Thresholds(min_pass_rate=least, max_regression=0.1)
    return Options(url=url, dataset=str(dataset), thresholds=thresholds, **given)


async def evaluated(chosen: Options) -> command.Evaluated:
    return await asyncio.wait_for(command.evaluate(chosen, lambda _: None), 20)


async def test_the_baseline_is_asked_the_same_by_its_own_name(dataset: Path) -> None:
    right, wrong = serving.whole("Rome"), serving.whole("Paris")
    async with FakeModel(wrong) as candidate, FakeModel(right) as active:
        names = {"model": "new", "baseline_url": active.url, "baseline_model": "old"}
        found = await evaluated(options(candidate.url, dataset, **names))
    assert found.verdict.outcome == "Failed"
    assert "1 of the baseline" in found.verdict.message
    assert [body["model"] for _, body in candidate.bodies] == ["new", "new"]
    assert [body["model"] for _, body in active.bodies] == ["old", "old"]


async def test_a_baseline_known_on_this_data_set_is_not_measured(dataset: Path) -> None:
    async with FakeModel(serving.whole("Paris")) as candidate, FakeModel(serving.never) as active:
        digest = (await evaluated(options(candidate.url, dataset))).dataset
        known = {"baseline_url": active.url, "baseline": (digest, 0.5)}
        found = await evaluated(options(candidate.url, dataset, **known))
    assert active.bodies == []
    assert found.baseline == 0.5
    assert found.verdict.outcome == "Failed"


OTHER = (f"sha256:{'0' * 64}", 1.0)


async def test_a_baseline_known_on_another_data_set_is_measured(dataset: Path) -> None:
    async with FakeModel(serving.whole("Paris")) as model:
        known = {"baseline_url": model.url, "baseline": OTHER}
        found = await evaluated(options(model.url, dataset, **known))
    assert found.verdict.outcome == "Passed"
    assert len(found.at_baseline) == 2


async def test_a_baseline_of_another_data_set_alone_is_told_to_be_of_no_use(dataset: Path) -> None:
    said: list[str] = []
    async with FakeModel(serving.whole("Paris")) as model:
        await command.evaluate(options(model.url, dataset, baseline=OTHER), said.append)
    (note,) = said
    assert note.startswith("note: --baseline is of another data set or --limit")


async def test_what_has_failed_already_is_not_compared(dataset: Path) -> None:
    async with FakeModel(serving.whole("Paris")) as candidate, FakeModel(serving.never) as active:
        chosen = options(candidate.url, dataset, least=1, baseline_url=active.url)
        found = await evaluated(chosen)
    assert found.verdict.outcome == "Failed"
    assert active.bodies == []


async def test_what_takes_long_says_that_it_goes_on(dataset: Path) -> None:
    told = asyncio.Event()
    said: list[str] = []

    async def waiting(request: Any, body: Any) -> Any:
        await asyncio.wait_for(told.wait(), 10)
        return await serving.whole("Rome")(request, body)

    def tell(text: str) -> None:
        said.append(text)
        told.set()

    async with FakeModel(waiting) as model:
        await asyncio.wait_for(command.evaluate(options(model.url, dataset), tell), 20)
    assert said[0] == "candidate: 0 of 2 done, 0 failed"


def test_a_result_that_cannot_be_written_is_an_error(dataset: Path, tmp_path: Path) -> None:
    with served(serving.whole("Rome")) as server:
        nowhere = tmp_path / "none" / "result"
        result = called("--url", server.url, "--dataset", dataset, "--result", nowhere)
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--url", "localhost:8000", "--url must be a URL such as http://localhost:8000"),
        ("--url", "http://[", "--url must be a URL"),
        ("--url", "http://h:99999", "--url must be a URL"),
        ("--url", "http://h/?a", "--url must be a URL"),
        ("--baseline-url", "file:///etc", "--baseline-url must be a URL"),
        ("--ttft-p95", "1m", "--ttft-p95 must be a duration such as 500ms or 1.5s, not '1m'"),
        ("--baseline", "0.9", "--baseline must be DIGEST=RATE"),
        ("--baseline", f"sha256:{'0' * 64}=1.5", "--baseline must be DIGEST=RATE"),
        ("--min-pass-rate", "95", "95.0 is not in the range 0<=x<=1"),
    ],
)
def test_an_option_that_cannot_be_used_is_told(option: str, value: str, said: str) -> None:
    result = called("--url", "http://h", "--dataset", "none.jsonl", option, value)
    assert result.exit_code == 2
    assert said in result.stderr


def test_an_archive_that_was_replaced_is_an_error_that_is_tried_again(tmp_path: Path) -> None:
    archive, file = tmp_path / f"{'5' * 64}.zip", tmp_path / "result"
    archive.write_bytes(b"another")
    options = ("--dataset", "golden.jsonl", "--archive", archive, "--result", file)
    result = called("--url", "http://localhost:1", *options)
    assert json.loads(file.read_bytes())["outcome"] == "Error"
    assert result.exit_code == 2
