"""Which check a revision is asked, when what is remembered may be anybody's text."""

from dataclasses import asdict, replace
from typing import Any

import pytest

from bastaix.api.check import Check, Expect
from bastaix.rollout.checks import check_for, remembering
from bastaix.rollout.record import Record
from bastaix.rollout.roles import Roles, roles
from tests.unit.observe.scenes import HASH, KEPT, MD, NOW, scene, service

ANSWERED = Check(method="GET", path="/v1/models", expect=Expect(contains="a"))


def with_record(record: Record) -> Roles:
    """Of a revision that is active, and not what the spec asks for."""
    found = roles(MD, scene(service=service(), controller_revisions=(KEPT,)), None, NOW)
    return replace(found, records={HASH: record})


def test_a_revision_is_asked_what_it_answered_in_its_time() -> None:
    assert check_for(MD, with_record(remembering(Record(), ANSWERED)), HASH) == ANSWERED


@pytest.mark.parametrize(
    "forged",
    [
        {"method": "DELETE"},
        {"path": "@127.0.0.1:9090/-/quit"},
        {"path": ["/"]},
        {"body": {"any": "json"}},
        {"expect": {"status": "200"}},
        {"expect": None, "path": None},
    ],
)
def test_a_check_that_no_spec_could_have_is_never_sent(forged: dict[str, Any]) -> None:
    record = Record(check={**asdict(ANSWERED), **forged})
    assert check_for(MD, with_record(record), HASH) == MD.spec.app.check
