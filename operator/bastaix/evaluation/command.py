"""`bastaix eval` from its options to its exit code: asks, tells, and writes the result."""

import asyncio
import json
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bastaix.api.evaluation import EXIT_CODES
from bastaix.evaluation import report
from bastaix.evaluation.client import Endpoint, session
from bastaix.evaluation.dataset import BadDataset, Case, Dataset, OtherArchive, load
from bastaix.evaluation.figures import Figures, figures
from bastaix.evaluation.judging import Result
from bastaix.evaluation.options import Options
from bastaix.evaluation.result import encoded, result
from bastaix.evaluation.runner import run
from bastaix.evaluation.timelimit import TooSlow, limited
from bastaix.evaluation.verdict import Verdict, certain, said, verdict

INTERRUPTED: Final = 130  # as shells have it; what is not 0 to 3 is no verdict
FIRST_WORD: Final = 2.0
LOADING_SECONDS: Final = 60.0
LONGEST_SILENCE: Final = 30.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Evaluated:
    verdict: Verdict
    dataset: str | None = None
    results: tuple[Result, ...] = ()
    found: Figures | None = None
    baseline: Figures | float | None = None
    at_baseline: tuple[Result, ...] = ()


def main(options: Options, out: Say, err: Say) -> int:
    """The exit code. Whatever happens, the result is written: it is all that an operator sees."""
    try:
        evaluated = asyncio.run(evaluate(options, err))
    except BadDataset as error:
        for line in error.lines:
            err(line)
        evaluated = Evaluated(said("Inconclusive", f"the data set cannot be used: {error.args[0]}"))
    except OtherArchive as error:
        # somebody has replaced it, and it will be put right: no word on the candidate
        err(str(error))
        evaluated = Evaluated(said("Error", str(error)))
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        # where, but not what: a message may hold what was said
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        evaluated = Evaluated(
            said("Error", f"bastaix eval has a bug: {type(error).__name__} at {place}")
        )
    _tell(evaluated, options, out)
    return _write(evaluated, options, err)


async def evaluate(options: Options, err: Say) -> Evaluated:
    dataset = _loaded(options)
    deadline = asyncio.get_running_loop().time() + options.timeout
    async with session() as http:
        candidate = Endpoint(http, options.url, options.model)
        results = await _run("candidate", dataset.cases, candidate, options, deadline, err)
        found = figures(results)
        baseline: Figures | float | None = _known(dataset, options, err)
        at_baseline: tuple[Result, ...] = ()
        if baseline is None and _wanted(options) and not certain(found, options.thresholds):
            model = options.baseline_model or options.model
            active = Endpoint(http, options.baseline_url or "", model)
            at_baseline = await _run("baseline", dataset.cases, active, options, deadline, err)
            baseline = figures(at_baseline)
    judged = verdict(found, options.thresholds, baseline)
    return Evaluated(judged, dataset.digest, results, found, baseline, at_baseline)


def _loaded(options: Options) -> Dataset:
    try:
        with limited(LOADING_SECONDS):
            return load(options.dataset, options.archive, options.limit)
    except TooSlow:
        raise BadDataset(
            f"{options.dataset} takes more than {LOADING_SECONDS:g} s to read: simplify its schemas"
        ) from None


def _wanted(options: Options) -> bool:
    return options.baseline_url is not None and options.thresholds.max_regression is not None


def _known(dataset: Dataset, options: Options, err: Say) -> float | None:
    if options.baseline is None or options.thresholds.max_regression is None:
        return None
    digest, rate = options.baseline
    if digest == dataset.digest:
        return rate
    if options.baseline_url is None:
        err("note: --baseline is of another data set or --limit, so nothing is compared with it")
    return None


async def _run(
    what: str,
    cases: Sequence[Case],
    endpoint: Endpoint,
    options: Options,
    deadline: float,
    err: Say,
) -> tuple[Result, ...]:
    ended: list[Result] = []
    telling = asyncio.create_task(_progress(what, len(cases), ended, options, err))
    try:
        return await run(
            cases,
            endpoint,
            concurrency=options.concurrency,
            deadline=deadline,
            ended=ended.append,
            keep_text=options.show_answers,
        )
    finally:
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling


async def _progress(
    what: str, cases: int, ended: Sequence[Result], options: Options, err: Say
) -> None:
    """What takes longer than a moment says that it still goes on, ever less often."""
    silence = FIRST_WORD
    while True:
        await asyncio.sleep(silence)
        failed = sum(not each.passed for each in ended)
        line = f"{what}: {len(ended)} of {cases} done, {failed} failed"
        err(json.dumps({"progress": line}) if options.json else line)
        silence = min(2 * silence, LONGEST_SILENCE)


def _tell(evaluated: Evaluated, options: Options, out: Say) -> None:
    before = {each.case.id: each.passed for each in evaluated.at_baseline}
    answers = options.show_answers
    if options.json:
        for each in evaluated.results:
            out(report.json_line(each, before, answers=answers))
        out(json.dumps({"result": _document(evaluated)}, ensure_ascii=False))
        return
    if evaluated.results:
        for line in report.table(evaluated.results, before, answers=answers):
            out(line)
        out("")
    if evaluated.dataset is not None:
        out(f"data set {evaluated.dataset}")
    out(f"{evaluated.verdict.outcome}: {evaluated.verdict.message}")


def _write(evaluated: Evaluated, options: Options, err: Say) -> int:
    code = EXIT_CODES[evaluated.verdict.outcome]
    if options.result is None:
        return code
    try:
        options.result.write_bytes(encoded(_document(evaluated)))
    except OSError as error:
        err(f"{options.result} cannot be written: {error.strerror}")
        return EXIT_CODES["Error"]
    return code


def _document(evaluated: Evaluated) -> dict[str, object]:
    return result(
        evaluated.verdict,
        evaluated.found,
        dataset=evaluated.dataset,
        baseline=evaluated.baseline,
    )
