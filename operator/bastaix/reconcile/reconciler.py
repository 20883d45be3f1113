"""The story of one ModelDeployment, told anew each time anything about it may have changed.

Keep the revision, observe, plan, remember, take the steps, ask the apps, report. Each time the
whole state is looked at, so it does not matter what woke it or how often. What to do is decided in
`plan` and `rollout`, what to say in `observe` and `rollout`; here is only the order of effects.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from bastaix.api import names, reasons
from bastaix.api.errors import Hindrance, Stalled, Waiting
from bastaix.api.reasons import Finding
from bastaix.api.sizes import LIMIT, has_lost_status
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.observed import Object, Observed, Refusal, revision_of
from bastaix.observe.ownership import Family, family, is_controlled_by
from bastaix.observe.text import shortened
from bastaix.observe.verification import verified
from bastaix.reconcile import kinds
from bastaix.reconcile.answers import Answers
from bastaix.reconcile.cluster import (
    Cluster,
    NoAnswer,
    Recorder,
    Refused,
    Tally,
    during,
    is_transient,
)
from bastaix.reconcile.drift import Manifest
from bastaix.reconcile.endings import Endings
from bastaix.reconcile.holders import demand_identity, foreign
from bastaix.reconcile.index import Body, Name, name_of
from bastaix.reconcile.isolation import Isolation
from bastaix.reconcile.logs import Logs
from bastaix.reconcile.mounts import Mounts
from bastaix.reconcile.plan import AT_ONCE, Plan, Told, plan, tell
from bastaix.reconcile.refusals import OUTDATED_SECONDS, denied, explained
from bastaix.reconcile.reports import Reports
from bastaix.reconcile.strays import Strays
from bastaix.reconcile.transitions import log_removal, log_transition
from bastaix.reconcile.waits import soonest
from bastaix.render.evaluation import OwnImage
from bastaix.render.networkpolicy import Reach
from bastaix.render.revision import (
    Revision,
    controller_revision,
    from_controller_revision,
    revision,
    revision_sha256,
)
from bastaix.rollout.memory import Memory, fields, is_news, recorded
from bastaix.rollout.roles import Roles, roles
from bastaix.rollout.status import refused, status
from bastaix.rollout.story import Said

logger = logging.getLogger(__name__)

LOOKS: Final = 8
"""In a row, before others get their turn."""
CONFLICT: Final = "Conflict"
"""By the API server, in a 409: the object is not any more what the write was decided on."""
PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
PATIENT_LAPS: Final = 3
"""So often in a row LOOKS are used up before it is said that there is no end."""


@dataclass(frozen=True)
class Goal:
    """The revision of the spec, or what keeps it from being made."""

    target: Revision | None = None
    hindrance: Hindrance | None = None
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    """Revisions whose RayService the API server does not take; it is not asked again now."""
    is_recorded: bool = True
    """What is remembered was taken by the API server when it was written last."""
    occupied: Mapping[str, Waiting] = field(default_factory=dict)
    """By kind, that a name which is needed is taken; it is not asked for again now."""


@dataclass(frozen=True)
class Refusals:
    """What could not be done of the steps, which is no reason to leave everything else undone."""

    rayservices: Mapping[str, Hindrance] = field(default_factory=dict)
    """By revision."""
    occupied: Mapping[str, Waiting] = field(default_factory=dict)
    """By kind, of the other children."""

    def __bool__(self) -> bool:
        return bool(self.rayservices or self.occupied)


class Reconciler:
    def __init__(
        self,
        cluster: Cluster,
        answers: Answers,
        recorder: Recorder,
        tally: Tally,
        now: Callable[[], datetime],
        image: OwnImage | None = None,
        endings: Endings | None = None,
        reach: Reach | None = None,
    ) -> None:
        """`image` is the operator's own, by which candidates are evaluated.

        `endings` are noted at the watch; without one only what is seen is known. `reach` says who
        may reach Ray's Pods; None: everybody.
        """
        self._cluster = cluster
        self._answers = answers
        self._recorder = recorder
        self._reports = Reports(cluster, recorder, tally, now)
        self._now = now
        self._image = image
        self._mounts = Mounts(cluster, now)
        self._endings = endings or Endings(now)
        self._logs = Logs(cluster, now)
        self._strays = Strays(now)
        self._isolation = Isolation(cluster, reach)
        self._refused: dict[Name, Mapping[str, Refusal]] = {}
        self._laps: dict[Name, int] = {}
        self._outdated: dict[Name, datetime] = {}  # when the CRD was seen to have no memory

    async def reconcile(self, name: Name) -> float | None:
        """Bring one ModelDeployment closer to its spec; the seconds until another look."""
        try:
            return await self._look(name)
        except Refused as refusal:
            if refusal.reason != CONFLICT:
                raise
        # it was decided on what is no more: somebody was faster
        for kind, child in (
            (kinds.MODELDEPLOYMENT, name),
            (kinds.SERVICE, (name[0], names.service_name(name[1]))),
        ):
            await self._cluster.read(kind, child, live=True)
        return await self._look(name)

    async def _look(self, name: Name) -> float | None:
        body = await self._cluster.read(kinds.MODELDEPLOYMENT, name)
        if body is None or "deletionTimestamp" in body["metadata"]:
            self._answers.forget(name)
            self._refused.pop(name, None)
            self._laps.pop(name, None)
            self._outdated.pop(name, None)
            for memory in (
                self._reports,
                self._mounts,
                self._endings,
                self._logs,
                self._strays,
                self._isolation,
            ):
                memory.forget(name)
            return None
        try:
            md = ModelDeployment.from_body(body)
        except Stalled as stalled:
            if has_lost_status(body):  # what were written would be less than there is
                logger.warning("%s/%s: %s", *name, stalled.finding.message)
                return None
            await self._reports.report(body, refused(body, stalled.finding, self._now()))
            return None
        goal = Goal(is_recorded=self._is_recorded(body))
        try:
            again = await self._isolation.enforce(md)
            goal = await self._goal(md, goal)
            return soonest(again, await self._pursue(md, body, goal))
        except Hindrance as hindrance:
            said = Said(hindrance.finding, isinstance(hindrance, Stalled))
            await self._tell(await self._reports.renewed(body), goal, said)
            return hindrance.after if isinstance(hindrance, Waiting) else None
        except Refused as refusal:
            if not refusal.is_transient:
                await self._deny(await self._reports.renewed(body), goal, refusal)
            raise

    async def _goal(self, md: ModelDeployment, goal: Goal) -> Goal:
        try:
            return replace(goal, target=await self._keep(md, verified(md)))
        except Hindrance as hindrance:
            return replace(goal, hindrance=hindrance)

    def _is_recorded(self, body: Body) -> bool:
        """It has a memory, or it is time to try whether it takes one."""
        name, now = name_of(body["metadata"]), self._now()
        if recorded(body) is not None:
            self._outdated.pop(name, None)
        since = self._outdated.get(name)
        return since is None or (now - since).total_seconds() >= OUTDATED_SECONDS

    def _remembering(self, body: Body, goal: Goal) -> Goal:
        """After a write: it has a memory now, or the CRD has no field for it."""
        if recorded(body) is not None:
            return goal
        self._outdated[name_of(body["metadata"])] = self._now()
        return replace(goal, is_recorded=False)

    async def _pursue(self, md: ModelDeployment, body: Body, goal: Goal) -> float | None:
        """Look, decide, act, and again while one step makes the next one possible."""
        name, written = (md.namespace, md.name), frozenset[str]()
        events: tuple[Told, ...] = ()
        for _ in range(LOOKS):
            observed, parts = await self._observe(md, body, goal)
            steps = plan(md, observed, parts, goal.hindrance, self._now())
            is_delicate = steps.removes_pods or steps.is_repair
            if is_delicate and not await self._is_current(md, body, observed):
                continue
            if goal.is_recorded and steps.acts and is_news(body, steps.memory):
                body = await self._reports.remember(body, steps.memory)
                goal = self._remembering(body, goal)
                if not goal.is_recorded:  # then less may be done
                    continue
            refusals, memory = await self._take(md, body, steps)
            if memory != steps.memory:
                body = await self._reports.remember(body, memory)
            if not (refusals and steps.rehearsals):
                events += steps.events
            if refusals:  # what follows from it is decided anew
                goal = replace(
                    goal,
                    refused={**goal.refused, **self._dated(md, refusals.rayservices)},
                    occupied={**goal.occupied, **refusals.occupied},
                )
                continue
            self._refused[name] = goal.refused
            written = _written(steps)
            if not steps.asks and steps.after != AT_ONCE:
                await self._tell(body, goal, memory=memory, events=events)
                self._laps.pop(name, None)
                return steps.after
            if steps.asks:  # that an answer is awaited is told, as it may take its time
                body = await self._attempt_to_tell(body, goal, memory, events)
                observed, parts = await self._observe(md, body, goal)
                # at the same time, as each of them may hang
                questions = (self._answers.ask(md, observed, parts, ask) for ask in steps.asks)
                await asyncio.gather(*questions)
        return await self._pause(name, body, goal, written, events)

    async def _pause(
        self,
        name: Name,
        body: Body,
        goal: Goal,
        written: frozenset[str],
        events: tuple[Told, ...],
    ) -> float:
        """Let others have their turn; where no end is in sight say so, and look more seldom."""
        laps = self._laps[name] = self._laps.get(name, 0) + 1
        if laps < PATIENT_LAPS or not written:
            await self._tell(body, goal, events=events)
            return PAUSE_SECONDS
        what = f"written again and again, and changed back: {', '.join(sorted(written))}"
        said = Said(Finding(reasons.NOT_CONVERGING, what), False)
        await self._tell(body, goal, said, events=events)
        return min(LONGEST_PAUSE_SECONDS, PAUSE_SECONDS * 2.0 ** (laps - 1))

    async def _is_current(self, md: ModelDeployment, body: Body, observed: Observed) -> bool:
        """Whether the Service is as it was seen: by it is decided whose Pods may go.

        Refused, as a write would be, if what is remembered has changed since.
        """
        name = md.namespace, md.name
        newest = await self._cluster.read(kinds.MODELDEPLOYMENT, name, live=True)
        if _version(newest) != _version(body):
            raise Refused(409, CONFLICT, f"{names.KIND} {md.name} has changed")
        live = await self._service(md, live=True)
        is_ours = live is not None and is_controlled_by(live, md.uid)
        return _version(live if is_ours else None) == _version(observed.service)

    def _dated(
        self, md: ModelDeployment, refusals: Mapping[str, Hindrance]
    ) -> Mapping[str, Refusal]:
        """With the time since when each is refused."""
        before, now = self._refused.get((md.namespace, md.name), {}), self._now()
        return {
            revision: Refusal(hindrance, before[revision].since if revision in before else now)
            for revision, hindrance in refusals.items()
        }

    async def _tell(
        self,
        body: Body,
        goal: Goal,
        said: Said | None = None,
        *,
        memory: Memory | None = None,
        events: tuple[Told, ...] = (),
    ) -> Body:
        """Report what is seen; gives the object as it is then.

        `said` is what cannot be seen: why a step could not be taken; `memory` is what was decided
        on, else what is known; `events` have been told.
        """
        md, now = ModelDeployment.from_body(body), self._now()
        observed, parts = await self._observe(md, body, goal)
        if said is None:
            said = tell(md, observed, parts, goal.hindrance, now)
        wanted = status(md, observed, parts, said, now)
        if goal.is_recorded:
            wanted["rollout"] = fields(memory or parts.memory)
        body = await self._reports.report(body, wanted, events)
        self._remembering(body, goal)
        return body

    async def _attempt_to_tell(
        self, body: Body, goal: Goal, memory: Memory, events: tuple[Told, ...]
    ) -> Body:
        """Report what is seen; a trouble of the API server's keeps no app from being asked.

        Else what answers would be said not to, for as long as no status can be written.
        """
        try:
            return await self._tell(body, goal, memory=memory, events=events)
        except (Refused, NoAnswer) as error:
            if not is_transient(error):
                raise
            return body

    async def _deny(self, body: Body, goal: Goal, refusal: Refused) -> None:
        """Report a refusal: with what is seen, unless it was seeing that was refused."""
        finding = denied(refusal)
        if not refusal.during:
            await self._reports.report(body, refused(body, finding, self._now()))
        else:
            await self._tell(body, goal, Said(finding, stalled=False))

    async def _keep(self, md: ModelDeployment, digest: str | None) -> Revision:
        """The rendering as it was kept at first, or kept now: it is rendered once.

        Of a spec with an objection nothing is rendered any more; what was before goes on.
        """
        kind, sha256 = kinds.CONTROLLERREVISION, revision_sha256(md, digest)
        name = md.namespace, names.rayservice_name(md.name, sha256[: names.HASH_LENGTH])
        kept = await self._cluster.read(kind, name)
        if kept is None:
            if md.objection is not None:
                raise Stalled(md.objection.reason, md.objection.message)
            # what the API server gives back is used, not what it got: it may write a number
            # in another way, and the rendering of today must be that of tomorrow
            manifest = controller_revision(md, revision(md, digest))
            with during("create", kind):
                kept = await self._cluster.create(kind, manifest)
        hindrance = foreign(md, kept)
        if hindrance is not None:
            raise hindrance
        found = from_controller_revision(kept)
        if found is None:
            raise Stalled(reasons.SPEC_TOO_LARGE, f"{kind} {name[1]} {LIMIT}")
        demand_identity(found, sha256)
        return found

    async def _observe(self, md: ModelDeployment, body: Body, goal: Goal) -> tuple[Observed, Roles]:
        """Everything that is seen of it now, who plays which part, and what the apps answered."""
        name = md.namespace, md.name
        service = await self._service(md)
        labelled = await self._family(md, _needed(body, service, goal.target))
        squatted = None if service is None else foreign(md, service)
        seen = Observed(
            md_body=body,
            rayservices=labelled.rayservices,
            rayclusters=labelled.rayclusters,
            pods=labelled.pods,
            jobs=labelled.jobs,
            service=None if squatted else service,
            controller_revisions=labelled.controller_revisions,
            leftovers=self._strays.leftovers(name, labelled),
            occupied={**goal.occupied, **({"Service": squatted} if squatted else {})},
            image=self._image,
            refused=goal.refused,
            is_recorded=goal.is_recorded,
            at=self._now(),
            kuberay="present" if self._cluster.serves(kinds.RAYSERVICE) else "missing",
        )
        seen = await self._mounts.told(name, self._endings.told(name, seen))
        seen = await self._logs.told(name, seen)
        now = self._now()
        seen = self._answers.recalled(md, seen, roles(md, seen, goal.target, now))
        return seen, roles(md, seen, goal.target, now)

    async def _family(self, md: ModelDeployment, needed: frozenset[str]) -> Family:
        """What bears its label, told apart; down from its own uid, so of others little is read.

        Of the revisions that are needed everything is there, however much others have.
        """
        name, owned = (md.namespace, md.name), self._cluster.owned
        rayservices = await owned(kinds.RAYSERVICE, name, {md.uid}, needed)
        rayclusters = await owned(kinds.RAYCLUSTER, name, _uids(rayservices, md.uid))
        jobs = await owned(kinds.JOB, name, {md.uid}, needed)
        # the chain first, so that only Pods of what is really ours are read
        above = family(md.name, md.uid, rayservices=rayservices, rayclusters=rayclusters, jobs=jobs)
        controllers = {found["metadata"]["uid"] for found in (*above.rayclusters, *above.jobs)}
        return family(
            md.name,
            md.uid,
            rayservices=rayservices,
            rayclusters=rayclusters,
            pods=await owned(kinds.POD, name, controllers),
            jobs=jobs,
            controller_revisions=await owned(kinds.CONTROLLERREVISION, name, {md.uid}, needed),
        )

    async def _service(self, md: ModelDeployment, *, live: bool = False) -> Body | None:
        """What has the name of the stable Service: without our label it is not in the index."""
        name = md.namespace, names.service_name(md.name)
        found = None if live else await self._cluster.read(kinds.SERVICE, name)
        return found or await self._cluster.read(kinds.SERVICE, name, live=True)

    async def _take(self, md: ModelDeployment, body: Body, steps: Plan) -> tuple[Refusals, Memory]:
        """Take the steps; gives what was refused of them, and what is to be remembered.

        After a rehearsal that is refused nothing is done, after a refusal all the rest is.
        """
        rehearsed = await self._refusals(md, steps.rehearsals, rehearsal=True)
        if rehearsed:
            return rehearsed, steps.memory
        for child in steps.deletes:
            with during("delete", kinds.of(child)):
                await self._cluster.delete(kinds.of(child), child)
            log_removal(md, child, steps.memory)
        for child, operations in steps.patches:
            with during("patch", kinds.of(child)):
                await self._cluster.patch(kinds.of(child), child, operations)
        refusals = await self._refusals(md, steps.applies)
        for told in steps.events:
            log_transition(md, told)
            await self._recorder.record(
                body, reason=told.reason.name, note=shortened(told.note), good=told.good
            )
        memory, occupied = steps.memory, dict(refusals.occupied)
        for manifest in steps.creates:
            made = await self._create_job(md, manifest)
            if isinstance(made, Waiting):
                occupied[manifest["kind"]] = made
            elif made is not None:
                memory = memory.with_job(*made)
        return Refusals(refusals.rayservices, occupied), memory

    async def _create_job(
        self, md: ModelDeployment, manifest: Manifest
    ) -> tuple[str, str, str] | Waiting | None:
        """Make it; gives which revision it evaluates, its uid, by which alone it is believed, and
        by which key it was made: its annotations may be changed by others.

        None: one was there that is controlled by the ModelDeployment and of which nothing is
        remembered, as anybody may make it. It goes, and the next look makes ours.
        """
        try:
            with during("create", kinds.JOB):
                made = await self._cluster.create(kinds.JOB, manifest, is_new=True)
        except Refused as refusal:
            if refusal.status != 409:
                raise
            live = await self._cluster.read(kinds.JOB, name_of(manifest["metadata"]), live=True)
            if live is None:  # no news would come of what was never made
                raise
            taken = foreign(md, live)
            if taken is None:
                await self._cluster.delete(kinds.JOB, live)
            return taken
        wanted, uid = manifest["metadata"], made["metadata"]["uid"]
        key = wanted["annotations"][names.KEY_SHA256_ANNOTATION]
        return wanted["labels"][names.EVALUATION_LABEL], uid, key

    async def _refusals(
        self, md: ModelDeployment, manifests: Sequence[Manifest], *, rehearsal: bool = False
    ) -> Refusals:
        """Apply what is ours; gives what was refused of it, and how.

        A stranger of the same name may not be in the index, so it is asked for.
        """
        rayservices: dict[str, Hindrance] = {}
        occupied: dict[str, Waiting] = {}
        for manifest in manifests:
            kind, name = kinds.of(manifest), name_of(manifest["metadata"])
            live = await self._cluster.read(kind, name)
            live = live or await self._cluster.read(kind, name, live=True)
            taken = None if live is None else foreign(md, live)
            if kind != kinds.RAYSERVICE and taken is not None:
                occupied[kind.name] = taken
                continue
            hindrance = taken or await self._apply(manifest, rehearsal=rehearsal)
            if hindrance is not None:
                rayservices[str(revision_of(manifest))] = hindrance
        return Refusals(rayservices, occupied)

    async def _apply(self, manifest: Manifest, *, rehearsal: bool) -> Hindrance | None:
        """Gives why a RayService was refused; of another child a refusal is an error."""
        kind = kinds.of(manifest)
        try:
            with during("apply", kind):
                await self._cluster.apply(kind, manifest, rehearsal=rehearsal)
        except Refused as refusal:
            if rehearsal and "exceeded quota" in refusal.message:
                return None  # what is to go may be what takes the place
            hindrance = explained(refusal) if kind == kinds.RAYSERVICE else None
            if hindrance is None:
                raise
            return hindrance
        return None


def _needed(body: Body, service: Body | None, target: Revision | None) -> frozenset[str]:
    """The revision of the spec, and the active one: what was decided, and what the Service says."""
    memory = recorded(body)
    decided = None if memory is None or memory.turn is None else memory.turn.revision
    selector = ((service or {}).get("spec") or {}).get("selector") or {}
    found = (decided, selector.get(names.REVISION_LABEL), target and target.hash)
    return frozenset(filter(None, found))


def _uids(objects: Sequence[Object], controller: str) -> frozenset[str]:
    """Of the objects that are controlled by it."""
    ours = (found for found in objects if is_controlled_by(found, controller))
    return frozenset(found["metadata"]["uid"] for found in ours)


def _version(found: Object | None) -> str | None:
    return None if found is None else found["metadata"].get("resourceVersion")


def _written(steps: Plan) -> frozenset[str]:
    """The objects that a plan applies or patches."""
    objects = (*steps.applies, *(child for child, _ in steps.patches))
    return frozenset(f"{kinds.of(found)} {found['metadata']['name']}" for found in objects)
