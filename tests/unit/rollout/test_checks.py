"""Which check a revision is asked, when what is remembered may be anybody's text."""

from dataclasses import asdict, replace
from typing import Any

import pytest

from bastaix.api.check import Check, Expect, default_check
from bastaix.observe.observed import Observed
from bastaix.rollout.checks import Question, question_for, remembering
from bastaix.rollout.record import LARGEST_CHECK, Record
from bastaix.rollout.roles import Roles, roles
from tests.unit.observe.scenes import HASH, KEPT, MD, NOW, scene, service

ANSWERED = Check(method="GET", path="/v1/models", expect=Expect(contains="a"))


SEEN = scene(service=service(), controller_revisions=(KEPT,))


def with_record(record: Record) -> Roles:
    """Of a revision that is active, and not what the spec asks for."""
    return replace(roles(MD, SEEN, None, NOW), records={HASH: record})


def asked(record: Record, observed: Observed = SEEN) -> Question:
    return question_for(MD, observed, with_record(record), HASH)


def test_a_revision_is_asked_what_it_answered_in_its_time() -> None:
    assert asked(remembering(Record(), Question(ANSWERED))) == Question(ANSWERED)


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
    assert asked(record) == asked(Record())


def of_model(**loading: Any) -> Observed:
    config = {"applications": [{"args": {"llm_configs": [{"model_loading_config": loading}]}}]}
    kept = {**KEPT, "data": {**KEPT["data"], "template": {"serveConfig": config}}}
    return scene(service=service(), controller_revisions=(kept,))


def test_where_none_is_remembered_its_own_model_is_asked_and_not_that_of_the_spec() -> None:
    found = asked(Record(), of_model(model_id="of/before"))
    assert found.check.body == default_check("of/before")["body"]
    assert not found.is_known


@pytest.mark.parametrize("loading", [{}, {"model_id": 1}, {"model_id": "a\nb"}])
def test_where_no_model_is_known_the_list_of_them_is_asked_for(loading: dict[str, Any]) -> None:
    found = asked(Record(), of_model(**loading))
    assert (found.check.method, found.check.path) == ("GET", "/v1/models")


def test_what_was_taken_for_want_of_a_check_does_not_count_once_it_is_known() -> None:
    unknown, known = Question(ANSWERED, is_known=False), Question(ANSWERED)
    assert unknown.covers(unknown.any_answer)
    assert not known.covers(unknown.any_answer)
    assert known.covers(unknown.digest), "it was the right one all the same"


def test_one_that_is_too_large_is_not_remembered_and_a_default_one_never_is() -> None:
    large = Check(method="POST", path="/", body={"text": "x" * LARGEST_CHECK})
    assert remembering(Record(), Question(large)).check is None
    assert remembering(Record(), Question(ANSWERED, is_known=False)).check is None
