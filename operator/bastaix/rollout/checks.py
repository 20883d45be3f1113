"""Which check a revision is asked: that of the spec, or the one that it answered in its time.

A check is no part of a revision and may change with the next one, the model's id in it above
all, so the one that was answered is kept in the record. Where none is, as of a revision of an
older operator or of a check that is too large, the default one is asked, with the model of the
revision: that it answers at all is then all that can be known.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from bastaix.api.check import Check, default_check, read_check
from bastaix.api.errors import Stalled
from bastaix.api.fields import Fields
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.observed import Observed
from bastaix.render.serve_config import model_id
from bastaix.rollout.record import LARGEST_CHECK, Record
from bastaix.rollout.roles import Roles, revision


@dataclass(frozen=True)
class Question:
    """What a revision is asked."""

    check: Check
    is_known: bool = True
    """False: whether it has ever answered that, nobody has written down. It fails none."""

    @property
    def digest(self) -> str:
        text = json.dumps(asdict(self.check), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def any_answer(self) -> str:
        """Instead of the digest, of an answer that was taken because no other one is known."""
        return f"{self.digest}-any"

    def covers(self, asked: str) -> bool:
        """Whether an answer that was given to this one still counts."""
        return asked == self.digest or (not self.is_known and asked == self.any_answer)


def question_for(md: ModelDeployment, observed: Observed, roles: Roles, hash: str) -> Question:
    if roles.target is not None and roles.target.hash == hash:
        return Question(md.spec.app.check)
    kept = _read(roles.record(hash).check)
    return Question(_default(observed, hash), is_known=False) if kept is None else Question(kept)


def remembering(record: Record, question: Question) -> Record:
    """With the check that was answered; one that is too large for a status is not kept."""
    if not question.is_known:
        return record
    given = asdict(question.check)
    too_large = len(json.dumps(given)) > LARGEST_CHECK
    return replace(record, check=None if too_large else given)


def is_answered(record: Record, check: Check) -> bool:
    """Whether this very check is the one that was answered last."""
    return _read(record.check) == check


def _default(observed: Observed, hash: str) -> Check:
    found = revision(observed, hash)
    config = {} if found is None else found.template.get("serveConfig")
    model = model_id(config) if isinstance(config, Mapping) else None
    return read_check(Fields(default_check(model), "check"))


def _read(given: Mapping[str, Any] | None) -> Check | None:
    """What was written down by anybody: a check that the spec could not have is none."""
    if given is None:
        return None
    try:
        return read_check(Fields(given, "check"))
    except Stalled:
        return None
