"""The commands themselves: what they teach, and what is told when there is no cluster."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from bastaix.plugin.commands import main

COMMANDS = ["status", "history", "diff", "promote", "rollback", "retry", "pause", "why", "bundle"]
ARGUMENTS = {"diff": ["active", "candidate"]}


def test_every_command_is_known() -> None:
    assert sorted(main.commands) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_by_an_example_and_names_kubectls_own_options(command: str) -> None:
    text = CliRunner().invoke(main, [command, "--help"]).output
    assert f"\n    kubectl bastaix {command} smollm2" in text
    for option in ("--namespace", "--context", "--kubeconfig"):
        assert option in text


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("content", [None, "{", "apiVersion: v1"])
def test_without_a_usable_kubeconfig_one_line_says_what_to_do(
    command: str, content: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "kubeconfig"
    if content is not None:
        file.write_text(content)
    given = [command, "x", *ARGUMENTS.get(command, []), "--kubeconfig", str(file)]
    result = CliRunner().invoke(main, given)
    assert result.exit_code == (2 if command == "diff" else 1)
    assert result.stderr.startswith("Error: no usable kubeconfig: ")
    assert "give --kubeconfig FILE and --context NAME" in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
