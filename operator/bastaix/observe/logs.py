"""What the log of a worker says of a failure that Ray Serve has seen from outside alone. Pure.

An engine runs in a process of its own. Of its death Serve knows that it died; why stands in what
it wrote. Which Pods' logs are wanted is decided here, and what counts in them; reading them is the
reconciler's.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Final

from bastaix.api import reasons
from bastaix.api.reasons import Finding
from bastaix.observe import causes, serve
from bastaix.observe.observed import Object, Observed, revision_of
from bastaix.observe.text import plain, shortened

MOST_PODS: Final = 4
"""Of one revision: its replicas fail alike."""
AGAIN_SECONDS: Final = 2.0
"""Until one that could not be read is tried again, at first."""
MOST_ERRORS: Final = 100
LONGEST: Final = 1000
"""Characters of a line that are looked at."""

_UNEXPLAINED: Final = frozenset({reasons.ENGINE_INIT_FAILED, reasons.REPLICA_LOST})
# (EngineCore pid=77) ERROR 11-28 07:00:00 [core.py:866] ValueError: …
_SPEAKERS: Final = re.compile(r"(?:\([^()]*\) ?)+")
_LEVEL: Final = re.compile(r"(?P<level>[A-Z]+) \d\d-\d\d [\d:.]+ \[[^\]]*\] ?")
_ERRORS: Final = frozenset({"ERROR", "CRITICAL"})
_RAISED: Final = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception): .")


def errors(log: str) -> tuple[str, ...]:
    """The last errors in it, each once, without what a line begins with."""
    found = (error for line in plain(log) if (error := _error(line[:LONGEST])) is not None)
    # every attempt says it again, and its last words are wanted
    return tuple(reversed(tuple(dict.fromkeys(reversed(tuple(found))))[:MOST_ERRORS]))


def wanted(observed: Observed) -> Iterator[tuple[Object, str]]:
    """The Pods whose logs may say why, each with what Serve says: another word, another look."""
    for rayservice in observed.rayservices:
        app = serve.app(rayservice)
        if app is None or app.status != serve.DEPLOY_FAILED:
            continue
        said = app.said()
        if is_unexplained(causes.cause(said, serve.import_path(rayservice))):
            workers = observed.pods_of(str(revision_of(rayservice)), "worker")
            yield from ((pod, said) for pod in islice(filter(_runs, workers), MOST_PODS))


def is_unexplained(told: Finding) -> bool:
    """It says that something died, and not of what."""
    return told.reason in _UNEXPLAINED


def explained(outside: Finding, observed: Observed, revision: str) -> Finding:
    """What was seen from outside, by what the workers have written, should they say more."""
    found = []
    for pod in observed.pods_of(revision, "worker"):
        said = observed.logs.get(str(pod["metadata"].get("uid", "")), ())
        object = f"Pod/{pod['metadata']['name']}"
        if said is None:  # to say by which it will not heal would be early
            message = f"Ray Serve gave the app up; why is looked for in the log of {object}"
            return Finding(reasons.LOADING_MODEL, message, object)
        if (finding := _why(outside, said)) is not None:
            found.append(replace(finding, object=object))
    named = (each for each in found if each.reason != outside.reason)
    return next(named, found[0] if found else outside)


def _why(outside: Finding, said: tuple[str, ...]) -> Finding | None:
    named = causes.last_named(said)
    if named is not None or outside.reason != reasons.ENGINE_INIT_FAILED:
        return named
    raised = (line for line in reversed(said) if _RAISED.match(line))
    own = next((line for line in raised if not causes.is_from_outside(line)), None)
    return None if own is None else Finding(outside.reason, shortened(own))


def _error(line: str) -> str | None:
    rest = _SPEAKERS.sub("", line, count=1) if line.startswith("(") else line
    level = _LEVEL.match(rest)
    if level is not None:
        return rest[level.end() :].strip() or None if level["level"] in _ERRORS else None
    return rest.strip() if _RAISED.match(rest.strip()) else None


def _runs(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") == "Running"
