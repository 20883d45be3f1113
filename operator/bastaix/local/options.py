"""The options that `reprex` and `run` have in common."""

from collections.abc import Callable
from pathlib import Path

import click


def local_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that `check` has too, and those that say what is used here."""
    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    archive = click.Path(exists=True, dir_okay=False, path_type=Path)
    options = (
        click.argument("file", metavar="MODELDEPLOYMENT"),
        click.option(
            "--offline", metavar="DIR", type=folder, help="Run this working tree; no download."
        ),
        click.option(
            "--archive", metavar="FILE.zip", type=archive, help="Run what is in this archive."
        ),
        click.option(
            "--python",
            metavar="PATH",
            help="The Python that has Ray. [the one that runs this]",
        ),
        click.option(
            "--volume",
            metavar="CLAIM=DIR",
            multiple=True,
            help="Where the files of the claim in spec.model.source are here.",
        ),
        click.option("--name", help="Which ModelDeployment, if a file holds several."),
        click.option(
            "--timeout",
            type=click.FloatRange(1, 86_400),
            default=900,
            show_default=True,
            metavar="SECONDS",
            help="For each step.",
        ),
        click.option(
            "--secret",
            metavar="FILE",
            type=click.File(encoding="utf-8"),
            help="Manifest of the Secret that secretRef names.",
        ),
        click.option(
            "--token-env", metavar="HOST=NAME", help="Send the token in NAME to HOST alone."
        ),
        click.option(
            "--allow-host",
            metavar="HOST[:PORT][=http+private]",
            multiple=True,
            help="As the chart's allow-list.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
