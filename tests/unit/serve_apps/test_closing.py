"""The echo app moves clients away when its Pod is about to end."""

from pathlib import Path
from typing import Any

import pytest

from bastaix.render.closing import DRAINING_FILE
from serve_apps.echo import closing
from serve_apps.echo.closing import DRAINING, Closing, Message, Receive, Send


async def app(scope: Message, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def asked(draining: Path) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {}

    await Closing(app, draining)({"type": "http"}, receive, send)
    return sent


@pytest.mark.parametrize("is_ending", [True, False])
async def test_an_answer_closes_its_connection_while_the_pod_ends(
    tmp_path: Path, is_ending: bool
) -> None:
    draining = tmp_path / "draining"
    if is_ending:
        draining.touch()
    start, body = await asked(draining)
    closes = (b"connection", b"close") in start["headers"]
    assert closes == is_ending
    assert (b"a", b"b") in start["headers"]
    assert body["body"] == b"hello"


def test_the_apps_that_have_it_have_the_same() -> None:
    folder = Path(closing.__file__).parents[1]
    texts = {file.read_text() for file in folder.glob("*/closing.py")}
    assert len(texts) == 1


def test_the_file_is_the_one_that_the_operator_has_made() -> None:
    assert str(DRAINING) == DRAINING_FILE
