"""The commands. Each reads its options and goes into its part."""

import asyncio
import logging
import sys

import click

from bastaix import app
from bastaix.kube.cluster import NoCluster
from bastaix.settings import BadSetting, read


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Serve language models from pinned Git commits on Kubernetes."""


@main.command()
@click.option("--namespaces", help="Namespaces to look after, with commas. [all]")
@click.option("--log-level", help="debug, info, warning or error. [info]")
@click.option("--workers", help="How many are worked on at the same time. [16]")
@click.option("--listen", help="Address of metrics and probes. [:8080]")
@click.option("--probe-url", help="Where an app is asked. [http://{name}.{namespace}.svc]")
def operator(**given: str | None) -> None:
    """Bring ModelDeployments to what they ask for, until told to stop.

    Each option can also be given by the environment: BASTAIX_LOG_LEVEL for --log-level.
    """
    try:
        settings = read(given)
        _log(settings.log_level)
        asyncio.run(app.run(settings))
    except (BadSetting, NoCluster) as error:
        raise click.ClickException(str(error)) from error


def _log(level: str) -> None:
    logging.basicConfig(
        level=level,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    # kopf tells of every object that it hands us; what comes of it we tell ourselves
    logging.getLogger("kopf").setLevel(max(logging.getLogger().level, logging.WARNING))
