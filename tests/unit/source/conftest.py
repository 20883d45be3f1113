from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.source.fetching import Fetching
from tests.unit.source.unpacking import UnpackServer


@pytest.fixture
def fetching(tmp_path: Path) -> Fetching:
    folder = tmp_path / "fetched"
    folder.mkdir()
    return Fetching(folder)


@pytest.fixture(scope="session")
def unpack_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnpackServer]:
    with UnpackServer(tmp_path_factory.mktemp("unpack") / "socket") as server:
        yield server
