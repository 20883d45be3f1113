"""Reads what goes into a bundle, and writes it to a file that only its user may read."""

import asyncio
import io
import os
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from bastaix.plugin.around import Unread
from bastaix.plugin.packing import BYTES, LINES, Log, files, logs
from bastaix.plugin.progress import At, progress
from bastaix.plugin.seen import Object
from bastaix.plugin.session import Session, Trouble
from bastaix.reconcile.kinds import Kind

DEPLOYMENT: Final = Kind("apps", "v1", "deployments", "Deployment")
OPERATORS: Final = {"labelSelector": "app.kubernetes.io/name in (bastaix, kuberay-operator)"}
MOST_LOGS: Final = 200
AT_ONCE: Final = 4
MODE: Final = 0o600
# Of a log that is longer the API server gives the beginning, and what is wanted is its end.
MOST_BYTES: Final = 4 * 1024 * 1024
KEPT_BYTES: Final = 4 * BYTES
"""Of one, while all are read; of that the end is packed, when what is to go has gone from it."""


async def bundle(
    session: Session, name: str, say: Callable[[str], object], *, with_args: bool = False
) -> bytes:
    """The zip; `with_args` keeps the texts in arguments."""
    async with progress(say) as at:
        at("reading objects and Events")
        around = await session.around(name)
        at("reading versions")
        versions = await _versions(session)
        read = await read_logs(session, logs(around), at)
        at("packing")
        now = datetime.now(UTC)
        # not on the loop, which says meanwhile that it is being done
        return await asyncio.to_thread(
            lambda: _zip(name, files(around, read, versions, now, with_args=with_args), now)
        )


def usual(name: str, now: datetime) -> Path:
    """In the folder where its user is, whatever was given as a name."""
    return Path(f"bastaix-{name.replace('/', '-')}-{now:%Y%m%dT%H%M%SZ}.zip")


def free(path: Path, *, force: bool) -> Path:
    """Trouble before anything is read, if it cannot be written afterwards."""
    if path.exists() and not force:
        raise Trouble(f"{path} is there already: choose another file (-o), or give --force")
    if not path.parent.is_dir():
        raise Trouble(f"there is no folder {path.parent}: make it, or choose another file (-o)")
    return path


def write(path: Path, data: bytes, *, force: bool) -> None:
    """All of it or nothing, and for nobody else to read at any moment."""
    try:
        if force:
            _replace(path, data)
        else:
            _create(path, data)
    except FileExistsError:
        free(path, force=False)
    except OSError as error:
        raise Trouble(f"cannot write {path}: {error.strerror}") from error


def _create(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _replace(path: Path, data: bytes) -> None:
    """By another file: who has the old one open, or may read it, reads nothing of this."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    _create(half, data)
    try:
        half.replace(path)
    except BaseException:
        half.unlink(missing_ok=True)
        raise


async def read_logs(session: Session, wanted: Sequence[Log], at: At) -> dict[Log, bytes | Unread]:
    few = asyncio.Semaphore(AT_ONCE)
    count = 0

    async def read(log: Log) -> bytes | Unread:
        nonlocal count
        async with few:
            count += 1
            at(f"reading logs, {count} of {len(wanted)}: {log.pod}/{log.container}")
            query = {"container": log.container, "tailLines": str(LINES)}
            query["limitBytes"] = str(MOST_BYTES)
            found = await session.log(
                log.pod, query | ({"previous": "true"} if log.is_previous else {})
            )
            return found if isinstance(found, Unread) else found[-KEPT_BYTES:]

    taken = wanted[:MOST_LOGS]
    found: dict[Log, bytes | Unread] = dict(
        zip(taken, await asyncio.gather(*map(read, taken)), strict=True)
    )
    left = Unread("failed", f"there are more than {MOST_LOGS} logs")
    return {**found, **dict.fromkeys(wanted[MOST_LOGS:], left)}


async def _versions(session: Session) -> dict[str, Any | Unread]:
    server = await session.fetched("/version")
    found = await session.listed(DEPLOYMENT, OPERATORS, everywhere=True)
    return {
        "kubectl-bastaix": _own(),
        "kubernetes": server if isinstance(server, Unread) else server.get("gitVersion"),
        "operators": found if isinstance(found, Unread) else [_operator(each) for each in found],
    }


def _operator(deployment: Object) -> dict[str, Any]:
    metadata = deployment["metadata"]
    containers = deployment["spec"]["template"]["spec"]["containers"]
    return {
        "deployment": f"{metadata['namespace']}/{metadata['name']}",
        "images": [each.get("image") for each in containers],
    }


def _own() -> str:
    try:
        return version("bastaix")
    except PackageNotFoundError:
        return "not installed as a package"


def _zip(name: str, texts: dict[str, str], now: datetime) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in texts.items():
            info = zipfile.ZipInfo(f"bastaix-{name}/{path}", now.timetuple()[:6])
            info.external_attr = 0o100600 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, text.encode(errors="replace"))
    return buffer.getvalue()
