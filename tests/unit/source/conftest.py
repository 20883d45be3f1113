from pathlib import Path

import pytest

from tests.unit.source.fetching import Fetching


@pytest.fixture
def fetching(tmp_path: Path) -> Fetching:
    folder = tmp_path / "fetched"
    folder.mkdir()
    return Fetching(folder)
