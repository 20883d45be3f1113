"""The load of rollouts by the real vegeta, on a small server that behaves and misbehaves."""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median
from typing import Any

import pytest

from benchmarks.outcomes import Connections, Kind
from benchmarks.traffic import KINDS, Traffic, TrafficError
from tests.api.operator_process import until

SECONDS_TO_ANSWER = 0.15
PAUSES = (0.4, 0.6)


@dataclass
class Server:
    """What it does with the next requests, and what each connection has carried."""

    does: str = "answer"  # answer, cut or refuse
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    carried: dict[object, int] = field(default_factory=lambda: defaultdict(int))
    pauses: dict[object, list[float]] = field(default_factory=lambda: defaultdict(list))
    open: set[object] = field(default_factory=set)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    told: Server
    answered = 0.0

    def setup(self) -> None:
        super().setup()
        self.told.open.add(self.client_address)

    def finish(self) -> None:
        with suppress(OSError):  # it is closed already where an answer was cut
            super().finish()
        self.told.open.discard(self.client_address)

    def do_POST(self) -> None:
        if self.answered:
            self.told.pauses[self.client_address].append(time.monotonic() - self.answered)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        does = self.told.does
        if body["stream"]:
            self.stream(does)
        else:
            self.whole(does)
        self.answered = time.monotonic()
        self.told.carried[self.client_address] += 1
        self.told.asked.append(body | {"path": self.path, "did": does})

    def stream(self, does: str) -> None:
        if does == "refuse":
            return self.refuse()
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.chunk('data: {"choices": [{"delta": {"content": "one"}}]}\n\n')
        time.sleep(SECONDS_TO_ANSWER)
        if does == "cut":
            self.close_connection = True
            return None
        self.chunk("data: [DONE]\n\n")
        self.chunk("")
        return None

    def chunk(self, text: str) -> None:
        self.wfile.write(f"{len(text):x}\r\n{text}\r\n".encode())

    def whole(self, does: str) -> None:
        if does == "refuse":
            return self.refuse()
        said = b'{"choices": [{"message": {"content": "one"}}]}'
        time.sleep(SECONDS_TO_ANSWER)
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        if does == "cut":
            self.close_connection = True
            said = said[:20]
        self.wfile.write(said)
        return None

    def refuse(self) -> None:
        self.send_response(500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what was asked is kept."""


@pytest.fixture
def server() -> Iterator[Server]:
    told = Server()
    handler = type("Handler", (Handler,), {"told": told})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        listening.daemon_threads = True
        told.url = f"http://127.0.0.1:{listening.server_port}"
        thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
        thread.start()
        yield told
        listening.shutdown()
        thread.join()


def test_answers_are_counted_whole_over_new_idle_and_busy_connections(server: Server) -> None:
    with Traffic(server.url, "some-model", rate=10, pauses=PAUSES) as traffic:
        until(lambda: len(server.asked) > 60, "some answers")
        report = traffic.stop()

    assert {kind: count.lost for kind, count in report.kinds.items()} == dict.fromkeys(KINDS, 0)
    assert all(count.total for count in report.kinds.values())
    assert 60 < report.of(*Connections).total <= len(server.asked)
    assert {body["path"] for body in server.asked} == {"/v1/chat/completions"}
    assert {body["model"] for body in server.asked} == {"some-model"}
    assert {body["stream"] for body in server.asked} == {False, True}
    until(lambda: not server.open, "all of it has ended")


@pytest.mark.parametrize("streaming", [True, False])
def test_connections_are_used_as_their_kind_says(server: Server, streaming: bool) -> None:
    def seen(connections: Connections) -> tuple[list[int], list[float]]:
        until(lambda: not server.open, "no connection left")
        for kept in (server.carried, server.pauses, server.asked):
            kept.clear()
        kinds = (Kind(connections, streaming),)
        with Traffic(server.url, "m", rate=20, pauses=PAUSES, kinds=kinds):
            until(lambda: len(server.asked) > 8, "some answers")
        return list(server.carried.values()), [median(each) for each in server.pauses.values()]

    carried, _ = seen(Connections.NEW)
    assert set(carried) == {1}

    carried, pauses = seen(Connections.IDLE)
    assert len(carried) == len(PAUSES), "one connection each"
    assert min(pauses) > min(PAUSES) - SECONDS_TO_ANSWER - 0.1, "idle between requests"

    carried, pauses = seen(Connections.BUSY)
    assert len(carried) == 2
    assert max(pauses) < 0.1, "the next request follows at once"


def test_what_is_cut_is_truncated_and_what_is_refused_has_failed(server: Server) -> None:
    def did(what: str) -> int:
        return sum(body["did"] == what for body in server.asked)

    kinds = tuple(Kind(Connections.NEW, streaming) for streaming in (True, False))
    with Traffic(server.url, "m", rate=20, kinds=kinds) as traffic:
        until(lambda: did("answer") > 5, "answers")
        server.does = "cut"
        until(lambda: did("cut") > 5, "cut answers")
        server.does = "refuse"
        until(lambda: did("refuse") > 5, "refusals")
        server.does, answered = "answer", did("answer")
        until(lambda: did("answer") > answered + 5, "answers again")
        report = traffic.stop()

    total = report.of(Connections.NEW)
    assert (total.truncated, total.failed) == (did("cut"), did("refuse"))
    assert total.total > did("cut") + did("refuse") + 5
    for kind in kinds:
        counted = report.kinds[kind]
        assert counted.truncated, kind
        assert counted.failed, kind
        assert counted.longest_gap > 0.2, "while nothing was answered"
        assert counted.errors[0].at > 0
        assert counted.errors[0].text.startswith("truncated: ")


def test_nobody_listening_is_a_failure_of_each_request(server: Server) -> None:
    nowhere = "http://127.0.0.1:1"
    with Traffic(nowhere, "m", kinds=(Kind(Connections.BUSY, True),)) as traffic:
        report = traffic.stop()
    total = report.of(Connections.BUSY)
    assert total.total == total.failed > 0
    assert "refused" in total.errors[0].text


def test_a_load_that_ended_by_itself_is_no_load(server: Server) -> None:
    short = Traffic(server.url, "m", seconds=0.5, kinds=(Kind(Connections.BUSY, False),))
    with pytest.raises(TrafficError, match="ended before it was told to"), short:
        until(lambda: not short.goes_on, "its end")


def test_whoever_fails_under_load_leaves_none_behind(server: Server) -> None:
    def fail() -> None:
        with Traffic(server.url, "m", pauses=PAUSES):
            until(lambda: len(server.open) > 2, "connections")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    until(lambda: not server.open, "no connection left")
