"""`python -m release`: the commands, each a line or two into its part."""

import sys
import tempfile
from pathlib import Path

import click

from cluster.progress import Progress
from release import audit as advisories
from release import build as building
from release import describe

ROOT = Path(__file__).resolve().parent.parent
PINNED = (
    "requirements/operator.txt",
    "requirements/build.txt",
    "requirements/dev.txt",
    "serve_apps/requirements.txt",
    "cluster/smollm2/requirements.txt",
)


@click.group(help="What is handed to others, and what is said of it.")
def main() -> None:
    pass


@main.command(help="Write the bills of materials of the images that the cluster runs.")
@click.option("--directory", type=click.Path(path_type=Path), default=ROOT / "build/sbom")
@click.argument("images", nargs=-1)
def sbom(directory: Path, images: tuple[str, ...]) -> None:
    for path in describe.write_bills(directory, images or ("operator", "ray"), Progress()):
        click.echo(path)


@main.command(help="Ask for advisories on all that is pinned; 0: none, 1: some, 2: unknown.")
@click.option("--service", default="pypi", show_default=True, help="pypi, osv or esms.")
def audit(service: str) -> None:
    files = [ROOT / name for name in PINNED]
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(advisories.audit(files, service, Path(folder)))


@main.command(help="Make a release of the commit that is checked out.")
@click.option("--directory", type=click.Path(path_type=Path), default=ROOT / "dist")
@click.option("--base", help="The image to start from, by digest: NAME@sha256:…")
def build(directory: Path, base: str | None) -> None:
    for path in building.build(ROOT, directory, base, Progress()):
        click.echo(path)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:  # ours all end here; their text says what to do
        sys.exit(f"release: {error}")
