"""What the apps are run with: an interpreter that has Ray and vLLM, and a small model."""

import os

import pytest


@pytest.fixture(scope="session")
def ray_python() -> str:
    """The interpreter of an environment made from serve_apps/requirements.txt."""
    found = os.environ.get("BASTAIX_RAY_PYTHON")
    if not found:
        pytest.fail("set BASTAIX_RAY_PYTHON to a Python that has Ray, or run `make test-serve`")
    return found


@pytest.fixture(scope="session")
def model_folder() -> str:
    """A folder with SmolLM2; BASTAIX_MODEL, or the one the cluster serves."""
    given = os.environ.get("BASTAIX_MODEL")
    if given:
        return given
    from cluster import model

    return str(model.ensure())
