"""Objects are asked of the chart's endpoints alone, and what users write is taken at its word."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bastaix.api import reasons
from bastaix.api.reasons import Reason
from bastaix.api.v1alpha1 import Archive
from bastaix.source import objects
from bastaix.source.failure import SourceFailure
from bastaix.source.policy import Policy
from tests.unit.source.fetching import saying

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
    ],
)
async def test_nobody_names_an_endpoint_in_a_url(url: str, tmp_path: Path) -> None:
    policy = Policy(s3_endpoint="https://s3.corp")
    assert (await refused(url, policy, tmp_path, SECRET))[0] is reasons.SOURCE_INVALID


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
        request = {
            **{"endpoint": f"http://{host}", "host": host, "region": "us-east-1"},
            **{"bucket": "bucket", "key": "key", "keys": None, "proxy": None, "trust": None},
            **{"into": str(tmp_path / "a.zip"), "max_bytes": 1, "seconds": 0.5},
        }
        ended = subprocess.run(
            [sys.executable, "-I", "-m", "bastaix.source.object_child"],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=20,
            check=False,
        )
    assert ended.returncode == -signal.SIGALRM
