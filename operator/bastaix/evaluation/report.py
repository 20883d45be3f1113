"""Every case for a reader: JSON lines for a log, a table for a person; pure.

Prompts and answers are in neither, unless `answers` asks for them.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bastaix.evaluation.answers import Answer, Failure
from bastaix.evaluation.judging import Result

_LONGEST_ID: Final = 40
_LONGEST_ANSWER: Final = 2000

Baseline = Mapping[str, bool]
"""Whether a case passed at the baseline; empty where it was not measured."""


def json_line(result: Result, baseline: Baseline, *, answers: bool) -> str:
    case, reply = result.case, result.reply
    line: dict[str, Any] = {"id": case.id, "passed": result.passed, "why": list(result.why)}
    if isinstance(reply, Answer):
        line |= {"latencySeconds": round(reply.latency, 4), "ttftSeconds": round(reply.ttft, 4)}
    else:
        line["error"] = reply.kind
    if case.id in baseline:
        line["baselinePassed"] = baseline[case.id]
    if answers:
        line["request"] = case.body
        if isinstance(reply, Answer):
            line["answer"] = reply.text
    return json.dumps(line, ensure_ascii=False)


def table(results: Sequence[Result], baseline: Baseline, *, answers: bool) -> list[str]:
    width = max((len(_short(each.case.id)) for each in results), default=0)
    width = max(width, len("ID"))
    lines = [f"{'ID':<{width}}  RESULT  {'LATENCY':>9}  {'TTFT':>9}  WHY"]
    for each in results:
        latency, ttft = _times(each.reply)
        word = "passed" if each.passed else "FAILED"
        why = "; ".join([*each.why, *_compared(each, baseline)])
        row = f"{_short(each.case.id):<{width}}  {word:<6}  {latency:>9}  {ttft:>9}  {why}"
        lines.append(row.rstrip())
        if answers and isinstance(each.reply, Answer):
            lines += [f"{'':{width}}  | {line}" for line in _quoted(each.reply.text)]
    return lines


def _times(reply: Answer | Failure) -> tuple[str, str]:
    if isinstance(reply, Failure):
        return "-", "-"
    return f"{reply.latency:.3f} s", f"{reply.ttft:.3f} s"


def _compared(result: Result, baseline: Baseline) -> list[str]:
    """Said where it differs: the rest is noise."""
    before = baseline.get(result.case.id, result.passed)
    if before == result.passed:
        return []
    return ["(failed at the baseline)" if result.passed else "(passed at the baseline)"]


def _short(id: str) -> str:
    return id if len(id) <= _LONGEST_ID else f"{id[: _LONGEST_ID - 1]}…"


def _quoted(text: str) -> list[str]:
    """What a model says is no text for a terminal to obey."""
    cut = text if len(text) <= _LONGEST_ANSWER else f"{text[:_LONGEST_ANSWER]}…"
    lines = cut.splitlines() or [""]
    return ["".join(char if char.isprintable() else "�" for char in line) for line in lines]
