"""A ModelDeployment is done, under way or failed for kstatus exactly when it is."""

import pytest

from tests.kstatus import courses
from tests.kstatus.judge import judge
from tests.kstatus.states import ALL, State
from tests.unit.bodies import with_field


@pytest.mark.parametrize("state", ALL, ids=lambda state: state.name)
def test_kstatus_says_of_every_state_what_is_so(state: State) -> None:
    assert judge(state.body).kstatus == state.verdicts.kstatus


def test_what_is_being_deleted_is_nothing_to_wait_for() -> None:
    ready = courses.first_revision_answers()
    leaving = with_field(ready, "metadata.deletionTimestamp", "2026-01-01T00:00:00Z")
    assert judge(leaving).kstatus == "Terminating"
