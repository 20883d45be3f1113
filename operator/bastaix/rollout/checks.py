"""Which check a revision is asked: that of the spec, or the one that it answered in its time.

A check is no part of a revision and may change with the next one, the model's id in it above
all, so the one that was answered is kept in the record.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from bastaix.api.check import Check, read_check
from bastaix.api.errors import Stalled
from bastaix.api.fields import Fields
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.rollout.record import LARGEST_CHECK, Record
from bastaix.rollout.roles import Roles


def check_for(md: ModelDeployment, roles: Roles, revision: str) -> Check:
    if roles.target is None or roles.target.hash != revision:
        kept = _read(roles.record(revision).check)
        if kept is not None:
            return kept
    return md.spec.app.check


def digest(check: Check) -> str:
    text = json.dumps(asdict(check), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def remembering(record: Record, check: Check) -> Record:
    """With the check that was answered; one that is too large for an annotation is not kept."""
    given = asdict(check)
    too_large = len(json.dumps(given)) > LARGEST_CHECK
    return replace(record, check=None if too_large else given)


def _read(given: Mapping[str, Any] | None) -> Check | None:
    """What was written down by anybody: a check that the spec could not have is none."""
    if given is None:
        return None
    try:
        return read_check(Fields(given, "check"))
    except Stalled:
        return None
