"""From a source to its artifact: addressed, fetched, held against the pin, opened and checked.

Here is the order alone; each step says for itself why it cannot go on.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from bastaix.api import reasons
from bastaix.api.v1alpha1 import Archive, Source, Spec
from bastaix.source import credential, hosts, objects
from bastaix.source.artifact import Artifact, Checks, Selection
from bastaix.source.credential import Secret
from bastaix.source.failure import SourceFailure
from bastaix.source.fetch import Fetched, fetch
from bastaix.source.hosts import Address
from bastaix.source.policy import Policy
from bastaix.source.sandbox import Sandbox
from bastaix.source.transport import Trust


async def verified(
    spec: Spec,
    secret: Secret | None,
    policy: Policy,
    folder: Path,
    sandbox: Sandbox,
    *,
    arrived: Callable[[int], None] | None = None,
    trust: Trust | None = None,
    fetching: AbstractAsyncContextManager[None] | None = None,
    opening: AbstractAsyncContextManager[None] | None = None,
    is_known: bool = False,
) -> Artifact:
    """The artifact of a source with code to fetch; `folder` is private, and empty at the end.

    `is_known`: its digest is, so the rest of the spec, which may be of another code, is no matter.
    `arrived` is told the bytes of the archive as it came; it is fetched within `fetching`, and
    opened within `opening`.
    """
    async with fetching or nullcontext():
        archive = await fetched(spec.source, secret, policy, folder, trust)
    try:
        if arrived is not None:
            arrived(archive.stat().st_size)
        async with opening or nullcontext():
            return await opened(archive, spec, sandbox, is_known=is_known)
    finally:
        archive.unlink(missing_ok=True)


async def opened(
    archive: Path,
    spec: Spec,
    sandbox: Sandbox,
    *,
    from_host: bool = True,
    is_known: bool = False,
) -> Artifact:
    """The artifact of an archive that has been held against its pin."""
    selected = selection(spec.source)
    if from_host and spec.source.git is not None:
        selected = replace(selected, wrapped=hosts.address(spec.source.git).kind.wrapped)
    try:
        wanted = None if is_known else checks(spec)
        return await sandbox.open_archive(archive, selected, wanted)
    except SourceFailure as failure:
        if failure.reason is reasons.SOURCE_NOT_ARCHIVE and spec.source.archive is not None:
            # it is what was pinned, so nobody will ever send a better one
            raise SourceFailure(reasons.ARCHIVE_DAMAGED, failure.message) from failure
        raise


async def fetched(
    source: Source,
    secret: Secret | None,
    policy: Policy,
    folder: Path,
    trust: Trust | None = None,
) -> Path:
    """The archive as it came, in a file in the folder."""
    into = folder / "archive.zip"
    if source.git is not None:
        return (await _fetch(hosts.address(source.git), secret, into, policy, trust)).path
    if source.archive is None:
        raise ValueError("a source in the image has nothing to fetch")
    archive = source.archive
    if objects.are_meant(archive.url):
        found = await objects.fetch(archive, secret, into, policy)
    else:
        found = await _fetch(hosts.archive_address(archive), secret, into, policy, trust)
    _compare(archive, found)
    return found.path


def selection(source: Source) -> Selection:
    chosen = source.git or source.archive
    if chosen is None:
        raise ValueError("a source in the image has nothing to select from")
    return Selection(path=chosen.path, exclude=chosen.exclude, commit=source.commit)


def checks(spec: Spec) -> Checks:
    gate = spec.rollout.gate
    return Checks(
        import_path=spec.app.import_path,
        image=spec.runtime.image,
        ray_version=spec.runtime.ray_version,
        dataset=None if gate is None else gate.path,
        own_evaluator=gate is not None and gate.evaluator is not None,
    )


async def _fetch(
    address: Address, secret: Secret | None, into: Path, policy: Policy, trust: Trust | None
) -> Fetched:
    given = None if secret is None else credential.read(secret, address.secret_host)
    return await fetch(address, given, into, policy, trust=trust)


def _compare(archive: Archive, found: Fetched) -> None:
    if found.sha256 != archive.sha256:
        found.path.unlink()
        raise SourceFailure(
            reasons.DIGEST_MISMATCH,
            f"{archive.url.partition('?')[0]} has the sha256 {found.sha256},"
            f" not the pinned {archive.sha256}",
        )
