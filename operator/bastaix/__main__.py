"""`python -m bastaix` is the command `bastaix`."""

from bastaix.cli import main

main(prog_name="bastaix")
