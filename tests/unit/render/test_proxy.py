"""The shell that a Pod runs before Ray starts, in a real one."""

import subprocess

import pytest

from bastaix.render import proxy


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, proxy.PATH),
        ({"PYTHONPATH": ""}, proxy.PATH),
        ({"PYTHONPATH": "/theirs:/other"}, f"{proxy.PATH}:/theirs:/other"),
    ],
)
def test_who_has_a_python_path_keeps_it(given: dict[str, str], expected: str) -> None:
    (export,) = proxy.ARGS
    shell = ["/bin/bash", "-lc", f"{export} && printenv PYTHONPATH"]
    env = {"PATH": "/usr/bin:/bin", **given}
    said = subprocess.run(shell, env=env, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == expected
