"""Two namespaces with servers that drip, or processes that take long, keep no third waiting.

The queue, the controller, its turns, the fetching and the sandbox are the real ones, and so are the
servers; of the API server there is a dictionary, which counts what it is asked for.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from random import Random
from typing import Any

from aiohttp import web

from bastaix.reconcile.index import Body, Name
from bastaix.reconcile.kinds import Kind
from bastaix.reconcile.queue import Queue
from bastaix.source.artifact import Artifact
from bastaix.source.controller import Controller
from bastaix.source.policy import Policy
from bastaix.source.retries import Retries
from bastaix.source.sandbox import Sandbox
from bastaix.source.turns import Turns
from bastaix.source_app import OF_NAMESPACE, SPARE, Pipeline
from tests.fakes.git_hosts import COMMIT
from tests.unit.bodies import body, with_field
from tests.unit.source.controller_fakes import FakeSecrets, Ticks, Verdicts
from tests.unit.source.fetching import Saying, allowing, saying
from tests.unit.source.zips import Zip, item

WORKERS = 4
SOON = 10.0
"""Seconds that a third namespace may be delayed by two others."""
CODE = bytes(Zip(items=[item("serving/app.py", b"def build(args): ...\n")]))


class Cluster:
    """`source.cluster.Cluster` with many ModelDeployments."""

    def __init__(self) -> None:
        self.bodies: dict[Name, Body] = {}
        self.changed = asyncio.Event()

    async def read(self, kind: Kind, name: Name) -> Body | None:
        return self.bodies.get(name)

    async def apply_status(self, kind: Kind, manifest: Mapping[str, Any]) -> frozenset[str]:
        metadata = manifest["metadata"]
        name = (metadata["namespace"], metadata["name"])
        self.bodies[name] = {**self.bodies[name], "status": manifest["status"]}
        self.changed.set()
        return frozenset()

    async def until(self, reason: str, count: int, namespace: str, seconds: float = 30) -> None:
        """So many of a namespace say this."""
        async with asyncio.timeout(seconds):
            while self.reasons(namespace).count(reason) < count:
                self.changed.clear()
                await self.changed.wait()

    def reasons(self, namespace: str) -> list[str]:
        found = [given for name, given in self.bodies.items() if name[0] == namespace]
        said = [(given.get("status") or {}).get("conditions") or [{}] for given in found]
        return [conditions[0].get("reason", "") for conditions in said]


class Slow(Sandbox):
    """Takes the time that a hostile data set takes of a process, for code that says so."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def open_archive(self, archive: Path, *given: Any, **more: Any) -> Artifact:
        if b"slow" in await asyncio.to_thread(archive.read_bytes):
            await asyncio.sleep(self._seconds)
        return await super().open_archive(archive, *given, **more)


class Stage:
    def __init__(self, policy: Policy, sandbox: Sandbox, work: Path) -> None:
        self.cluster, self.secrets = Cluster(), FakeSecrets(Ticks())
        turns = Turns(at_once=WORKERS, of_namespace=OF_NAMESPACE, clock=time.monotonic)
        self.controller = Controller(
            self.cluster,
            self.secrets,
            Pipeline(policy, sandbox, lambda _: None),
            Verdicts(),
            Retries(time.monotonic, Random(1)),
            turns,
            lambda name: self.queue.add(name),
            work=work,
            keep_seconds=600,
            now=lambda: datetime.now(UTC),
            clock=time.monotonic,
        )
        self.queue: Queue[Name] = Queue(
            self.controller.reconcile,
            random=Random(1),
            watcher=Quiet(),
            deadline=600,
            group=itemgetter(0),
        )

    def add(self, namespace: str, name: str, url: str) -> None:
        git = {
            "repository": f"{url}/acme/{name}",
            "commit": COMMIT,
            "host": "Generic",
            "archiveURL": "{repository}/{commit}.zip",
        }
        given = with_field(body(), "spec.source", {"git": git})
        given = with_field(given, "metadata.namespace", namespace)
        given = with_field(given, "metadata.name", name)
        self.cluster.bodies[namespace, name] = with_field(
            given, "metadata.uid", f"{namespace}-{name}"
        )
        self.queue.add((namespace, name))

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        working = asyncio.create_task(self.queue.run(WORKERS + SPARE))
        try:
            yield
        finally:
            working.cancel()
            await asyncio.wait({working})


class Quiet:
    def started(self, waited: float) -> None: ...
    def finished(self, took: float, error: BaseException | None) -> None: ...


class Asked:
    """How often a server was asked."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = asyncio.Event()

    def add(self) -> None:
        self.count += 1
        self._changed.set()

    async def until(self, count: int, seconds: float = 30) -> None:
        async with asyncio.timeout(seconds):
            while self.count < count:
                self._changed.clear()
                await self._changed.wait()


def dripping(asked: Asked) -> Saying:
    """More than the least that is let pass, and for as long as an archive may take."""

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.add()
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"PK")
        while True:
            await response.write(bytes(2048))
            await asyncio.sleep(0.2)

    return Saying(answer)


async def test_hosts_of_two_namespaces_that_drip_delay_a_third_by_less_than_ten_seconds(
    tmp_path: Path,
) -> None:
    asked = Asked()
    async with dripping(asked) as slow, saying(CODE) as quick:
        stage = Stage(allowing(slow, quick), Sandbox(), tmp_path)
        for number in range(30):
            for namespace in ("drips-a", "drips-b"):
                stage.add(namespace, f"md-{number}", slow.url)
        async with stage.working():
            await stage.cluster.until("FetchingSource", 30, "drips-b")
            await asked.until(WORKERS - 1)
            stage.add("third", "smollm2", quick.url)
            await stage.cluster.until("Verified", 1, "third", SOON)
            assert asked.count == WORKERS - 1, "the last turn is kept"


async def test_who_waits_for_a_turn_asks_the_api_server_for_nothing(tmp_path: Path) -> None:
    asked = Asked()
    async with dripping(asked) as slow:
        stage = Stage(allowing(slow), Sandbox(), tmp_path)
        for number in range(300):
            stage.add("drips", f"md-{number}", slow.url)
        async with stage.working():
            await stage.cluster.until("FetchingSource", 300, "drips")
            await asked.until(OF_NAMESPACE)
            before = (len(stage.secrets.asked), len(stage.secrets.reads), stage.queue.depth)
            await asyncio.sleep(3)
            assert (len(stage.secrets.asked), len(stage.secrets.reads), stage.queue.depth) == before
    assert before[2] == 0, "no worker is kept"
    assert asked.count == OF_NAMESPACE


async def test_slow_data_sets_of_two_namespaces_delay_a_third_by_less_than_ten_seconds(
    tmp_path: Path,
) -> None:
    slow_code = bytes(Zip(items=[item("serving/app.py", b"def build(args): ...  # slow\n")]))
    async with saying(slow_code) as slow, saying(CODE) as quick:
        stage = Stage(allowing(slow, quick), Slow(20), tmp_path)
        for number in range(10):
            for namespace in ("slow-a", "slow-b"):
                stage.add(namespace, f"md-{number}", slow.url)
        async with stage.working():
            await stage.cluster.until("FetchingSource", 10, "slow-b")
            stage.add("third", "smollm2", quick.url)
            await stage.cluster.until("Verified", 1, "third", SOON)
