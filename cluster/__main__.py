"""`python -m cluster`: the commands, each a line or two into its part."""

import sys
from collections.abc import Callable

import click

from cluster import images, lifecycle, paths, prerequisites, programs
from cluster.control_plane import ControlPlane
from cluster.progress import Progress

LEVEL = click.option(
    "--level",
    type=click.Choice(["node", "control-plane"]),
    default="node",
    show_default=True,
    help="The whole node, or only etcd and the API server.",
)


def _control_plane(progress: Progress) -> ControlPlane:
    return ControlPlane(paths.CONTROL_PLANE, outlives_caller=True, progress=progress)


@click.group(help="A real one-node Kubernetes with KubeRay on this machine.")
def main() -> None:
    pass


@main.command(help="Bring the cluster up, or finish what is missing of it.")
@LEVEL
def up(level: str) -> None:
    progress = Progress()
    if level == "control-plane":
        prerequisites.require(prerequisites.CONTROL_PLANE)
        control_plane = _control_plane(progress)
        control_plane.start()
        progress.say(f"up: export KUBECONFIG={control_plane.kubeconfig}")
    else:
        lifecycle.up(progress)


@main.command(help="Take it down and leave nothing behind but caches.")
@LEVEL
@click.option("--purge", is_flag=True, help="Delete the images as well.")
def down(level: str, purge: bool) -> None:
    if level == "control-plane":
        _control_plane(Progress()).stop()
    else:
        lifecycle.down(Progress(), purge=purge)


@main.command(help="Say what runs; the exit code is 0 if everything is well.")
@LEVEL
def status(level: str) -> None:
    if level == "control-plane":
        running = _control_plane(Progress()).running
        click.echo("running" if running else "not running")
        sys.exit(not running)
    lines, well = lifecycle.status()
    click.echo("\n".join(lines))
    sys.exit(not well)


@main.command(help="Print where the kubeconfig lies.")
@LEVEL
def kubeconfig(level: str) -> None:
    node = level == "node"
    click.echo(paths.KUBECONFIG if node else _control_plane(Progress()).kubeconfig)


@main.command(name="import", help="Build the named images and give them to containerd.")
@click.argument("names", nargs=-1, required=True)
def import_(names: tuple[str, ...]) -> None:
    for name, reference in images.ensure(*names).items():
        click.echo(f"{name} {reference}")


@main.command(name="program", help="Make a program if need be, and print where it lies.")
@click.argument("name")
def program(name: str) -> None:
    click.echo(programs.path(name))


def run(command: Callable[[], None]) -> None:
    try:
        command()
    except RuntimeError as error:  # ours all end here; their text says what to do
        sys.exit(f"cluster: {error}")


if __name__ == "__main__":
    run(main)
