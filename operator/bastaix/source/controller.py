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
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from bastaix.api import names, reasons
from bastaix.api.conditions import timestamp
from bastaix.api.errors import Stalled
from bastaix.api.sources import content_key, verification_key
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.text import shortened
from bastaix.reconcile.cluster import Refused
from bastaix.reconcile.index import Name
from bastaix.reconcile.kinds import MODELDEPLOYMENT
from bastaix.source import anchors, hosts, verdicts
from bastaix.source.anchors import Anchor
from bastaix.source.artifact import Artifact
from bastaix.source.cluster import Cluster, Code, Credential, Secrets, Tally
from bastaix.source.failure import SourceFailure
from bastaix.source.keeping import Artifacts
from bastaix.source.losses import Losses, Lost
from bastaix.source.mishaps import NO_ROOM
from bastaix.source.retries import Failed, Retries
from bastaix.source.turns import Turns

PROGRESS_SECONDS: Final = 1.0
"""What takes longer is told of while it goes on."""
WAITS: Final = "It waits for its turn: other sources are being fetched and checked."


@dataclass(frozen=True)
class Verified:
    """An artifact that was checked, and the uid of the Secret that keeps it."""

    artifact: Artifact
    uid: str


Result = TypeVar("Result")
Case = tuple[str, str, str]
"""Verification key, name and version of the credential: all that a verdict depends on."""

logger = logging.getLogger(__name__)


class Superseded(Exception):
    """What was being verified is not wanted any more."""


class NoTurn(Exception):
    """Others work now; it waits, and is looked at when its turn is there."""


class TurnLost(NoTurn):
    """It had a turn for long, and somebody waits who has had less."""


class Controller:
    def __init__(
        self,
        cluster: Cluster,
        secrets: Secrets,
        code: Code,
        tally: Tally,
        retries: Retries,
        turns: Turns,
        wake: Callable[[Name], None],
        *,
        work: Path,
        keep_seconds: float,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        progress_seconds: float = PROGRESS_SECONDS,
    ) -> None:
        """`wake` has a source looked at, as soon as may be."""
        self._cluster = cluster
        self._secrets = secrets
        self._code = code
        self._tally = tally
        self._retries = retries
        self._turns = turns
        self._wake = wake
        self._artifacts = Artifacts(secrets, keep_seconds=keep_seconds, now=now, clock=clock)
        self._losses = Losses(secrets, clock)
        self._work = work
        self._progress = progress_seconds
        self._now = now
        self._clock = clock
        self._judged: dict[Name, int] = {}

    async def reconcile(self, name: Name) -> float | None:
        """Bring what is said of one source up to date; the seconds until another look."""
        waits = False
        try:
            waits_for = (await self._look(name), await self._restore(name))
            return min((seconds for seconds in waits_for if seconds is not None), default=None)
        except NoTurn:
            waits = True
            return None
        finally:
            if not waits:
                self._turns.release(name)

    async def _look(self, name: Name) -> float | None:
        """NoTurn: it waits, and nothing is left to do until it is woken."""
        md = await self._read(name)
        if md is None:
            return None
        key, content = verification_key(md.spec), content_key(md.spec.source)
        if key is None or content is None:
            await self._report(md, verdicts.in_image(md, self._now()))
            await self._collect(md, None)
            return None
        anchor = anchors.anchor_of(md, content)
        if md.objection is not None and not (anchor or await self._artifacts.is_named(md, content)):
            # the operator makes no revision of it, so nobody needs its code
            self._retries.forget(name)
            await self._report(md, verdicts.failed(md, md.objection, self._now()))
            return None
        if anchor is not None and verdicts.is_verified(md):
            uid = await self._uid(md, anchor)
            if uid is not None:
                self._retries.forget(name)
                anchor = replace(anchor, content=content, uid=uid)
                await self._report(md, verdicts.still_verified(md, anchor, self._now()))
                await self._collect(md, anchor.digest)
                return None
            await self._report(md, verdicts.lost(md, anchor, self._now()))
            md = await self._refreshed(md)
        case = (key, md.spec.source.secret or "", await self._version(md))
        failed = self._retries.recall(name, case)
        if failed is None:
            return await self._attempt(md, case)
        await self._report(md, verdicts.failed(md, failed.finding, self._now()))
        return self._next_look(md, failed)

    async def _restore(self, name: Name) -> float | None:
        """Make again what another revision names and somebody has deleted.

        Only its digest is known to be right, so that is compared and nothing else. Of what fails
        nothing is said in the status, which is of the spec: the Pods that wait are seen by the
        operator. NoTurn: it waits for one.
        """
        md = await self._read(name)
        if md is None:
            return None
        if not self._losses.left(md):
            try:
                is_whole = await self._restore_lost(md)
            except NoTurn as lack:
                if isinstance(lack, TurnLost):
                    self._turns.give_up(name, partial(self._wake, name))
                raise
            except Superseded:
                is_whole = False  # what the spec is now comes first, and this after a pause
            except Exception:
                self._losses.note_search(md, has_failed=True)
                raise
            self._turns.forget(name)
            self._losses.note_search(md, has_failed=not is_whole)
        return self._losses.next_look(md)

    async def _restore_lost(self, md: ModelDeployment) -> bool:
        """Whether nothing is lost any more."""
        name, failures = (md.namespace, md.name), 0
        try:
            for lost in await self._losses.find(md):
                if not self._turns.take(name, partial(self._wake, name)):
                    raise NoTurn
                failure = await self._made_again(md, lost)
                secret = names.artifact_name(md.name, lost.digest)
                said = "made again" if failure is None else failure
                logger.warning("%s/%s: Secret %s was gone: %s", *name, secret, said)
                failures += failure is not None
        except Refused as refusal:
            if refusal.is_transient:
                raise
            logger.warning("%s/%s: what is lost is not made again: %s", *name, refusal)
            return False
        return not failures

    async def _made_again(self, md: ModelDeployment, lost: Lost) -> str | None:
        """Why it could not be; None: it is there."""
        wanted = replace(md, spec=replace(md.spec, source=lost.source))

        async def work() -> None:
            case = ("", md.spec.source.secret or "", await self._version(md))
            artifact = await self._fetched(wanted, case, is_known=True)
            if artifact.digest != lost.digest:
                message = f"{lost.source.commit} gives {artifact.digest}, not {lost.digest}"
                raise SourceFailure(reasons.DIGEST_MISMATCH, message)
            await self._artifacts.keep(md, artifact)

        try:
            await self._telling(md, work(), is_told=False)
        except SourceFailure as failure:
            return f"{failure.reason}: {failure.message}"
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            return f"the source controller has no room to work: {error.strerror}"
        return None

    async def _read(self, name: Name) -> ModelDeployment | None:
        """None: it is gone, or its spec cannot be read, which the operator says."""
        body = await self._cluster.read(MODELDEPLOYMENT, name)
        if body is None or "deletionTimestamp" in body["metadata"]:
            self._retries.forget(name)
            self._artifacts.forget(name)
            self._losses.forget(name)
            self._turns.forget(name)
            self._judged.pop(name, None)
            return None
        try:
            return ModelDeployment.from_body(body)
        except Stalled:
            return None

    async def _uid(self, md: ModelDeployment, anchor: Anchor) -> str | None:
        """Of the Secret that holds what was verified; None: it is not there."""
        try:
            return await self._artifacts.uid(md, anchor)
        except Refused as refusal:
            if refusal.is_transient:
                raise
            return None  # what follows is refused as well, and then it is said

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
        name, began = (md.namespace, md.name), self._clock()
        try:
            verdict = await self._verdict(md, case)
            md = await self._refreshed(md)
        except Superseded:
            return 0.0
        except NoTurn as lack:
            if isinstance(lack, TurnLost):
                self._turns.give_up(name, partial(self._wake, name))
            await self._report_progress(md, WAITS)
            raise
        self._turns.forget(name)
        if isinstance(verdict, Verified):
            self._retries.forget(name)
            await self._report(md, self._verified(md, verdict))
            self._count(md, reasons.VERIFIED, began)
            return None
        await self._report(md, verdicts.failed(md, verdict.finding, self._now()))
        self._count(md, verdict.finding.reason, began)
        return self._next_look(md, verdict)

    def _verified(self, md: ModelDeployment, verified: Verified) -> verdicts.Status:
        artifact, now = verified.artifact, self._now()
        content = content_key(md.spec.source) or ""
        anchor = Anchor(content=content, digest=artifact.digest, uid=verified.uid, at=now)
        return verdicts.verified(md, artifact, anchor, now)

    async def _verdict(self, md: ModelDeployment, case: Case) -> Verified | Failed:
        """NoTurn when it must wait for one."""
        name = (md.namespace, md.name)
        if not self._turns.take(name, partial(self._wake, name)):
            raise NoTurn
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

    async def _obtain(self, md: ModelDeployment, case: Case) -> Verified:
        """The artifact, checked and kept: of what is held, else of what is fetched."""
        content, spec = content_key(md.spec.source) or "", md.spec
        name = (md.namespace, md.name)
        held = await self._artifacts.take(md, content)
        if held is not None:
            try:
                return Verified(await self._code.recheck(held.data, spec, name), held.uid)
            except SourceFailure as failure:
                if failure.reason != reasons.DIGEST_MISMATCH:
                    raise
                # packed by an older version: then what the host has counts
        artifact = await self._fetched(md, case)
        return Verified(artifact, await self._artifacts.keep(md, artifact))

    async def _fetched(
        self, md: ModelDeployment, case: Case, *, is_known: bool = False
    ) -> Artifact:
        host, name = hosts.named(md.spec.source), (md.namespace, md.name)
        asker = (md.namespace, host, *case[1:])
        self._demand_no_pause(host, asker)
        with tempfile.TemporaryDirectory(dir=self._work, ignore_cleanup_errors=True) as folder:
            credential = await self._credential(md)
            try:
                return await self._code.verified(
                    md.spec, credential, Path(folder), name, is_known=is_known
                )
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

    async def _telling(
        self, md: ModelDeployment, work: Coroutine[Any, Any, Result], *, is_told: bool = True
    ) -> Result:
        """Do this work, say that it goes on if it does for long, and end it when it is in vain.

        TurnLost when others are to work first.
        """
        task = asyncio.create_task(work)
        try:
            await asyncio.wait({task}, timeout=self._progress)
            if not task.done() and is_told:
                await self._report_progress(md, reasons.FETCHING_SOURCE.meaning)
            while not task.done():
                await self._demand_wanted(md)
                if self._turns.must_yield((md.namespace, md.name)):
                    raise TurnLost
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
        return min(left, self._retries.poll((md.namespace, md.name), failed))

    def _count(self, md: ModelDeployment, reason: reasons.Reason, began: float) -> None:
        name = (md.namespace, md.name)
        self._tally.verification(reason.name)
        logger.info("%s/%s: %s", *name, reason)
        if self._judged.get(name) != md.generation:
            self._judged[name] = md.generation
            self._tally.first_verdict(self._clock() - began)
