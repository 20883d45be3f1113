"""A real Prometheus on loopback, for tests: Debian's package unpacked, never installed.

Nothing of it becomes a service of the machine; its data lies in the folder that the caller gives
and is gone with it. What it scrapes is the caller's choice (see scrape.py).
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster import paths, programs
from cluster.locks import lock

START_SECONDS = 30


@dataclass(frozen=True)
class Sample:
    """One series at this moment."""

    labels: dict[str, str]
    value: float


@dataclass(frozen=True)
class Prometheus:
    url: str

    def query(self, promql: str) -> list[Sample]:
        """The instant vector of an expression; a wrong expression raises."""
        result = self._get("query", query=promql)["result"]
        return [Sample(found["metric"], float(found["value"][1])) for found in result]

    def wait_for(self, promql: str, *, seconds: float = 60) -> list[Sample]:
        """The first answer that is not empty; without one, the targets say why."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := self.query(promql):
                return found
            time.sleep(0.2)
        raise AssertionError(f"nothing answers {promql} after {seconds} s\n{self._about_targets()}")

    def targets(self) -> list[dict[str, str]]:
        """The labels of all that is scraped, after relabelling."""
        return [found["labels"] for found in self._get("targets", state="active")["activeTargets"]]

    def _about_targets(self) -> str:
        found = self._get("targets", state="active")["activeTargets"]
        return "\n".join(f"{t['scrapeUrl']}: {t['health']} {t['lastError']}" for t in found)

    def _get(self, what: str, **parameters: str) -> dict[str, Any]:
        address = f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                data = json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(f"{parameters}: {json.load(error)['error']}") from None
        assert isinstance(data, dict)
        return data


@contextmanager
def running(config: Mapping[str, Any], folder: Path) -> Iterator[Prometheus]:
    """A Prometheus with this configuration, until the block ends."""
    file, log = folder / "prometheus.yaml", folder / "prometheus.log"
    file.write_text(yaml.safe_dump(dict(config)))
    port = _free_port()
    command = [
        str(program()),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=folder)
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/-/ready", process, log)
        yield Prometheus(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(timeout=20)


def program() -> Path:
    """Where the program lies; the package is fetched first where it is missing."""
    folder = paths.BIN / "prometheus"
    found = folder / "usr/bin/prometheus"
    with lock("bin-prometheus"):
        if not found.exists():
            _unpack(folder)
    return found


def _unpack(folder: Path) -> None:
    unfinished = folder.with_name(".prometheus.unfinished")  # of a run that was killed
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    programs.unpack_debian(unfinished, "prometheus")
    shutil.rmtree(unfinished / "usr/share", ignore_errors=True)  # the web page, not needed
    unfinished.rename(folder)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert isinstance(port, int)
        return port


def _wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"Prometheus did not start:\n{log.read_text()[-2000:]}")
