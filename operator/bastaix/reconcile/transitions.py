"""One line in the log for each transition of a rollout: Events are gone after an hour."""

import logging
from collections.abc import Mapping
from typing import Any

from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.observed import revision_of
from bastaix.observe.text import shortened
from bastaix.reconcile.plan import Told
from bastaix.rollout.memory import Memory
from bastaix.rollout.record import Record

logger = logging.getLogger(__name__)


def log_transition(md: ModelDeployment, told: Told) -> None:
    _log(md, told.transition, told.revision, told.reason.name, shortened(told.note))


def log_removal(md: ModelDeployment, child: Mapping[str, Any], memory: Memory) -> None:
    """Of a RayService that was deleted: what its Pods served or tried ends with it."""
    if child["kind"] != "RayService":
        return
    revision = str(revision_of(child))
    record = memory.records.get(revision, Record())
    if md.spec.suspend:
        _log(md, "removal", revision, "Suspended", "spec.suspend is true")
    elif record.failed:
        _log(md, "withdrawal", revision, str(record.reason), "its RayService was deleted")
    else:
        _log(md, "removal", revision, "Superseded", "its RayService was deleted")


def _log(md: ModelDeployment, what: str, revision: str, reason: str, note: str) -> None:
    text = "%s/%s: %s revision=%s reason=%s generation=%d: %s"
    logger.info(text, md.namespace, md.name, what, revision, reason, md.generation, note)
