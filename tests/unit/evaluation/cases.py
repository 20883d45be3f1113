"""Cases and results to test with."""

import json
from typing import Any

from bastaix.evaluation.answers import Answer, Failure
from bastaix.evaluation.dataset import Case, read
from bastaix.evaluation.judging import Result, judged

MESSAGES = [{"role": "user", "content": "What is the capital of Italy?"}]
ROME = {"type": "contains", "value": "Rome"}


def line(id: str = "italy", **fields: Any) -> dict[str, Any]:
    asked = {} if {"prompt", "request"} & set(fields) else {"messages": MESSAGES}
    return {"id": id, **asked, "assert": [ROME], **fields}


def written(*lines: dict[str, Any]) -> bytes:
    return "".join(f"{json.dumps(each)}\n" for each in lines).encode()


def case(id: str = "italy", **fields: Any) -> Case:
    (found,) = read(written(line(id, **fields)), "golden.jsonl").cases
    return found


def said(text: str, *, ttft: float = 0.1, latency: float = 0.2, finish: str = "stop") -> Answer:
    return Answer(text, finish, ttft=ttft, latency=latency)


def results(*replies: Answer | Failure | str, weights: tuple[float, ...] = ()) -> list[Result]:
    """One a reply; each is to contain Rome."""
    weighed = [*weights, *[1.0] * (len(replies) - len(weights))]
    return [
        judged(case(str(n), weight=weight), said(reply) if isinstance(reply, str) else reply)
        for n, (reply, weight) in enumerate(zip(replies, weighed, strict=True))
    ]
