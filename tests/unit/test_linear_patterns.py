"""Each pattern takes time in proportion to a text, whatever somebody has put into it.

Most texts are another's: of an app, of a tenant's object, of a repository. A controller reads them
in the one thread that works for everybody.
"""

import ast
import importlib
import inspect
import pkgutil
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise, product
from typing import Any

import pytest

import bastaix
from bastaix.observe import causes

FILLERS = (*" \n\ta0-_./()[]{\"'\\=:@<$Aé", '\\"', "/*")
SIZES = (500, 2000, 8000)
GROWTH = 10
"""Four times as much text takes four times as long, or sixteen times where it is quadratic."""
NOTICEABLE_SECONDS = 0.001
"""Of CPU; less cannot be compared."""
HOPELESS_SECONDS = 10
"""Of CPU for one text, after which no more is waited for: what is exponential would not end."""

ANCHORED: Mapping[str, str] = {
    "api.patterns.IMPORT_PATH": "fullmatch",
    "api.patterns.URL": "fullmatch",
    "kube.older_crd._INVALID": "fullmatch",
    "observe.logs._LEVEL": "match",
    "observe.logs._RAISED": "match",
    "plugin.sensitive._HEADERS": "fullmatch",
    # it goes from bracket to bracket through JSON, which has one at its end
    "reconcile.reading._RUN": "match",
    "reconcile.reading._SCALAR": "match",
    "source.objects._ELSEWHERE": "fullmatch",
}
"""By its name, how something is asked that is never searched for."""


ANCHORED_INLINE: dict[str, str] = {}


def named(module: str) -> Iterator[tuple[str, re.Pattern[Any]]]:
    for name, value in vars(importlib.import_module(module)).items():
        yield from patterns(value, f"{module.removeprefix('bastaix.')}.{name}")


def patterns(value: object, name: str, depth: int = 0) -> Iterator[tuple[str, re.Pattern[Any]]]:
    if isinstance(value, re.Pattern):
        yield name, value
    elif depth < 3 and isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from patterns(each, name, depth + 1)
    elif depth < 3 and isinstance(value, Mapping):
        yield from patterns(list(value.values()), name, depth)
    elif depth < 3:
        for part in ("pattern", "expression"):
            yield from patterns(getattr(value, part, None), name, depth + 1)


def inline(module: str) -> Iterator[tuple[str, re.Pattern[Any]]]:
    """What is given to a function of `re` as a literal, by how it is asked and where."""
    tree = ast.parse(inspect.getsource(importlib.import_module(module)))
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="re"), attr=asked),
                args=[ast.Constant(value=str() | bytes() as text), *_],
            ) if asked not in ("compile", "escape"):
                place = f"{module.removeprefix('bastaix.')}.line {node.lineno}"
                ANCHORED_INLINE[place] = asked if asked.endswith("match") else "search"
                yield place, re.compile(text)


def all_patterns() -> dict[str, dict[re.Pattern[Any], str]]:
    """By module, each with its name."""
    found: dict[re.Pattern[Any], str] = {}
    for module in pkgutil.walk_packages(bastaix.__path__, "bastaix."):
        if not module.name.endswith("__main__"):
            for name, pattern in (*named(module.name), *inline(module.name)):
                found.setdefault(pattern, name)
    by_module: dict[str, dict[re.Pattern[Any], str]] = {}
    for pattern, name in found.items():
        by_module.setdefault(name.rpartition(".")[0], {})[pattern] = name
    return by_module


PATTERNS = all_patterns()


def fragments(pattern: re.Pattern[Any]) -> tuple[str, ...]:
    """Words that the pattern itself looks for."""
    source = pattern.pattern
    text = source.decode("latin1") if isinstance(source, bytes) else source
    plain = re.sub(r"\\[a-zA-Z]|\(\?\w*[:=!<]*|\\", "|", text)
    return tuple(dict.fromkeys(re.findall(r"[A-Za-z0-9_/ :.=@'\"-]{2,40}", plain)))[:12]


def texts(pattern: re.Pattern[Any]) -> Iterator[Callable[[int], str | bytes]]:
    words = fragments(pattern)
    joined = {"".join(words[at : at + number]) for at in range(4) for number in (2, 3)}
    repeated = (*FILLERS, *words, *joined, *(a + b for a, b in product(words[:4], FILLERS)))
    for before, part, after in product(("", *words[:1]), repeated, ("", "!")):

        def text(size: int, before: str = before, part: str = part, after: str = after) -> Any:
            whole = before + (part * size)[:size] + after
            return whole.encode() if isinstance(pattern.pattern, bytes) else whole

        yield text


def seconds(ask: Callable[[Any], object], text: str | bytes) -> float:
    # while a timer runs, the clock of the whole process moves in ticks alone
    started = time.thread_time()
    ask(text)
    return time.thread_time() - started


def is_linear(ask: Callable[[Any], object], text: Callable[[int], str | bytes]) -> bool:
    before = seconds(ask, text(SIZES[0]))
    for smaller, size in pairwise(SIZES):
        took = seconds(ask, text(size))
        if _has_grown(before, took):
            # another process may have got in between: each a few times more, and the best counts
            before = min(seconds(ask, text(smaller)) for _ in range(5))
            took = min(seconds(ask, text(size)) for _ in range(5))
            if _has_grown(before, took):
                return False
        before = took
    return True


def _has_grown(before: float, took: float) -> bool:
    return took > NOTICEABLE_SECONDS and took > GROWTH * before


def slow(
    pattern: re.Pattern[Any], name: str, hopeless_seconds: float = HOPELESS_SECONDS
) -> str | None:
    """The beginning of a text for which it is too slow."""
    ask = getattr(pattern, {**ANCHORED, **ANCHORED_INLINE}.get(name, "search"))
    before = signal.signal(signal.SIGPROF, _give_up)
    try:
        for text in texts(pattern):
            signal.setitimer(signal.ITIMER_PROF, hopeless_seconds)
            if not is_linear(ask, text):
                return repr(text(60))
    except Hopeless:
        return repr(text(60))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return None


class Hopeless(Exception):
    """It would not end in time."""


def _give_up(*_: object) -> None:
    raise Hopeless


@pytest.mark.parametrize("module", sorted(PATTERNS))
def test_four_times_as_long_a_text_takes_no_pattern_more_than_ten_times_as_long(
    module: str,
) -> None:
    found = {name: slow(pattern, name) for pattern, name in PATTERNS[module].items()}
    assert {name: text for name, text in found.items() if text} == {}


def test_a_quadratic_pattern_is_told_from_a_linear_one() -> None:
    assert slow(re.compile(r"\d+ validation errors? for "), "") is not None
    assert slow(re.compile(r"^\s*-?\s*import_path:", re.MULTILINE), "") is not None
    assert slow(re.compile(r"(401|403) Client Error.*huggingface", re.DOTALL), "") is not None
    assert slow(re.compile(r'"(?:[^"\\]|\\.)*"'), "") is not None
    endless = slow(re.compile(r"(\w+\s?)+$"), "", hopeless_seconds=0.5)
    assert endless is not None, "it takes time without end"
    assert slow(re.compile(r"(?<!\d)\d{1,6} validation errors? for "), "") is None


def test_a_pattern_that_is_given_to_a_function_is_looked_at_too() -> None:
    found = {pattern.pattern for patterns in PATTERNS.values() for pattern in patterns}
    assert r"(^|\s)#.*" in found


def test_what_names_a_cause_is_looked_for_at_the_beginning_of_a_line() -> None:
    named = "OutOfMemoryError: CUDA out of memory"
    near, far = f"{'x' * 900} {named}", f"{'x' * 4000} {named}"
    assert causes.cause(near, "app:build").reason == causes.reasons.ENGINE_OUT_OF_MEMORY
    assert causes.cause(far, "app:build").reason == causes.reasons.SERVE_FAILED
