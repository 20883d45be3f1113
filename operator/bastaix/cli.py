"""The commands. Each reads its options and goes into its part, which alone is then loaded."""

import asyncio
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click

from bastaix.local.verbs import UnusableInput, reprex, run
from bastaix.settings import BadSetting, read, read_source
from bastaix.terminal import Formatter, echo, echo_error


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Serve language models from pinned Git commits on Kubernetes."""


@main.command()
@click.option("--namespaces", help="Namespaces to look after, with commas. [all]")
@click.option("--log-level", help="debug, info, warning or error. [info]")
@click.option("--workers", help="How many are worked on at the same time. [16]")
@click.option("--listen", help="Address of metrics and probes. [:8080]")
@click.option("--probe-url", help="URL with {name}, {namespace}, {port} of a Service. [its Pods]")
def operator(**given: str | None) -> None:
    """Bring ModelDeployments to what they ask for, until told to stop.

    Each option can also be given by the environment: BASTAIX_LOG_LEVEL for --log-level.
    """
    from bastaix import app

    with _told():
        settings = read(given)
        _log(settings.log_level)
        asyncio.run(app.run(settings))


@main.command()
@click.option("--namespaces", help="Namespaces to look after, with commas. [all]")
@click.option("--log-level", help="debug, info, warning or error. [info]")
@click.option("--workers", help="How many are fetched at the same time. [4]")
@click.option("--listen", help="Address of metrics and probes. [:8080]")
def source(**given: str | None) -> None:
    """Fetch and check the code of ModelDeployments, until told to stop.

    Each option can also be given by the environment: BASTAIX_LOG_LEVEL for --log-level. What may
    be reached is given by it alone: BASTAIX_SOURCE_HOSTS, _DENIED_NETWORKS, _PROXY, _CA_FILE,
    _S3_ENDPOINT, _GS_ENDPOINT; so are _WORK, the folder where archives are while they are looked
    at, _UNPACKER, the socket of the process that opens them, and _KEEP_SECONDS, for which an
    artifact stays that nothing names.
    """
    from bastaix import source_app

    with _told():
        settings = read_source(given)
        _log(settings.log_level)
        asyncio.run(source_app.run(settings))


@main.command()
@click.argument("reason", required=False)
def explain(reason: str | None) -> None:
    """Say what REASON means, where it comes from and what to do; without it, list them all.

    \b
      kubectl get md                     REASON stands in a column of its own
      bastaix explain ModelNotFound
    """
    from bastaix import explain as explaining

    try:
        echo(explaining.listing() if reason is None else explaining.explain(reason))
    except explaining.UnknownReason as unknown:
        raise click.UsageError(str(unknown)) from unknown


@main.command()
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option(
    "--offline",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Check this working tree instead of downloading; `path` is selected in it.",
)
@click.option(
    "--archive",
    metavar="FILE.zip",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Check this archive instead of downloading one.",
)
@click.option(
    "--secret",
    metavar="FILE",
    type=click.File(encoding="utf-8"),
    help="Manifest of the Secret that secretRef names, if FILE.yaml does not hold it.",
)
@click.option(
    "--token-env",
    metavar="HOST=NAME",
    help="Send the token in the environment variable NAME to HOST, and to no other host.",
)
@click.option(
    "--allow-host",
    metavar="HOST[:PORT][=http+private+NETWORK]",
    multiple=True,
    help="As the chart's allow-list: a host at a private address, or without TLS.",
)
def check(file: TextIO, **given: Any) -> None:
    """Verify the ModelDeployments in FILE.yaml as the cluster would, without a cluster.

    The schema with its rules, then the source: it is fetched, its archive is opened, and its
    code is examined without being run. FILE may be - for what is piped in. Other kinds in it
    are passed over, save the Secrets that the sources name.

    \b
      bastaix check model.yaml
      bastaix check model.yaml --offline .                        before the push
      bastaix check model.yaml --token-env github.com=GIT_TOKEN   a private repository
      envsubst < model.yaml | bastaix check -                     a template, filled in

    The last line is `OK: sha256:… N files`, or the reason and one sentence: the same that
    status would show. Exit code 0: everything passes; 1: something does not; 2: FILE or an
    option cannot be used. BASTAIX_SOURCE_PROXY, _CA_FILE, _S3_ENDPOINT and _GS_ENDPOINT are
    taken from the environment.
    """
    from bastaix import check as checking
    from bastaix.schema.documents import Unusable

    try:
        passes = asyncio.run(checking.run(checking.given(file, os.environ, **given), echo))
    except (Unusable, BadSetting) as error:
        raise UnusableInput(str(error)) from error
    sys.exit(0 if passes else 1)


main.add_command(reprex)
main.add_command(run)


@main.command("eval")
@click.option("--url", required=True, help="Of the endpoint, with or without /v1.")
@click.option(
    "--dataset", required=True, metavar="FILE", help="JSON lines; see docs/evaluation.md."
)
@click.option(
    "--archive",
    metavar="FILE.zip",
    type=click.Path(path_type=Path),
    help="Take FILE out of this archive, as the cluster takes it out of the source.",
)
@click.option("--model", metavar="ID", help="The name that requests send as `model`.")
@click.option(
    "--min-pass-rate",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="The share of the weights that must pass.",
)
@click.option(
    "--max-regression",
    type=click.FloatRange(0, 1),
    help="How much of the baseline's pass rate may be lost.",
)
@click.option("--ttft-p95", metavar="1s", help="The longest time to the first token, of 95 %.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 256),
    default=8,
    show_default=True,
    help="Requests at the same time.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=200,
    show_default=True,
    help="How many of the data set, from its beginning.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(1, 86_400),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="For the whole evaluation.",
)
@click.option("--baseline-url", metavar="URL", help="Measure this endpoint too, to compare with.")
@click.option("--baseline-model", metavar="ID", help="Its model, where that is not --model.")
@click.option(
    "--baseline",
    metavar="DIGEST=RATE",
    help="Compare with this pass rate; if the data set has that digest, nothing else is measured.",
)
@click.option(
    "--result",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the verdict with its figures there, as JSON of less than 4,000 bytes.",
)
@click.option("--json", is_flag=True, help="JSON lines, one a case, in place of the table.")
@click.option("--show-answers", is_flag=True, help="Show what was asked and answered too.")
def evaluate(**given: Any) -> None:
    """Ask an endpoint the prompts of a data set and judge its answers, as a rollout's gate does.

    \b
      kubectl port-forward -n demo svc/smollm2 8000:80 &
      bastaix eval --url http://localhost:8000 --model smollm2 --dataset evals/golden.jsonl
      … --min-pass-rate 0.95 --ttft-p95 1s           the thresholds of spec.rollout.gate
      … --baseline-url http://localhost:8001 --max-regression 0.02   not worse than another
      … --limit 5 --show-answers                     what does it say to the first five?

    \b
    A line of the data set is a case:
      {"id": "italy", "messages": [{"role": "user", "content": "Capital of Italy?"}],
       "params": {"max_tokens": 16}, "assert": [{"type": "contains", "value": "Rome"}]}

    Exit code 0: Passed; 1: Failed, the answers are not good enough; 2: Error, it could not be
    measured; 3: Inconclusive, as when every request failed alike or the data set is wrong.
    """
    from bastaix.evaluation import command
    from bastaix.evaluation.options import Unusable, options

    try:
        chosen = options(**given)
    except Unusable as error:
        raise UnusableInput(str(error)) from error
    sys.exit(command.main(chosen, echo, echo_error))


@contextmanager
def _told() -> Iterator[None]:
    """What whoever starts a command can put right is told in one line."""
    from bastaix.kube.cluster import NoCluster

    try:
        yield
    except (BadSetting, NoCluster) as error:
        raise click.ClickException(str(error)) from error


def _log(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    # kopf tells of every object that it hands us; what comes of it we tell ourselves
    logging.getLogger("kopf").setLevel(max(logging.getLogger().level, logging.WARNING))
