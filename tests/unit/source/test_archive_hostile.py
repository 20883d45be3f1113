"""What has harmed others is refused, for its own reason, in a line that can be shown."""

import io

import pytest

from bastaix.source.archive import read_tree
from bastaix.source.failure import SourceFailure
from tests.unit.source.hostile import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_hostile_archive_is_refused_for_what_it_does(case: Case) -> None:
    with pytest.raises(SourceFailure) as refused:
        read_tree(io.BytesIO(case.archive), case.selection)
    assert refused.value.reason is case.reason
    assert case.says in refused.value.message
    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 1_000
