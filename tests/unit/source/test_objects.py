"""Objects are asked of the chart's endpoints alone, and what users write is taken at its word."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from bastaix.api import reasons
from bastaix.api.reasons import Reason
from bastaix.api.v1alpha1 import Archive, ModelDeployment
from bastaix.source import objects
from bastaix.source.failure import SourceFailure
from bastaix.source.policy import Policy
from bastaix.source.sandbox import Sandbox
from bastaix.source_app import Pipeline
from tests.unit.bodies import body, with_field
from tests.unit.source.fetching import saying

CHILD = (sys.executable, "-I", "-m", "bastaix.source.object_child")
URL = "s3://bucket/key.zip"
SECRET = {"hosts": b"s3.corp", "accessKeyId": b"canary", "secretAccessKey": b"canary"}


async def refused(
    url: str, policy: Policy, folder: Path, secret: dict[str, bytes] | None = None
) -> tuple[Reason, str]:
    with pytest.raises(SourceFailure) as caught:
        await objects.fetch(Archive(url=url, sha256="0" * 64), secret, folder / "a.zip", policy)
    assert "canary" not in caught.value.message
    return caught.value.reason, caught.value.message


@pytest.mark.parametrize("scheme", ["s3", "gs"])
async def test_without_an_endpoint_the_value_that_sets_one_is_named(
    scheme: str, tmp_path: Path
) -> None:
    reason, message = await refused(f"{scheme}://bucket/key.zip", Policy(), tmp_path)
    assert reason is reasons.SOURCE_FORBIDDEN
    assert f"source.{scheme}Endpoint" in message


@pytest.mark.parametrize(
    "url",
    [
        "s3://id:canary@evil.example@bucket/key.zip",
        "s3://evil.example:443@bucket/key.zip",
        "s3://arn:aws:s3:eu-central-1:1:accesspoint/key.zip",
        "s3://bucket",
        "s3://bucket/",
        "s3:///key.zip",
        "s3://Bucket/key.zip",
        "s3://bucket/key.zip?versionId=1",
        "s3://bucket/key\n.zip",
        "s3://bucket/key%0a.zip",
        "s3://bucket/key%ff.zip",
    ],
)
async def test_nobody_names_an_endpoint_in_a_url(url: str, tmp_path: Path) -> None:
    policy = Policy(s3_endpoint="https://s3.corp")
    assert (await refused(url, policy, tmp_path, SECRET))[0] is reasons.SOURCE_INVALID


OUTPOST = "test-accessp-{}0b1d075431d83bebde8xz5w8ijx1qzlbp3i3kuse10--op-s3"
ELSEWHERE = [
    *("models--usw2-az1--x-s3", "models-a--use1-az4--xa-s3", "models--table-s3", "models--ol-s3"),
    *(OUTPOST.format("o"), OUTPOST.format("e")),
]


@pytest.mark.parametrize("scheme", ["s3", "gs"])
@pytest.mark.parametrize("bucket", ELSEWHERE)
async def test_a_bucket_that_is_at_another_host_than_the_endpoint_is_refused(
    scheme: str, bucket: str, tmp_path: Path
) -> None:
    policy = Policy(s3_endpoint="https://s3.corp", gs_endpoint="https://s3.corp")
    reason, message = await refused(f"{scheme}://{bucket}/key.zip", policy, tmp_path, SECRET)
    assert reason is reasons.SOURCE_INVALID
    assert bucket in message


@pytest.mark.parametrize("bucket", ["models--usw2-az1--x-s3", OUTPOST.format("e")])
async def test_nothing_is_sent_to_a_host_that_the_s3_client_makes_up(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should a later client know more such names than are refused by name."""
    monkeypatch.setattr(objects, "_ELSEWHERE", re.compile("none"))
    async with saying() as server:
        # no host is made of an endpoint that is an address
        policy = Policy(s3_endpoint=server.url.replace("127.0.0.1", "localhost"))
        reason, message = await refused(f"s3://{bucket}/key.zip", policy, tmp_path)
        assert reason is reasons.SOURCE_INVALID
        assert "not at the endpoint" in message
        assert not server.asked


@pytest.mark.parametrize("scheme", ["s3", "gs"])
@pytest.mark.parametrize(
    "key", ["../other/key.zip", "a/./b.zip", "a//b.zip", "/b.zip", "a/%2e%2e/b.zip", "..", "a/"]
)
async def test_a_key_that_a_proxy_could_read_as_another_is_refused(
    scheme: str, key: str, tmp_path: Path
) -> None:
    policy = Policy(s3_endpoint="https://s3.corp", gs_endpoint="https://s3.corp")
    reason, message = await refused(f"{scheme}://bucket/{key}", policy, tmp_path, SECRET)
    assert reason is reasons.SOURCE_INVALID
    assert "'.' and '..'" in message


async def test_the_secret_must_list_the_endpoint_and_have_its_keys(tmp_path: Path) -> None:
    policy = Policy(s3_endpoint="https://s3.corp", gs_endpoint="https://gs.corp")
    reason, message = await refused("gs://bucket/key.zip", policy, tmp_path, SECRET)
    assert reason is reasons.SECRET_HOST_NOT_ALLOWED
    assert "gs.corp" in message
    incomplete = {"hosts": b"s3.corp", "accessKeyId": b"canary"}
    reason, message = await refused("s3://bucket/key.zip", policy, tmp_path, incomplete)
    assert reason is reasons.SECRET_KEY_MISSING
    assert "`secretAccessKey`" in message


async def test_a_server_that_wants_less_is_left_for_a_minute(tmp_path: Path) -> None:
    async with saying(b"<Error><Code>SlowDown</Code></Error>", status=429) as server:
        policy = Policy(s3_endpoint=server.url)
        archive = Archive(url="s3://bucket/key.zip", sha256="0" * 64)
        with pytest.raises(SourceFailure) as caught:
            await objects.fetch(archive, None, tmp_path / "a.zip", policy)
        assert caught.value.reason is reasons.SOURCE_RATE_LIMITED
        assert caught.value.after == 60
        assert server.asked[0].path == "/bucket/key.zip"
        assert server.asked[0].authorization is None


async def test_a_server_that_says_for_how_long_is_left_so_long(tmp_path: Path) -> None:
    body, headers = b"<Error><Code>SlowDown</Code></Error>", {"Retry-After": "7"}
    async with saying(body, status=429, headers=headers) as server:
        archive = Archive(url="s3://bucket/key.zip", sha256="0" * 64)
        policy = Policy(s3_endpoint=server.url)
        with pytest.raises(SourceFailure) as caught:
            await objects.fetch(archive, None, tmp_path / "a.zip", policy)
    assert caught.value.after == 7
    assert "in 7 s" in caught.value.message


async def test_a_key_is_written_as_in_any_url(tmp_path: Path) -> None:
    async with saying() as server:
        archive = Archive(url="s3://bucket/a%20b/gr%C3%B6%C3%9Fe%25.zip", sha256="0" * 64)
        policy = Policy(s3_endpoint=server.url)
        await objects.fetch(archive, None, tmp_path / "a.zip", policy)
        assert unquote(server.asked[0].path) == "/bucket/a b/größe%.zip"


async def test_a_process_that_the_node_ends_may_be_tried_again(tmp_path: Path) -> None:
    async with silent() as policy:
        fetching = asyncio.create_task(refused("s3://bucket/key.zip", policy(seconds=60), tmp_path))
        os.kill(await child(fetching), signal.SIGKILL)
        reason, message = await fetching
    assert reason is reasons.SOURCE_INTERRUPTED
    assert "ended by the node" in message


async def test_an_error_of_ours_is_told_and_tried_again(tmp_path: Path) -> None:
    """An endpoint that nothing could be asked of stands for whatever was not thought of."""
    policy = Policy(s3_endpoint="https://s3..corp")
    reason, message = await refused("s3://bucket/key.zip", policy, tmp_path)
    assert reason is reasons.INTERNAL_ERROR
    assert reason.heals != "never"
    assert message.startswith("s3://bucket/key.zip: ")


async def test_nobody_waits_for_others_for_longer_than_an_object_may_take(tmp_path: Path) -> None:
    given = with_field(body(), "spec.source", {"archive": {"url": URL, "sha256": "0" * 64}})
    wanted = ModelDeployment.from_body(given).spec
    async with silent() as policy:
        code = Pipeline(policy(seconds=0.2), Sandbox(), lambda _: None)
        async with code._objects.turn(("demo", "other")):
            with pytest.raises(SourceFailure) as caught:
                await code.verified(wanted, None, tmp_path, ("demo", "smollm2"))
    assert caught.value.reason is reasons.SOURCE_INTERRUPTED
    assert children() == []


async def test_a_full_disk_is_no_fault_of_the_store(tmp_path: Path) -> None:
    async with saying() as server:
        answer = await asked_directly(server.url, "/dev/full")
    assert answer["reason"] == "SourceInterrupted"
    assert "No space left on device" in answer["message"]


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    async with saying() as second:
        headers = {"Location": f"{second.url}/bucket/key.zip"}
        async with saying(b"", status=307, headers=headers) as first:
            reason, _ = await refused(
                "s3://bucket/key.zip", Policy(s3_endpoint=first.url), tmp_path
            )
        assert reason is reasons.SOURCE_FORBIDDEN
        assert not second.asked


def test_the_process_ends_itself_when_nobody_is_left_to_do_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        ended = subprocess.run(
            CHILD,
            input=request(f"http://{host}", str(tmp_path / "a.zip"), seconds=0.5),
            capture_output=True,
            timeout=20,
            check=False,
        )
    assert ended.returncode == -signal.SIGALRM


def request(endpoint: str, into: str, seconds: float) -> bytes:
    """As the process that fetches is given it."""
    given = {
        **{"endpoint": endpoint, "host": "s3.corp", "region": "us-east-1"},
        **{"bucket": "bucket", "key": "key", "keys": None, "proxy": None, "trust": None},
        **{"into": into, "max_bytes": 1000, "seconds": seconds},
    }
    return json.dumps(given).encode()


async def asked_directly(endpoint: str, into: str) -> dict[str, Any]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*CHILD, stdin=pipe, stdout=pipe)
    answer, _ = await process.communicate(request(endpoint, into, seconds=60))
    said: dict[str, Any] = json.loads(answer)
    return said


@asynccontextmanager
async def silent() -> AsyncIterator[Callable[..., Policy]]:
    """A store that takes connections and never answers; gives policies that name it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        yield lambda **fields: Policy(s3_endpoint=endpoint, **fields)


async def child(fetching: asyncio.Task[Any]) -> int:
    """The process that fetches, once there is one."""
    while not (found := children()):
        assert not fetching.done()
        await asyncio.sleep(0.01)
    return found[0]


def children() -> list[int]:
    """Processes of ours that fetch an object."""
    tasks = Path("/proc/self/task").iterdir()
    listed = [int(each) for task in tasks for each in (task / "children").read_text().split()]
    return [
        each for each in listed if b"object_child" in Path(f"/proc/{each}/cmdline").read_bytes()
    ]
