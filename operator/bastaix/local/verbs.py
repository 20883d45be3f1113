"""The commands `reprex` and `run`: their options, and what is said of input that cannot be used."""

import asyncio
import os
import sys
from typing import Any, Final, Literal

import click

from bastaix.local.options import local_options
from bastaix.settings import BadSetting
from bastaix.terminal import echo

_INTERRUPTED: Final = 130


class UnusableInput(click.ClickException):
    """Its sender can put it right."""

    exit_code = 2


@click.command()
@local_options
def reprex(file: str, **given: Any) -> None:
    """Run a ModelDeployment step by step in a Ray of its own, without Kubernetes.

    MODELDEPLOYMENT is a file, the zip that `kubectl bastaix bundle` made of one, or NAMESPACE/NAME
    (or NAME) in the cluster of your kubeconfig. Secrets are not read: what they hold is given by
    the environment and --secret.

    \b
      fetch          the source, or a working tree in its place
      unpack         it, and make the artifact that the cluster would hold
      import         app.importPath, with nothing but the artifact on the path
      build          the app, with the arguments that the cluster would give
      deploy         it to Ray Serve, by the configuration that the cluster would get
      first answer   to app.check

    It stops at the first step that fails, and says the reason and the hint that the cluster would
    give, and the shortest command that shows the same without Bastaix.

    \b
      bastaix reprex model.yaml --offline .                    before the push
      bastaix reprex model.yaml --volume models=/data/models   weights of pvc://models/…
      HF_TOKEN=… bastaix reprex model.yaml                     in place of the Secret's key
      bastaix reprex model.yaml --python ~/ray/bin/python      another Python has Ray
      bastaix reprex demo/smollm2                              what the cluster runs
      bastaix reprex bastaix-smollm2.zip                       what somebody else runs

    THE CODE OF THE SOURCE RUNS HERE, AS YOU: not in a sandbox, and not in a container. It sees of
    your environment only what a program needs to run, and runtime.env. A GPU is not used.

    Exit code 0: everything works; 1: a step failed, the last line is its reason; 2: MODELDEPLOYMENT
    or an option cannot be used, or there is no Ray.
    """
    _locally("reprex", file, **given)


@click.command()
@local_options
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    default=8000,
    show_default=True,
    help="Where it serves, on 127.0.0.1.",
)
def run(file: str, **given: Any) -> None:
    """Serve a ModelDeployment from a Ray of its own, without Kubernetes.

    MODELDEPLOYMENT is a file, a bundle, or NAMESPACE/NAME, as for `bastaix reprex`.

    \b
      bastaix run model.yaml --offline .
      bastaix run model.yaml --volume models=/data/models --port 8001
      curl localhost:8000/v1/models

    The code, arguments and environment are those that the cluster would use; there is one
    replica, on CPU. Ctrl-C ends it, and leaves nothing running. If it fails, `bastaix reprex`
    with the same options says at which step.

    THE CODE OF THE SOURCE RUNS HERE, AS YOU: not in a sandbox, and not in a container.

    Exit code 0: it was stopped; 1: it could not serve, or no longer could; 2: MODELDEPLOYMENT or
    an option cannot be used, or there is no Ray.
    """
    _locally("run", file, **given)


def _locally(command: Literal["reprex", "run"], file: str, **given: Any) -> None:
    from bastaix import check as checking
    from bastaix.local import command as local
    from bastaix.local import inputs
    from bastaix.schema.documents import Unusable

    own = {key: given.pop(key, None) for key in ("name", "python", "port")}
    seconds, volumes = given.pop("timeout"), given.pop("volume")
    try:
        with inputs.opened(file) as text:
            asked = local.Asked(
                given=checking.given(text, os.environ, **given),
                local=os.environ,
                volumes=local.volumes(volumes),
                seconds=seconds,
                **own,
            )
        work = local.run if command == "run" else local.reprex
        works = asyncio.run(work(asked, echo))
    except (Unusable, BadSetting) as error:
        raise UnusableInput(str(error)) from error
    except asyncio.CancelledError:
        sys.exit(_INTERRUPTED)
    sys.exit(0 if works else 1)
