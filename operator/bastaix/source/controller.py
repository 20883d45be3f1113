"""The story of one source, told anew each time anything about its ModelDeployment has changed.

Verified and held already? Failed and not yet due? Else take the artifact that is held, or fetch;
check, keep, report. What to say is decided in `verdicts`, what is kept in `keeping`, and when a
failure is tried again in `retries`; here is only the order of effects.

A credential is read when something is fetched with it and at no other time, and nothing of it
is kept, logged or put into an exception.
"""

import asyncio
import logging
import tempfile
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from bastaix.api import names, reasons
from bastaix.api.conditions import timestamp
from bastaix.api.errors import Stalled, Waiting
from bastaix.api.sources import content_key, verification_key
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.text import shortened
from bastaix.reconcile.cluster import Refused
from bastaix.reconcile.index import Name
from bastaix.reconcile.kinds import MODELDEPLOYMENT
from bastaix.source import hosts, verdicts
from bastaix.source.artifact import Artifact
from bastaix.source.cluster import Cluster, Code, Credential, Secrets, Tally
from bastaix.source.failure import SourceFailure
from bastaix.source.keeping import Artifacts
from bastaix.source.mishaps import NO_ROOM
from bastaix.source.retries import Failed, Retries
from bastaix.source.turns import Turns

PROGRESS_SECONDS: Final = 1.0
"""What takes longer is told of while it goes on."""
SECRET_POLL_SECONDS: Final = 5.0

Case = tuple[str, str, str]
"""Verification key, name and version of the credential: all that a verdict depends on."""

logger = logging.getLogger(__name__)


class Superseded(Exception):
    """What was being verified is not wanted any more."""


class Controller:
    def __init__(
        self,
        cluster: Cluster,
        secrets: Secrets,
        code: Code,
        tally: Tally,
        retries: Retries,
        turns: Turns,
        *,
        work: Path,
        keep_seconds: float,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        progress_seconds: float = PROGRESS_SECONDS,
    ) -> None:
        self._cluster = cluster
        self._secrets = secrets
        self._code = code
        self._tally = tally
        self._retries = retries
        self._turns = turns
        self._artifacts = Artifacts(secrets, keep_seconds=keep_seconds, now=now, clock=clock)
        self._work = work
        self._progress = progress_seconds
        self._now = now
        self._clock = clock
        self._judged: dict[Name, int] = {}

    async def reconcile(self, name: Name) -> float | None:
        """Bring what is said of one source up to date; the seconds until another look."""
        md = await self._read(name)
        if md is None:
            return None
        key = verification_key(md.spec)
        if key is None:
            await self._report(md, verdicts.in_image(md, self._now()))
            await self._collect(md, None)
            return None
        digest = verdicts.last_source(md).get("digest")
        if verdicts.is_verified(md, key) and digest and await self._exists(md, digest):
            self._retries.forget(name)
            await self._report(md, verdicts.still_verified(md, self._now()))
            await self._collect(md, digest)
            return None
        case = (key, md.spec.source.secret or "", await self._version(md))
        failed = self._retries.recall(name, case)
        if failed is None:
            return await self._attempt(md, case)
        await self._report(md, verdicts.failed(md, failed.finding, self._now()))
        return self._next_look(md, failed)

    async def _read(self, name: Name) -> ModelDeployment | None:
        """None: it is gone, or its spec cannot be read, which the operator says."""
        body = await self._cluster.read(MODELDEPLOYMENT, name)
        if body is None or "deletionTimestamp" in body["metadata"]:
            self._retries.forget(name)
            self._artifacts.forget(name)
            self._judged.pop(name, None)
            return None
        try:
            return ModelDeployment.from_body(body)
        except Stalled:
            return None

    async def _exists(self, md: ModelDeployment, digest: str) -> bool:
        try:
            return await self._artifacts.exists(md, digest)
        except Refused as refusal:
            if refusal.is_transient:
                raise
            return False  # what follows is refused as well, and then it is said

    async def _collect(self, md: ModelDeployment, digest: str | None) -> None:
        """What stays too long hurts nobody, so that it does is no verdict."""
        try:
            await self._artifacts.collect(md, digest)
        except Refused as refusal:
            logger.warning("%s/%s: old artifacts stay: %s", md.namespace, md.name, refusal)

    async def _version(self, md: ModelDeployment) -> str:
        """Of the credential Secret; it is asked before the Secret is read, and so never newer."""
        secret = md.spec.source.secret
        if secret is None:
            return ""
        try:
            metadata = await self._secrets.metadata((md.namespace, secret))
        except Refused as refusal:
            if refusal.is_transient:
                raise
            return "refused"  # so is reading it, and then it is said
        return str(metadata["resourceVersion"]) if metadata else "absent"

    async def _attempt(self, md: ModelDeployment, case: Case) -> float | None:
        began = self._clock()
        try:
            verdict = await self._verdict(md, case)
            md = await self._refreshed(md)
        except Superseded:
            return 0.0
        except Waiting as waiting:
            await self._report_progress(md, waiting.message)
            return waiting.after
        if isinstance(verdict, Artifact):
            self._retries.forget((md.namespace, md.name))
            await self._report(md, verdicts.verified(md, case[0], verdict, self._now()))
            self._count(md, reasons.VERIFIED, began)
            return None
        await self._report(md, verdicts.failed(md, verdict.finding, self._now()))
        self._count(md, verdict.finding.reason, began)
        return self._next_look(md, verdict)

    async def _verdict(self, md: ModelDeployment, case: Case) -> Artifact | Failed:
        try:
            return await self._telling(md, self._obtain(md, case))
        except SourceFailure as failure:
            return self._retries.remember((md.namespace, md.name), case, failure)
        except Refused as refusal:
            if refusal.is_transient:
                raise
            denied = SourceFailure(reasons.API_REFUSED, shortened(f"what must be done: {refusal}"))
            return self._retries.remember((md.namespace, md.name), case, denied)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            logger.warning("%s/%s: there is no room to work: %s", md.namespace, md.name, error)
            message = f"the source controller has no room to work: {error.strerror}"
            cut = SourceFailure(reasons.SOURCE_INTERRUPTED, message)
            return self._retries.remember((md.namespace, md.name), case, cut)

    async def _obtain(self, md: ModelDeployment, case: Case) -> Artifact:
        """The artifact, checked and kept: of what is held, else of what is fetched."""
        content, spec = content_key(md.spec.source) or "", md.spec
        held = await self._artifacts.take(md, content)
        if held is not None:
            try:
                return await self._code.recheck(held.data, spec)
            except SourceFailure as failure:
                if failure.reason != reasons.DIGEST_MISMATCH:
                    raise
                # packed by an older version, or by somebody else: then what the host has counts
        artifact = await self._fetched(md, case)
        await self._artifacts.keep(md, content, artifact)
        return artifact

    async def _fetched(self, md: ModelDeployment, case: Case) -> Artifact:
        """Waiting when it is not its turn."""
        host = hosts.named(md.spec.source)
        asker = (md.namespace, host, *case[1:])
        self._demand_no_pause(host, asker)
        with (
            self._turns.taken(md.namespace),
            tempfile.TemporaryDirectory(dir=self._work, ignore_cleanup_errors=True) as folder,
        ):
            credential = await self._credential(md)
            try:
                return await self._code.verified(md.spec, credential, Path(folder))
            except SourceFailure as failure:
                self._retries.pause(asker, failure)
                raise

    def _demand_no_pause(self, host: str, asker: Hashable) -> None:
        left = self._retries.pause_left(asker)
        if left > 0:
            when = timestamp(self._now() + timedelta(seconds=left))
            message = f"{host} wants fewer requests; the next try is after {when}"
            raise SourceFailure(reasons.SOURCE_RATE_LIMITED, message, after=left)

    async def _credential(self, md: ModelDeployment) -> Credential | None:
        secret = md.spec.source.secret
        if secret is None:
            return None
        credential = await self._secrets.data((md.namespace, secret))
        if credential is None:
            raise SourceFailure(
                reasons.SECRET_NOT_FOUND, f"namespace {md.namespace} has no Secret {secret}"
            )
        return credential

    async def _telling(self, md: ModelDeployment, work: Coroutine[Any, Any, Artifact]) -> Artifact:
        """Do this work, say that it goes on if it does for long, and end it when it is in vain."""
        task = asyncio.create_task(work)
        try:
            await asyncio.wait({task}, timeout=self._progress)
            if not task.done():
                await self._report_progress(md, reasons.FETCHING_SOURCE.meaning)
            while not task.done():
                await self._demand_wanted(md)
                await asyncio.wait({task}, timeout=self._progress)
        finally:
            task.cancel()
            await asyncio.wait({task})
        return task.result()

    async def _demand_wanted(self, md: ModelDeployment) -> None:
        """Superseded when nobody waits for this any more: it may have minutes to go."""
        body = await self._cluster.read(MODELDEPLOYMENT, (md.namespace, md.name))
        if body is None or body["metadata"]["uid"] != md.uid:
            raise Superseded
        if body["metadata"].get("generation", 1) == md.generation:
            return
        try:
            wanted = verification_key(ModelDeployment.from_body(body).spec)
        except Stalled:
            raise Superseded from None
        if wanted != verification_key(md.spec):
            raise Superseded

    async def _refreshed(self, md: ModelDeployment) -> ModelDeployment:
        """With the status that there is by now; the spec stays the one that was verified.

        Superseded when it is gone: another of its name must not be given its verdict.
        """
        body = await self._cluster.read(MODELDEPLOYMENT, (md.namespace, md.name))
        if body is None or body["metadata"]["uid"] != md.uid:
            raise Superseded
        return replace(md, status=body.get("status") or {})

    async def _report(self, md: ModelDeployment, wanted: verdicts.Status) -> None:
        """Write our part of the status if it says something new."""
        if verdicts.says(md, wanted):
            return
        manifest = {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": {"namespace": md.namespace, "name": md.name, "uid": md.uid},
            "status": wanted,
        }
        await self._cluster.apply_status(MODELDEPLOYMENT, manifest)

    async def _report_progress(self, md: ModelDeployment, message: str) -> None:
        progress = verdicts.fetching(md, self._now(), message)
        if progress is not None:
            await self._report(md, progress)

    def _next_look(self, md: ModelDeployment, failed: Failed) -> float | None:
        """When to try again, or before that, whether the credential has changed."""
        left = self._retries.left(failed)
        if left is None or md.spec.source.secret is None:
            return left
        return min(left, SECRET_POLL_SECONDS)

    def _count(self, md: ModelDeployment, reason: reasons.Reason, began: float) -> None:
        name = (md.namespace, md.name)
        self._tally.verification(reason.name)
        logger.info("%s/%s: %s", *name, reason)
        if self._judged.get(name) != md.generation:
            self._judged[name] = md.generation
            self._tally.first_verdict(self._clock() - began)
