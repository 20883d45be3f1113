"""What a client sees of connections that end, from a real Ray Serve with our file in its proxy."""

import http.client
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bastaix.in_pod import bastaix_proxy
from bastaix.render import proxy
from tests.serve.running import Running, serving, until
from tests.serve.test_echo import ARGUMENTS, MODEL

# The file that is rendered, with one of its own to look for.
MODULE = """
from pathlib import Path
from bastaix_proxy import Closing
from starlette.middleware import Middleware

def middlewares():
    return [Middleware(Closing, Path({draining!r}))]
"""


@pytest.fixture(scope="module")
def draining(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proxy") / "draining"


@pytest.fixture(scope="module")
def echo(ray_python: str, draining: Path) -> Iterator[Running]:
    (draining.parent / "tested.py").write_text(MODULE.format(draining=str(draining)))
    path = f"{Path(bastaix_proxy.__file__).parent}:{draining.parent}"
    (setting,) = proxy.ENV
    env = {"PYTHONPATH": path, setting: "tested.middlewares"}
    with serving(ray_python, "echo", ARGUMENTS, model=MODEL, seconds=180, env=env) as running:
        yield running


def connected(echo: Running) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", echo.port, timeout=30)
    connection.connect()
    connection.auto_open = 0  # else it connects anew, and nobody sees it
    return connection


def is_last(connection: http.client.HTTPConnection, path: str = "/v1/models") -> bool:
    """Whether the answer to a question says that the connection ends."""
    connection.request("GET", path)
    response = connection.getresponse()
    assert response.status == 200
    assert response.read()
    return response.headers.get("connection") == "close"


def is_closed(connection: http.client.HTTPConnection) -> bool:
    """By the other side, whose end is the only thing that could be read."""
    assert isinstance(connection.sock, socket.socket)
    connection.sock.setblocking(False)
    try:
        return connection.sock.recv(1) == b""
    except BlockingIOError:
        return False


def test_a_kept_connection_ends_with_an_answer_once_it_is_old(echo: Running) -> None:
    connection = connected(echo)
    began = time.monotonic()
    assert not is_last(connection)
    until(lambda: is_last(connection), seconds=30, what="the last answer")
    assert time.monotonic() - began > bastaix_proxy.MAX_AGE_SECONDS - 1


def test_kept_connections_are_closed_before_the_pod_ends(echo: Running, draining: Path) -> None:
    """The last of this module: nothing comes after it in a Pod either."""
    used, idle = connected(echo), connected(echo)
    assert not is_last(used)
    assert not is_last(idle)
    draining.touch()
    assert is_last(used)
    assert not is_closed(idle)
    until(lambda: is_closed(idle), seconds=15, what="the end of an idle connection")
    assert is_last(connected(echo)), "the nodes may send some more for a moment"
    assert is_last(connected(echo), "/-/routes"), "no app is needed for it"
