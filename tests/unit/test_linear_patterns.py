"""Each pattern takes time in proportion to a text, whatever somebody has put into it.

Most texts are another's: of an app, of a tenant's object, of a repository. A controller reads them
in the one thread that works for everybody.
"""

import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise, product
from typing import Any

import pytest

import bastaix
from bastaix.observe import causes

FILLERS = tuple(" \n\ta0-_./()[]{\"'\\=:@<$Aé")
SIZES = (250, 1000, 4000)
GROWTH = 10
"""Four times as much text takes four times as long, or sixteen times where it is quadratic."""
NOTICEABLE_SECONDS = 0.001
"""Of CPU; less cannot be compared."""

ANCHORED: Mapping[str, str] = {
    "api.patterns.IMPORT_PATH": "fullmatch",
    "api.patterns.URL": "fullmatch",
    "kube.older_crd._INVALID": "fullmatch",
    "observe.logs._LEVEL": "match",
    "observe.logs._RAISED": "match",
    "plugin.sensitive._HEADERS": "fullmatch",
    # it goes from bracket to bracket through JSON, which has one at its end
    "reconcile.reading._RUN": "match",
    "source.objects._ELSEWHERE": "fullmatch",
}
"""By its name, how something is asked that is never searched for."""


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


def all_patterns() -> dict[str, dict[re.Pattern[Any], str]]:
    """By module, each with its name."""
    found: dict[re.Pattern[Any], str] = {}
    for module in pkgutil.walk_packages(bastaix.__path__, "bastaix."):
        if not module.name.endswith("__main__"):
            for name, pattern in named(module.name):
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
    repeated = (*FILLERS, *words, *(a + b for a, b in product(words[:4], FILLERS)))
    for before, part, after in product(("", *words[:1]), repeated, ("", "!")):

        def text(size: int, before: str = before, part: str = part, after: str = after) -> Any:
            whole = before + (part * size)[:size] + after
            return whole.encode() if isinstance(pattern.pattern, bytes) else whole

        yield text


def seconds(ask: Callable[[Any], object], text: str | bytes) -> float:
    started = time.process_time()
    ask(text)
    return time.process_time() - started


def is_linear(ask: Callable[[Any], object], text: Callable[[int], str | bytes]) -> bool:
    before = seconds(ask, text(SIZES[0]))
    for smaller, size in pairwise(SIZES):
        took = seconds(ask, text(size))
        if took > NOTICEABLE_SECONDS and took > GROWTH * before:
            # another process may have got in between: each once more, and the best counts
            took = min(took, *(seconds(ask, text(size)) for _ in range(2)))
            before = min(seconds(ask, text(smaller)) for _ in range(3))
            if took > NOTICEABLE_SECONDS and took > GROWTH * before:
                return False
        before = took
    return True


def slow(pattern: re.Pattern[Any], name: str) -> str | None:
    """The beginning of a text for which it is too slow."""
    ask = getattr(pattern, ANCHORED.get(name, "search"))
    return next((repr(text(60)) for text in texts(pattern) if not is_linear(ask, text)), None)


@pytest.mark.parametrize("module", sorted(PATTERNS))
def test_four_times_as_long_a_text_takes_no_pattern_more_than_ten_times_as_long(
    module: str,
) -> None:
    found = {name: slow(pattern, name) for pattern, name in PATTERNS[module].items()}
    assert {name: text for name, text in found.items() if text} == {}


def test_a_quadratic_pattern_is_told_from_a_linear_one() -> None:
    assert slow(re.compile(r"\d+ validation errors? for "), "") is not None
    assert slow(re.compile(r"^\s*-?\s*import_path:", re.MULTILINE), "") is not None
    assert slow(re.compile(r"(?<!\d)\d{1,6} validation errors? for "), "") is None


def test_what_names_a_cause_is_looked_for_at_the_beginning_of_a_line() -> None:
    named = "OutOfMemoryError: CUDA out of memory"
    near, far = f"{'x' * 900} {named}", f"{'x' * 4000} {named}"
    assert causes.cause(near, "app:build").reason == causes.reasons.ENGINE_OUT_OF_MEMORY
    assert causes.cause(far, "app:build").reason == causes.reasons.SERVE_FAILED
