"""What a real cluster said of each cause gets the name that is expected of it."""

from pathlib import Path

import pytest

from bastaix.api.reasons import BY_GROUP, BY_NAME
from bastaix.observe.diagnose import diagnose
from bastaix.observe.text import MAX_LENGTH
from tests.corpus.causes import BY_NAME as BY_CAUSE
from tests.corpus.causes import CAUSES
from tests.corpus.elsewhere import NOT_HERE
from tests.corpus.recorded import FILES, recording
from tests.unit.bodies import body


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_names_what_the_cluster_said(file: Path) -> None:
    made = recording(file, body())
    found = diagnose(made.observed, made.revision)
    assert found.reason.name == made.expected == BY_CAUSE[file.stem].reason
    assert found.message.isprintable()
    assert 0 < len(found.message) <= MAX_LENGTH


def test_every_cause_that_objects_tell_of_is_recorded() -> None:
    assert {file.stem for file in FILES} == {
        cause.name for cause in CAUSES if cause.is_told_by_objects
    }


def test_every_reason_of_cluster_and_app_is_provoked_or_says_why_it_is_not() -> None:
    provoked = {cause.reason for cause in CAUSES}
    about = [*BY_GROUP["The cluster and its Pods"], *BY_GROUP["The app in Ray"]]
    assert {reason.name for reason in about} - provoked == set(NOT_HERE)
    assert provoked <= set(BY_NAME)
