"""Whether the gate's data set is in the code and can be used: known before a model is started."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Final

from bastaix.api import reasons
from bastaix.source.artifact import Checks, Tree
from bastaix.source.failure import SourceFailure
from bastaix.source.wording import listed, shown

_LISTED: Final = 5


def check(tree: Tree, checks: Checks) -> SourceFailure | None:
    path = checks.dataset
    if path is None:
        return None
    if path not in tree:
        return SourceFailure(reasons.DATASET_NOT_FOUND, _not_there(tree, path))
    if checks.own_evaluator:
        return None
    try:
        with _interrupted():
            return _read(path, tree[path])
    except (_TooLong, MemoryError):
        # of which the archive knows nothing
        return SourceFailure(
            reasons.DATASET_INVALID,
            f"{path} takes more memory or processor time to read than there is for it: take fewer"
            " cases, or fewer and smaller JSON schemas (one that is the same in many cases counts"
            " once)",
        )


class _TooLong(Exception):
    """The processor time of this process is used up, but for a second to say so."""


@contextmanager
def _interrupted() -> Iterator[None]:
    """What would end the process ends what is done in it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGXCPU, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGXCPU, before)


def _read(path: str, data: bytes) -> SourceFailure | None:
    # JSON schemas come with it, which no other archive needs
    from bastaix.evaluation.dataset import BadDataset, read

    try:
        dataset = read(data, path)
    except BadDataset as error:
        more = f" (and {len(error.lines) - 1} more)" if len(error.lines) > 1 else ""
        return SourceFailure(reasons.DATASET_INVALID, f"{error.lines[0]}{more}")
    if not dataset.cases:
        return SourceFailure(reasons.DATASET_INVALID, f"{path} has no case in it")
    return None


def _not_there(tree: Tree, path: str) -> str:
    no = f"rollout.gate.dataset names {shown(path)}, which is not among the selected files"
    last = path.rpartition("/")[2]
    same = sorted(each for each in tree if each.rpartition("/")[2] == last)
    if same:
        return f"{no}; it stands at {listed(same, 1)}"
    close = get_close_matches(path, sorted(tree), n=1)
    if close:
        return f"{no}; did you mean {shown(close[0])}?"
    found = sorted(each for each in tree if each.endswith(".jsonl"))
    return f"{no}; there are {listed(found, _LISTED)}" if found else no
