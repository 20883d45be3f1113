"""Runs an app as a user does, with `serve run`, and talks to it; nothing of Ray is imported.

Ray lives in an environment of its own, whose interpreter is BASTAIX_RAY_PYTHON. Each run has its
own home, its own folder for Ray's files and its own port, so it meets no other Ray.
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import serve_apps

APPS = Path(serve_apps.__file__).parent
STOPPING = 30.0


@dataclass(frozen=True)
class Response:
    status: int
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def events(self) -> list[str]:
        """The data of a stream's events."""
        lines = self.text.split("\n\n")
        return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]


@dataclass(frozen=True)
class Running:
    """An app that serves."""

    port: int
    folder: Path  # everything Ray wrote, the output of `serve run` included

    def get(self, path: str) -> Response:
        return _request(self.port, "GET", path, None)

    def post(self, path: str, body: object) -> Response:
        text = body if isinstance(body, str) else json.dumps(body)
        return _request(self.port, "POST", path, text)

    def logs_with(self, text: str) -> list[str]:
        """The files in which a text stands."""
        wanted = text.encode()
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return [str(path) for path in files if wanted in path.read_bytes()]

    def series(self) -> str:
        """What Prometheus would scrape from the node."""
        found = self.folder / "ray" / "prom_metrics_service_discovery.json"
        targets = [target for group in json.loads(found.read_text()) for target in group["targets"]]
        pages = (self._page(target) for target in targets)
        return "\n".join(page for page in pages if page is not None)

    def _page(self, target: str) -> str | None:
        host, port = target.rsplit(":", 1)
        try:
            return _request(int(port), "GET", "/metrics", None, host=host).text
        except OSError:
            return None


def _request(
    port: int, method: str, path: str, body: str | None, *, host: str = "127.0.0.1"
) -> Response:
    connection = http.client.HTTPConnection(host, port, timeout=120)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return Response(response.status, response.read().decode())
    finally:
        connection.close()


def until(answer: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Ask again until the answer is yes."""
    end = time.monotonic() + seconds
    while not answer():
        if time.monotonic() > end:
            raise AssertionError(f"{what} took longer than {seconds:.0f} s")
        time.sleep(0.2)


@contextmanager
def serving(
    python: str,
    app: str,
    arguments: Mapping[str, Any],
    *,
    model: str,
    seconds: float,
    env: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """`serve run config.yaml` in the app's folder, from the model's first answer to the end."""
    # Not pytest's tmp_path: Ray makes sockets in here, and their paths must stay short.
    folder = Path(tempfile.mkdtemp(prefix="serve-"))
    port = _free_port()
    config = {
        "http_options": {"port": port},
        "applications": [{"name": "app", "import_path": "app:build", "args": dict(arguments)}],
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(
            [python, "-m", "ray.serve.scripts", "run", str(folder / "config.yaml")],
            cwd=APPS / app,
            env={**environment(folder), **(env or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    running = Running(port, folder)
    try:
        until(lambda: _answers(running, model, process), seconds=seconds, what=f"starting {app}")
        yield running
    finally:
        _stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def environment(folder: Path) -> dict[str, str]:
    """The environment of every command: nothing written outside the folder, nothing sent."""
    given = {
        "HOME": str(folder),
        "RAY_TMPDIR": str(folder),
        "RAY_USAGE_STATS_ENABLED": "0",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return {**os.environ, **given}


def _answers(running: Running, model: str, process: "subprocess.Popen[bytes]") -> bool:
    # The list of models would not do: vLLM's ingress gives it before there is an engine.
    output = (running.folder / "output").read_text()
    if process.poll() is not None or "failed to start 3 times" in output:
        raise AssertionError(f"serve run gave up:\n{output[-5000:]}")
    try:
        question = {"model": model, "prompt": "Hello", "max_tokens": 1}
        return running.post("/v1/completions", question).status == 200
    except OSError:
        return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the session that `serve run` began: Ray's own processes go with the driver."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOPPING)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    until(lambda: not _lives(process.pid), seconds=STOPPING, what="the end of Ray's processes")


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
