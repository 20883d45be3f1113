"""What Ray Serve's kilobytes of traceback mean: one reason, and the one line that says so. Pure.

Serve hands on what was raised, wherever it was: in the builder, in a constructor, in the engine's
own process. The table below is read from its top, so what is named by its own words comes before
what it looks like from outside: a model that is not found is an error of a constructor as well.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from bastaix.api import reasons
from bastaix.api.reasons import Finding, Reason
from bastaix.observe.text import LONGEST_TEXT, cleaned, shortened

_MODULE: Final = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
_ATTRIBUTE: Final = re.compile(r"AttributeError: module '([\w.]+)' has no attribute '(\w+)'")
_NAME: Final = re.compile(
    r"ImportError: cannot import name '\w+' from (?:partially initialized module )?'([\w.]+)'"
)
_LONGEST: Final = 1000
"""Characters of a line that are looked at."""
_OF_THE_APP: Final = "/working_dir_files/"
"""In the path of each of its modules, where Ray has unpacked it."""
_PLACE: Final = re.compile(r"/working_dir_files/[^/\"]{1,100}+/([^\"]{1,300}+)\", line (\d{1,9})")
# Ray's errors carry the id of an actor, which nobody can read
_BYTES: Final = re.compile(r", b'(?:\\.|[^'\\])*+'")
_OF_PYDANTIC: Final = r"(?<!\d)\d{1,6} validation errors? for "
_VALIDATION: Final = re.compile(rf"{_OF_PYDANTIC}\w+$")
_WHILE_IMPORTED: Final = re.compile(r", in import_(module_and_)?attr$")


@dataclass(frozen=True)
class _Sign:
    """A line that fits says the reason; of several the last one, as causes come first.

    Each part of a pattern has an end: an app writes what it likes, and is looked at by the one
    thread that works for all.
    """

    reason: Reason
    pattern: re.Pattern[str]


def _sign(reason: Reason, *alternatives: str) -> _Sign:
    return _Sign(reason, re.compile("|".join(alternatives)))


_SIGNS: Final = (
    _sign(
        reasons.SHARED_MEMORY_TOO_SMALL,
        r"Insufficient space in /dev/shm",
        r"(/dev/shm|shared memory).{0,200}No space left",
        r"No space left on device.{0,20}/dev/shm",
    ),
    _sign(
        reasons.MODEL_ACCESS_DENIED,
        r"GatedRepoError",
        r"Cannot access gated repo",
        r"Access to model .{0,200} is restricted",
        r"(401|403) Client Error.{0,200}huggingface",
    ),
    _sign(
        reasons.HUB_UNREACHABLE,
        r"Please check your (internet )?connection",
        r"couldn't connect to '",
    ),
    _sign(
        reasons.MODEL_NOT_FOUND,
        r"RepositoryNotFoundError",
        r"is not a local folder and is not a valid model identifier",
        r"Repo id must (be in the form|use alphanumeric)",
        r"outgoing traffic has been disabled",
        r"OfflineModeIsEnabled",
    ),
    _sign(
        reasons.MODEL_INCOMPATIBLE,
        r"Model architectures .{0,200} (are not supported|failed to be inspected)",
        r"does not recognize this architecture",
        r"(quantization|Quantization) .{0,200} (is not|not) supported",
    ),
    _sign(
        reasons.ENGINE_OUT_OF_MEMORY,
        r"No available memory for the cache blocks",
        r"larger than the available KV cache",
        r"OutOfMemoryError: (CUDA|HIP|XPU) out of memory",
    ),
    _sign(reasons.DEVICE_MEMORY_TAKEN, r"Free memory on device .{0,200} is less than desired"),
    _sign(reasons.DISK_FULL, r"No space left on device|Disk quota exceeded"),
    _sign(reasons.NODE_LOST, r"because its node has died|[Tt]he node .{0,200} was preempted"),
    _sign(
        reasons.ENGINE_ARGUMENT_UNKNOWN,
        r"engine_kwargs has no key",  # the serve apps, which look before the engine does
        r"(Async)?EngineArgs\.__init__\(\) got an unexpected keyword argument",
        r"(Async)?EngineArgs.{0,200} has no (attribute|field)",
    ),
    _sign(
        reasons.NOT_AN_APPLICATION,
        r"Expected a built Serve application",
        r"Application builder functions (must return|should take)",
    ),
    _sign(
        reasons.ARGUMENTS_REJECTED,
        r"wrong arguments: ",
        _OF_PYDANTIC,
        r"Arguments can only be passed to an application builder",
    ),
)

_NETWORK: Final = _sign(
    reasons.CONNECTION_FAILED,
    r"Name or service not known|[Nn]ame resolution|getaddrinfo failed",
    r"Connection (refused|timed out|reset by peer)|No route to host|Network is unreachable",
    r"Read timed out|ReadTimeout|ConnectTimeout|Max retries exceeded",
    r"Could not connect to the endpoint",
    r"\b(429|5\d\d) (Client|Server) Error",
    r"DistNetworkError|client socket has timed out",
)
# vLLM says it of whatever went wrong while it looked for the model
_NOWHERE: Final = _sign(reasons.MODEL_NOT_FOUND, r"Invalid repository ID or local directory")
_OF_RAY: Final = re.compile(r"RPC|rpc|Actor\w{0,64}Error")
"""Its own connections break when a process ends, which is a consequence."""
_HANDLED: Final = "During handling of the above exception, another exception occurred:"

_LATER: Final = (
    _sign(reasons.ENGINE_INIT_FAILED, r"Engine core initialization failed"),
    _sign(
        reasons.REPLICA_LOST,
        r"ActorUnavailableError|ActorDiedError|Socket closed",
        r"The actor died unexpectedly",
        r"running low on memory",
    ),
    _sign(reasons.CONSTRUCTOR_FAILED, r"failed to start \d{1,9} times in a row"),
)
"""What says where it broke, and not why."""


@lru_cache(maxsize=64)
def cause(text: str, import_path: str) -> Finding:
    """`text` is all that Serve says of an app that failed."""
    said = cleaned(_BYTES.sub("", text[-LONGEST_TEXT:]))
    lines = [line[:_LONGEST] for line in said if line]
    found = (
        _first(lines, _SIGNS)
        or _of_imports(_unhandled(lines), import_path)
        or _of_network(lines)
        or _first(lines, (_NOWHERE,))
        or _of_imports(lines, import_path)
        or _of_runtime_env(lines)
    )
    if found is not None:
        return found
    later = _first(lines, _LATER)
    if later is not None and later.reason != reasons.CONSTRUCTOR_FAILED:
        return later
    if later is None and any(map(_WHILE_IMPORTED.search, lines)):
        return Finding(reasons.IMPORT_FAILED, _last(lines))
    return Finding(reasons.SERVE_FAILED if later is None else later.reason, _last(lines))


def last_named(lines: Sequence[str]) -> Finding | None:
    """By the last of a log's lines that names a cause: those before it may be of another attempt,
    or of what was provided for. Connections that break are as often its consequence."""
    signs = tuple(sign for sign in _SIGNS if sign.reason != reasons.ARGUMENTS_REJECTED)
    found = _last_of(lines, signs) or _last_of(_not_of_ray(lines), (_NETWORK,))
    return found or _last_of(lines, (_NOWHERE,))


def _last_of(lines: Sequence[str], signs: tuple[_Sign, ...]) -> Finding | None:
    found = (_first([line], signs) for line in reversed(lines))
    return next((each for each in found if each is not None), None)


def is_from_outside(line: str) -> bool:
    """It says where something broke, or that it did, and not why."""
    return any(sign.pattern.search(line) for sign in _LATER)


def _last(lines: list[str]) -> str:
    """The error, and where in the app it was raised."""
    if not lines:
        return "the app failed, without a word why"
    places = [match for match in map(_PLACE.search, lines) if match is not None]
    place = f"{places[-1][1]} line {places[-1][2]}: " if places else ""
    return shortened(f"{place}{lines[-1]}")


def _first(lines: list[str], signs: tuple[_Sign, ...]) -> Finding | None:
    for sign in signs:
        for at in reversed(range(len(lines))):
            if sign.pattern.search(lines[at]):
                return Finding(sign.reason, shortened(_with_field(lines, at)))
    return None


def _of_network(lines: list[str]) -> Finding | None:
    return _first(_not_of_ray(lines), (_NETWORK,))


def _not_of_ray(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if not _OF_RAY.search(line)]


def _unhandled(lines: list[str]) -> list[str]:
    """What came of it in the end: an import that fails may well be provided for."""
    handled = [at for at, line in enumerate(lines) if line == _HANDLED]
    return lines[handled[-1] :] if handled else lines


def _with_field(lines: list[str], at: int) -> str:
    """pydantic says on the next two lines which field it is, and what is wrong with it."""
    return ": ".join(lines[at : at + 3] if _VALIDATION.search(lines[at]) else lines[at : at + 1])


def _of_imports(lines: list[str], import_path: str) -> Finding | None:
    """Of the app's own modules, or of a package: they are two things to do."""
    module, _, _ = import_path.partition(":")
    own = module.partition(".")[0]

    def missing(match: re.Match[str]) -> Reason:
        is_own = match[1].partition(".")[0] == own
        return reasons.IMPORT_FAILED if is_own else reasons.DEPENDENCY_MISSING

    def attribute(match: re.Match[str]) -> Reason:
        return reasons.ATTRIBUTE_MISSING if match[1] == module else reasons.DEPENDENCY_MISFIT

    def name(match: re.Match[str]) -> Reason:
        is_own = match[1].partition(".")[0] == own or _OF_THE_APP in match.string
        return reasons.IMPORT_FAILED if is_own else reasons.DEPENDENCY_MISFIT

    rules: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Reason]], ...] = (
        (_MODULE, missing),
        (_NAME, name),
        (_ATTRIBUTE, attribute),
    )
    for line in reversed(lines):
        for pattern, reason in rules:
            match = pattern.search(line)
            if match is not None:
                return Finding(reason(match), shortened(line))
        if "attempted relative import" in line:
            return Finding(reasons.IMPORT_FAILED, shortened(line))
    return None


def _of_runtime_env(lines: list[str]) -> Finding | None:
    if not any(line.startswith("Runtime env setup for app") for line in lines):
        return None
    return Finding(reasons.RUNTIME_ENV_FAILED, shortened(lines[-1]))
