"""Everything that is printed, for a person or into a log: through one filter."""

import logging

import click

from bastaix.text.terminal import printable


def echo(text: object = "", *, err: bool = False) -> None:
    """Print a line, to standard error if asked."""
    click.echo(printable(str(text)), err=err)


def echo_error(text: object) -> None:
    echo(text, err=True)


def paint(text: str) -> None:
    """Print what steers the terminal on purpose: every part of others in it is `printable`."""
    click.echo(text, nl=False)


class Formatter(logging.Formatter):
    """A record in one piece: its message, and its traceback, which may quote anything."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))
