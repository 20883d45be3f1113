"""Where a line of evidence was taken from, with the lines around it. Pure.

A reason has one line of evidence; the traceback in which it stands says where it came from.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bastaix.observe import serve
from bastaix.observe.masking import masked
from bastaix.observe.text import ANSI, shortened
from bastaix.plugin.around import Around
from bastaix.plugin.seen import Object
from bastaix.reconcile.kinds import POD, RAYCLUSTER, RAYSERVICE

BEFORE: Final = 6
AFTER: Final = 2
SHORTEST: Final = 12
"""Shorter lines fit too easily."""


@dataclass(frozen=True)
class Context:
    source: str
    lines: tuple[str, ...]
    """The one that was taken begins with `>`."""


def context(around: Around, evidence: str) -> Context | None:
    """None: nothing says more than the line itself."""
    for source, text in _texts(around):
        # as a whole, as a secret may go over lines
        shown_lines = (shortened(line) for line in ANSI.sub("", masked(text)).splitlines())
        lines = [line.rstrip() for line in shown_lines if line.strip()]
        fitting = [i for i, line in enumerate(lines) if _fits(line.strip(), evidence)]
        if not fitting or len(lines) == 1:
            continue
        at = max(fitting, key=lambda index: (len(lines[index]), index))
        shown = range(max(at - BEFORE, 0), min(at + AFTER + 1, len(lines)))
        return Context(source, tuple(f"{'>' if i == at else ' '} {lines[i]}" for i in shown))
    return None


def _fits(line: str, evidence: str) -> bool:
    return len(line) >= SHORTEST and line in evidence


def _texts(around: Around) -> Iterator[tuple[str, str]]:
    """Whatever of theirs may be long."""
    for each in around.of(RAYSERVICE):
        app = serve.app(each)
        if app is not None:
            yield f"RayService {_name(each)}, the app in Ray Serve", app.said()
    for kind in (RAYSERVICE, RAYCLUSTER, POD):
        for each in around.of(kind):
            for condition in (each.get("status") or {}).get("conditions") or ():
                yield f"{kind.name} {_name(each)}", str(condition.get("message") or "")
    for pod in around.of(POD):
        for container in _containers(pod):
            for moment in (container.get("state") or {}, container.get("lastState") or {}):
                for state in moment.values():
                    source = f"Pod {_name(pod)}, container {container.get('name')}"
                    yield source, str((state or {}).get("message") or "")


def _containers(pod: Object) -> Iterator[Object]:
    status = pod.get("status") or {}
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _name(body: Object) -> str:
    return str(body["metadata"]["name"])
