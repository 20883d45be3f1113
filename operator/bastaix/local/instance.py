"""A Ray of one's own for as long as it is wanted, and Serve in it, as KubeRay speaks with it.

The app is handed over by Ray's REST interface and asked for by the same, as KubeRay does it: what
is said of a failure is, word for word, what the cluster's status is made from.
"""

import asyncio
import json
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from bastaix.local import process
from bastaix.local.planning import HOST
from bastaix.observe.serve import App
from bastaix.observe.text import last_line
from bastaix.schema.documents import Unusable

_SECONDS_TO_START: Final = 120.0
_SECONDS_TO_ANSWER: Final = 60.0
_NO_DASHBOARD: Final = (
    "Ray starts here without its dashboard, by which it is given an app: pip install 'ray[default]'"
)
_APPLICATIONS: Final = "/api/serve/applications/"
_LOG: Final = "holder.log"
# It ends with whoever started it: then there is nothing more to read.
_HOLDER: Final = f"""
import json, sys, ray
context = ray.init(address="local", num_cpus=int(sys.argv[1]), include_dashboard=True,
    dashboard_host="{HOST}", dashboard_port=int(sys.argv[2]), log_to_driver=False)
print(json.dumps({{"dashboard": context.dashboard_url}}), flush=True)
sys.stdin.read()
ray.shutdown()
"""


class Refused(Exception):
    """Serve takes the configuration for none; its words."""


@dataclass(frozen=True)
class Instance:
    dashboard: str
    _session: aiohttp.ClientSession
    _process: asyncio.subprocess.Process

    @property
    def lives(self) -> bool:
        return self._process.returncode is None

    async def deploy(self, config: Mapping[str, Any]) -> None:
        url = self.dashboard + _APPLICATIONS
        # it starts Serve first, however long that takes here
        endless = aiohttp.ClientTimeout(total=None)
        async with self._session.put(url, json=config, timeout=endless) as response:
            if response.status != 200:
                raise Refused(await response.text())

    async def app(self, name: str) -> App | None:
        """None as long as Serve knows nothing of it."""
        async with self._session.get(self.dashboard + _APPLICATIONS) as response:
            if response.status != 200:
                return None
            return read(await response.json(), name)


def read(details: Mapping[str, Any], name: str) -> App | None:
    """One app of what Serve says of all. Pure."""
    found = (details.get("applications") or {}).get(name)
    if not found:
        return None
    return App(
        status=found.get("status") or "",
        message=found.get("message") or "",
        deployments=found.get("deployments") or {},
    )


@asynccontextmanager
async def started(
    python: str, env: Mapping[str, str], *, cpus: int, keep_logs: Path
) -> AsyncIterator[Instance]:
    """Unusable: Ray does not start here. `keep_logs` is where its logs are once it has ended."""
    folder, token = _folder(), secrets.token_hex(32)
    holder: asyncio.subprocess.Process | None = None
    try:
        own = {
            "RAY_TMPDIR": str(folder),
            # whoever else is on this machine is not to run code by it
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": token,
        }
        holder = await _holding(python, folder, {**env, **own}, cpus)
        dashboard = await _dashboard(holder, folder / _LOG)
        timeout = aiohttp.ClientTimeout(total=_SECONDS_TO_ANSWER)
        async with aiohttp.ClientSession(
            timeout=timeout, headers={"Authorization": f"Bearer {token}"}
        ) as session:
            yield Instance(f"http://{dashboard}", session, holder)
    finally:
        if holder is not None:
            await process.stop(holder)
        # not all of its files can be copied at any time, and none is worth the cause of it all
        with suppress(OSError):
            logs = folder / "ray" / "session_latest" / "logs"
            shutil.copytree(logs, keep_logs, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


async def _holding(
    python: str, folder: Path, env: Mapping[str, str], cpus: int
) -> asyncio.subprocess.Process:
    with (folder / _LOG).open("wb") as log:
        return await asyncio.create_subprocess_exec(
            python,
            "-c",
            _HOLDER,
            str(cpus),
            str(free_port()),
            cwd=folder / "empty",
            env=env,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _folder() -> Path:
    # sockets are made in it, whose paths must stay short
    short = "/tmp" if os.path.isdir("/tmp") else None
    folder = Path(tempfile.mkdtemp(prefix="bastaix-ray-", dir=short))
    (folder / "empty").mkdir()
    return folder


async def _dashboard(holder: asyncio.subprocess.Process, log: Path) -> str:
    assert holder.stdout
    try:
        async with asyncio.timeout(_SECONDS_TO_START):
            async for line in holder.stdout:
                if line.startswith(b'{"dashboard"'):
                    found = json.loads(line)["dashboard"]
                    if not found:
                        raise Unusable(_NO_DASHBOARD)
                    return str(found)
        how = "does not start here"
    except TimeoutError:
        how = f"did not start within {_SECONDS_TO_START:.0f} s"
    said = last_line(await asyncio.to_thread(log.read_text, errors="replace"))
    raise Unusable(f"Ray {how}: {said or 'it says nothing'}")
