"""The commands of the two controllers: what can be put right is told in one line."""

import pytest
from click.testing import CliRunner

from bastaix.cli import main


@pytest.mark.parametrize("command", ["operator", "source"])
def test_a_setting_that_cannot_be_used_ends_the_command_in_one_line(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--workers", "many"])
    assert result.exit_code == 1
    assert result.output == "Error: workers must be a number from 1 to 64, not 'many'\n"


def test_the_environment_says_what_may_be_reached() -> None:
    environment = {"BASTAIX_SOURCE_HOSTS": "https://git.corp"}
    result = CliRunner().invoke(main, ["source"], env=environment)
    assert result.exit_code == 1
    assert "source hosts must be HOST" in result.output


def test_a_folder_that_cannot_be_written_to_is_named() -> None:
    result = CliRunner().invoke(main, ["source"], env={"BASTAIX_SOURCE_WORK": "/nowhere"})
    assert result.exit_code == 1
    assert "source work must be a folder that can be written to, not /nowhere" in result.output
