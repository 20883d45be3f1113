"""A stand-in for the metrics port of a Ray node: it repeats a recording.

recorded/ray-node.prom was recorded from the metrics port of a running Ray 2.60.0 node: Ray Serve
under 40 requests, vLLM 0.29.0's own metric classes for Ray, and one NVIDIA A10G that Ray's
reporter was told of (there was none). Series that no test reads were left out.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

RAY_NODE = Path(__file__).parent / "recorded" / "ray-node.prom"
GROWING = re.compile(r"^(\w+_(?:total|bucket|sum|count)(?:\{.*\})?) (\S+)$", re.MULTILINE)


def grown(recording: str, scrapes: int) -> str:
    """The recording as it would read after so many times the same traffic."""
    return GROWING.sub(lambda line: f"{line[1]} {float(line[2]) * scrapes}", recording)


@contextmanager
def exporter(recording: str) -> Iterator[str]:
    """host:port where the recording is served; counters grow with each scrape."""
    scrapes = 0

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            nonlocal scrapes
            scrapes += 1
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.end_headers()
            self.wfile.write(grown(recording, scrapes).encode())

        def log_message(self, *_: object) -> None:
            """Scrapes are not worth a line each."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
