"""Keeps the NetworkPolicy of each ModelDeployment as it is meant to be.

It is no part of the story of a rollout: that the API server takes no NetworkPolicy is a warning
in the log, and nothing that serves, or is to serve, waits for it.
"""

import logging
from dataclasses import dataclass
from typing import Final

from bastaix.api import names
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.ownership import is_controlled_by
from bastaix.reconcile.cluster import Cluster, NoAnswer, Refused
from bastaix.reconcile.drift import drifted, stamped
from bastaix.reconcile.index import Name
from bastaix.reconcile.kinds import NETWORKPOLICY
from bastaix.render.networkpolicy import Reach, network_policy

RETRY_SECONDS: Final = 60.0
LONGEST_RETRY_SECONDS: Final = 600.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Refused:
    why: str
    after: float
    """Seconds until another try."""


class Isolation:
    def __init__(self, cluster: Cluster, reach: Reach | None) -> None:
        """`reach` as the settings say it; None: there are to be no policies."""
        self._cluster = cluster
        self._reach = reach
        self._refused: dict[Name, _Refused] = {}

    async def enforce(self, md: ModelDeployment) -> float | None:
        """Apply or remove the policy where that is due; the seconds until another try."""
        if not self._cluster.serves(NETWORKPOLICY):
            return None
        try:
            await self._remove(md) if self._reach is None else await self._apply(md, self._reach)
        except (NoAnswer, Refused) as refusal:
            return self._note((md.namespace, md.name), str(refusal))
        self.forget((md.namespace, md.name))
        return None

    def forget(self, name: Name) -> None:
        self._refused.pop(name, None)

    def _note(self, name: Name, why: str) -> float:
        """Say it once for as long as it is the same; the seconds until another try, ever more."""
        before = self._refused.get(name)
        if before is None or before.why != why:
            logger.warning("%s/%s has not its NetworkPolicy: %s", *name, why)
        after = RETRY_SECONDS if before is None else min(LONGEST_RETRY_SECONDS, 2 * before.after)
        self._refused[name] = _Refused(why, after)
        return after

    async def _apply(self, md: ModelDeployment, reach: Reach) -> None:
        name = md.namespace, names.network_policy_name(md.name)
        live = await self._cluster.read(NETWORKPOLICY, name)
        if live is None:  # a stranger of this name has no label, and is not in the index
            live = await self._cluster.read(NETWORKPOLICY, name, live=True)
        if live is not None and not is_controlled_by(live, md.uid):
            raise Refused(409, "NotOwned", f"{name[1]} exists and is not of this {names.KIND}")
        intent = stamped(network_policy(md, reach))
        if drifted(live, intent):
            await self._cluster.apply(NETWORKPOLICY, intent)

    async def _remove(self, md: ModelDeployment) -> None:
        name = md.namespace, names.network_policy_name(md.name)
        live = await self._cluster.read(NETWORKPOLICY, name)
        if live is not None and is_controlled_by(live, md.uid):
            await self._cluster.delete(NETWORKPOLICY, live)
