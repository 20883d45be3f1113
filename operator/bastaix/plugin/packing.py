"""The files of a bundle: what is told of a ModelDeployment to somebody who may not look. Pure.

Everything goes through a `Redaction`; which objects are read is decided elsewhere, and no Secret
and no ConfigMap is among them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import yaml

from bastaix.api import names
from bastaix.api.conditions import timestamp
from bastaix.observe.text import ANSI
from bastaix.plugin.around import Around, Unread
from bastaix.plugin.redacting import Redaction, redaction
from bastaix.plugin.seen import Object
from bastaix.plugin.why import why
from bastaix.reconcile.kinds import POD, RAYCLUSTER, RAYSERVICE

LINES: Final = 400
BYTES: Final = 256 * 1024
WIDTH: Final = 200


@dataclass(frozen=True)
class Log:
    """Of one container: what it writes, or wrote before it was started again."""

    pod: str
    container: str
    is_previous: bool = False

    @property
    def path(self) -> str:
        return f"logs/{self.pod}/{self.container}{'.previous' if self.is_previous else ''}.log"


def logs(around: Around) -> list[Log]:
    """Those that there may be. Asked for one of a Pod on no node, the API server says nothing."""
    found = []
    for pod in filter(_is_placed, around.of(POD)):
        restarts = {each["name"]: each.get("restartCount", 0) for each in _statuses(pod)}
        spec = pod.get("spec") or {}
        for each in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
            log = Log(str(pod["metadata"]["name"]), str(each["name"]))
            found.append(log)
            if restarts.get(each["name"]):
                found.append(Log(log.pod, log.container, is_previous=True))
    return found


def _is_placed(pod: Object) -> bool:
    return bool((pod.get("spec") or {}).get("nodeName"))


def tail(text: str) -> str:
    """The end of it, in whole lines as far as there are any."""
    data = text.encode(errors="replace")
    cut = data[-BYTES:]
    lines = cut.decode(errors="ignore").splitlines(keepends=True)
    if len(cut) < len(data) and len(lines) > 1:
        lines = lines[1:]
    return "".join(lines[-LINES:])


def files(
    around: Around,
    read: Mapping[Log, bytes | Unread],
    versions: Mapping[str, Any | Unread],
    now: datetime,
    *,
    with_args: bool = False,
) -> dict[str, str]:
    """What is in it, by path, the README first."""
    bodies = list(_bodies(around))
    hidden = redaction([*bodies, *around.events], _public(around), with_args=with_args)
    found = {
        "why.txt": "\n".join(why(_hidden(around, hidden), now, WIDTH)) + "\n",
        "versions.yaml": _yaml(hidden.body({**_told(versions), **_images(around)})),
        "events.yaml": _yaml([hidden.body(each) for each in around.events]),
    }
    for body in bodies:
        kind, name = str(body["kind"]), str(body["metadata"]["name"])
        found[f"objects/{kind}/{name}.yaml"] = _yaml(hidden.body(body))
    for body in around.of(RAYSERVICE):
        status = hidden.body(body).get("status") or {}
        found[f"serve/{body['metadata']['name']}.yaml"] = _yaml(status)
    for log, data in read.items():
        if isinstance(data, bytes):
            # in this order: what is cut in two or coloured is not found any more
            text = ANSI.sub("", data.decode(errors="replace"))
            found[log.path] = tail(hidden.text(text))
    missing = [*_missing(around, read, hidden), *_untold(versions)]
    readme = _readme(around, sorted(found), missing, now, with_args=with_args)
    return {"README.txt": readme, **found}


def _bodies(around: Around) -> Iterator[Object]:
    md = {"apiVersion": names.API_VERSION, "kind": names.KIND, **around.seen.body}
    yield md
    if around.service is not None:
        yield {"apiVersion": "v1", "kind": "Service", **around.service}
    for bodies in around.objects.values():
        yield from bodies


def _hidden(around: Around, hidden: Redaction) -> Around:
    """What is told in lines that are broken and cut is taken from what holds no secret."""
    seen = around.seen
    kept = tuple(
        replace(each, record=replace(each.record, message=hidden.text(each.record.message or "")))
        for each in seen.kept
    )
    events = None if seen.events is None else tuple(map(hidden.body, seen.events))
    objects = {kind: tuple(map(hidden.body, each)) for kind, each in around.objects.items()}
    service = around.service and hidden.body(around.service)
    seen = replace(seen, body=hidden.body(seen.body), kept=kept, events=events)
    unread = {
        kind: replace(each, message=hidden.text(each.message))
        for kind, each in around.unread.items()
    }
    return replace(around, seen=seen, objects=objects, service=service, unread=unread)


def _public(around: Around) -> Iterator[str]:
    """Names that stand in every line and are no secret, though a variable may hold one."""
    yield around.seen.namespace
    for body in _bodies(around):
        yield str(body["metadata"]["name"])
    spec = around.seen.body.get("spec") or {}
    for part, name in (("model", "id"), ("app", "importPath")):
        yield str((spec.get(part) or {}).get(name) or "")
    yield from _running(around)


def _images(around: Around) -> dict[str, Any]:
    rays = {str((e.get("spec") or {}).get("rayVersion") or "") for e in around.of(RAYCLUSTER)}
    return {"ray": sorted(rays - {""}), "images": sorted(set(_running(around)))}


def _told(versions: Mapping[str, Any | Unread]) -> dict[str, Any]:
    return {
        key: f"not read: {each.message}" if isinstance(each, Unread) else each
        for key, each in versions.items()
    }


def _untold(versions: Mapping[str, Any | Unread]) -> Iterator[str]:
    for key, each in versions.items():
        if isinstance(each, Unread):
            yield f"the version of {key}: {each.message}"


def _running(around: Around) -> Iterator[str]:
    for pod in around.of(POD):
        for each in (pod.get("spec") or {}).get("containers") or ():
            yield str(each.get("image"))
        for each in _statuses(pod):
            if each.get("imageID"):
                yield str(each["imageID"])


def _statuses(pod: Object) -> Iterator[Object]:
    status = pod.get("status") or {}
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _missing(
    around: Around, read: Mapping[Log, bytes | Unread], hidden: Redaction
) -> Iterator[str]:
    for kind, unread in around.unread.items():
        yield hidden.text(f"{kind.name}s: {unread.message}")
    for pod in around.of(POD):
        if not _is_placed(pod):
            yield f"logs/{pod['metadata']['name']}: the Pod is on no node, so nothing has run in it"
    for log, data in read.items():
        if isinstance(data, Unread):
            yield hidden.text(f"{log.path}: {data.message}")


def _yaml(value: object) -> str:
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """A text of many lines is to be read as one."""
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _string)


def _readme(
    around: Around,
    paths: Sequence[str],
    missing: Iterable[str],
    now: datetime,
    *,
    with_args: bool,
) -> str:
    seen = around.seen
    lines = [
        f"ModelDeployment {seen.name} in namespace {seen.namespace}, at {timestamp(now)}.",
        "Packed by `kubectl bastaix bundle`, which reads as its user and changes nothing.",
        "",
        "Begin with why.txt: what is wrong, where, and what to do.",
        "",
        "What is in it:",
        *(f"  {path}" for path in paths),
        "",
        "What could not be read:",
        *([f"  {each}" for each in missing] or ["  nothing"]),
        "",
        *_LEFT_OUT,
        _WITH_ARGS if with_args else _WITHOUT_ARGS,
        "",
        *_BEWARE,
    ]
    return "\n".join(lines) + "\n"


_LEFT_OUT: Final = (
    "What was left out, and stands as *** where it was:",
    "  - Secrets and ConfigMaps: none was read. Their names are in the objects.",
    "  - Values of environment variables, but for those that Bastaix and KubeRay set and for",
    "    plain numbers and yes or no. The same values wherever else they stood, if they have",
    "    8 characters or more.",
    "  - Headers, and what has the form of a known token or key, or is named like one,",
    "    in objects, Events and logs.",
    "  - managedFields, and annotations in which kubectl and others keep what was applied.",
    f"  - Of each log all but the last {LINES} lines and {BYTES // 1024} KiB.",
)
_WITHOUT_ARGS: Final = (
    "  - Texts in the arguments of the app and of evaluators (--with-args keeps them)."
)
_WITH_ARGS: Final = (
    "The arguments of the app and of evaluators are in it, as --with-args asked for."
)
_BEWARE: Final = (
    "This takes out what looks like a secret, and is no proof that none is left: a secret without",
    "a known form and a telling name cannot be told from other text, and the logs hold what the",
    "apps write, which may be prompts. Look through it before you hand it on.",
)
