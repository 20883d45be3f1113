"""Nothing that others wrote steers the terminal of who reads it."""

import ast
import json
import logging
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import bastaix
from bastaix.plugin.columns import columns
from bastaix.plugin.live import painted
from bastaix.terminal import Formatter, echo
from bastaix.text.terminal import in_one_line, printable

PACKAGE = Path(bastaix.__file__).parent
PROTOCOLS = {"source/unpack.py", "source/object_child.py", "source/unpack_server.py"}
"""Processes of our own that answer each other in JSON: no person reads them."""
HOSTILE = [
    "\x1b]0;a title\x07",
    "\x1b[2J",
    "\x1b]52;c;cm0gLXJm\x07",
    "\x9b31m",
    "\x7f\x08",
    "\r over it",
    "\u202egnp.exe",
    "\u2066\u200b",
    "a\x00b",
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_what_steers_a_terminal_is_shown_and_does_nothing(text: str) -> None:
    assert printable(text).isprintable()
    assert printable(text) != text


@given(st.text())
def test_the_rest_stays_as_it_is_and_json_stays_json(text: str) -> None:
    shown = printable(text)
    assert all(char.isprintable() or char in "\n\t" for char in shown)
    assert in_one_line(text).isprintable()
    if all(char.isprintable() or char in "\n\t" for char in text):
        assert shown == text
    document = json.dumps({"a": text}, ensure_ascii=False)
    blank = "".join(" " if char.isspace() and ord(char) >= 0xA0 else char for char in text)
    assert json.loads(printable(document)) == {"a": blank}


def test_a_line_break_in_a_name_makes_no_line_of_its_own() -> None:
    assert columns([("a\nOK", "\x1b[2J")]) == ["a\\nOK  \\u001b[2J"]
    assert painted(["a\n\x1b[2J"], 9).count("\n") == 1


def test_what_is_printed_and_what_is_logged_goes_through_the_filter(
    capsys: pytest.CaptureFixture[str],
) -> None:
    echo("\x1b[2J")
    assert capsys.readouterr().out == "\\u001b[2J\n"
    record = logging.LogRecord("a", logging.ERROR, "", 0, "%s", ("\x1b]0;x\x07\nb",), None)
    assert Formatter("%(message)s").format(record) == "\\u001b]0;x\\u0007\nb"


def test_nothing_else_prints() -> None:
    """A call of print or click.echo elsewhere would go round the filter."""
    found = []
    for file in PACKAGE.rglob("*.py"):
        name = str(file.relative_to(PACKAGE))
        if name in PROTOCOLS | {"terminal.py"} or name.startswith("in_pod/"):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "print",
                "click.echo",
                "click.secho",
                "sys.stdout.write",
                "sys.stderr.write",
            ):
                found.append(f"{name}:{node.lineno}")
    assert found == []


def test_a_check_shows_the_name_of_what_it_checks_and_obeys_it_not(tmp_path: Path) -> None:
    from bastaix.cli import main

    file = tmp_path / "md.yaml"
    file.write_text(
        "apiVersion: serving.bastaix.dev/v1alpha1\nkind: ModelDeployment\n"
        'metadata: {name: "x\\e]0;owned\\a\\nOK: a lie"}\nspec: {}\n'
    )
    done = CliRunner().invoke(main, ["check", str(file)])
    assert done.exit_code != 0
    assert "\x1b" not in done.output
    assert not any(line.startswith("OK") for line in done.output.splitlines())
