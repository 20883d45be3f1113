"""What is to be typed to see a failure without us: short, and right in a shell."""

import shlex
from dataclasses import replace
from pathlib import Path

from bastaix.api.check import Check
from bastaix.api.v1alpha1 import Archive, Git, ModelDeployment, Source
from bastaix.local import commands
from bastaix.local.commands import Shell
from bastaix.local.planning import plan
from tests.unit.bodies import MD, with_field

SHELL = Shell(python="python", serve="serve", folder="/tmp/a b", has_environment=False)
WITH_ENVIRONMENT = replace(SHELL, has_environment=True)
GIT = Source(git=Git(repository="https://git/a b", commit="c" * 40, path="apps/chat"))


def test_an_import_is_pythons_own() -> None:
    assert commands.importing(SHELL, "app:build", name_too=False) == (
        """cd '/tmp/a b/code' && python -c "import app\"""",
    )


def test_a_name_is_asked_for_as_well_where_it_is_what_is_missing() -> None:
    (command,) = commands.importing(SHELL, "app:build", name_too=True)
    assert command.endswith('python -c "import app; app.build"')


def test_the_environment_is_read_only_if_it_takes_it() -> None:
    plain, sourced = commands.importing(WITH_ENVIRONMENT, "app:build", name_too=False)
    assert "environment.sh" not in plain
    assert "&& . ../environment.sh && python" in sourced


def test_a_build_gets_its_arguments_from_the_file_beside() -> None:
    (command,) = commands.building(SHELL, "app:build")
    assert shlex.split(command)[-1] == (
        "import json, app; app.build(json.load(open('../args.json')))"
    )


def test_serving_is_ray_serves_own_command() -> None:
    assert commands.serving(SHELL) == "cd '/tmp/a b' && serve run config.yaml"
    assert ". ./environment.sh && serve run" in commands.serving(WITH_ENVIRONMENT)


def test_a_machine_with_another_number_of_cpus_has_ray_told_of_it() -> None:
    assert commands.serving(replace(SHELL, cpus=3)).endswith(
        """RAY_OVERRIDE_RESOURCES='{"CPU": 3}' serve run config.yaml"""
    )


def test_a_question_is_curls() -> None:
    body = {"messages": [{"role": "user", "content": "don't"}]}
    check = Check(method="POST", path="/v1/chat/completions", body=body)
    words = shlex.split(commands.asking(check, 8000))
    assert words[:3] == ["curl", "-i", "http://127.0.0.1:8000/v1/chat/completions"]
    assert words[-1] == '{"messages": [{"role": "user", "content": "don\'t"}]}'
    assert commands.asking(Check(method="GET", path="/"), 1) == "curl -i http://127.0.0.1:1/"


def test_a_source_is_fetched_by_git_or_curl() -> None:
    command = commands.fetching(GIT)
    assert command is not None
    assert command.endswith(f"fetch --depth 1 -- 'https://git/a b' {'c' * 40}")
    assert "$(mktemp -d)" in command
    https, s3 = (Archive(url=f"{each}://host/a.zip", sha256="0" * 64) for each in ("https", "s3"))
    assert commands.fetching(Source(archive=https)) == (
        "curl -fsSL -- https://host/a.zip | sha256sum"
    )
    assert commands.fetching(Source(archive=s3)) is None


def test_a_working_tree_is_looked_at_where_its_code_is() -> None:
    assert commands.looking(".", GIT, "python", "app:build") == (
        'cd ./apps/chat && python -c "import app; app.build"'
    )


def test_no_secret_is_written_into_the_file_for_the_shell() -> None:
    env = [
        {"name": "MODE", "value": "a b"},
        {"name": "no.shell.name", "value": "x"},
        {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}},
    ]
    md = ModelDeployment.from_body(with_field(MD, "spec.runtime.env", env))
    made = plan(md, {"models": Path("/data")}, {"HF_TOKEN": "hf_secret"})
    text = commands.environment_file(made)
    assert "export MODE='a b'\n" in text
    assert "no.shell.name" not in text
    assert text.endswith("# HF_TOKEN: as it is exported already\n")
    assert "hf_secret" not in text


def test_what_is_offered_for_copying_runs_nothing_of_others() -> None:
    evil = "x; touch owned; $(touch owned) `touch owned` #"
    git = Source(git=Git(repository=f"--upload-pack={evil}", commit=evil))
    check = Check(method=evil, path=f"/{evil}", body=None)
    for command in (commands.fetching(git), commands.asking(check, 1)):
        assert command is not None
        assert evil in " ".join(shlex.split(command))
        assert not any(word in ("touch", "owned") for word in shlex.split(command))
