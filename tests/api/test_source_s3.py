"""Archives from a real S3 server: versitygw, over TLS with an authority of its own."""

import hashlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import pytest

from bastaix.api import reasons
from bastaix.api.v1alpha1 import Archive, Source
from bastaix.source import pipeline
from bastaix.source.failure import SourceFailure
from bastaix.source.policy import HostRule, Policy
from cluster import pki, programs
from tests.fakes.git_hosts import archive

ROOT = ("root-key", "root-secret-canary")
STRANGER = ("other-key", "other-secret-canary")
BUCKET, KEY = "models", "code/größe 1.zip"
DATA = archive()
SHA256 = hashlib.sha256(DATA).hexdigest()


@dataclass(frozen=True)
class Store:
    netloc: str
    ca_file: Path
    client: Any

    @property
    def endpoint(self) -> str:
        return f"https://{self.netloc}"

    def policy(self, **fields: Any) -> Policy:
        given: dict[str, Any] = {
            "hosts": {self.netloc: HostRule(private=True)},
            "ca_file": self.ca_file,
            "s3_endpoint": self.endpoint,
            "gs_endpoint": self.endpoint,
        }
        return Policy(**{**given, **fields})

    def secret(self, keys: tuple[str, str] = ROOT) -> dict[str, bytes]:
        return {
            "hosts": self.netloc.encode(),
            "accessKeyId": keys[0].encode(),
            "secretAccessKey": keys[1].encode(),
        }


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """With a private bucket, a public one, and two users of whom one may nothing."""
    program = programs.path("versitygw")
    folder = tmp_path_factory.mktemp("s3")
    for name in ("data", "users", "metadata"):
        (folder / name).mkdir()
    identity = pki.Identity("server", user="server", addresses=("IP:127.0.0.1",))
    pki.make(folder / "pki", [identity])
    netloc = f"127.0.0.1:{_unused_port()}"
    environment = {"ROOT_ACCESS_KEY": ROOT[0], "ROOT_SECRET_KEY": ROOT[1], "HOME": str(folder)}
    command = (
        *(str(program), "--quiet", "--port", netloc, "--iam-dir", str(folder / "users")),
        *("--cert", str(folder / "pki/server.crt"), "--key", str(folder / "pki/server.key")),
        *("posix", "--sidecar", str(folder / "metadata"), str(folder / "data")),
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        _await_port(netloc, process, folder / "log")
        made = Store(netloc, folder / "pki/ca.crt", _client(netloc, folder / "pki/ca.crt"))
        _fill(made)
        _add_user(program, netloc)
        yield made
    finally:
        process.terminate()
        process.wait(10)


def _unused_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def _await_port(netloc: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    host, _, port = netloc.partition(":")
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)


def _client(netloc: str, ca_file: Path) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=f"https://{netloc}",
        region_name="us-east-1",
        aws_access_key_id=ROOT[0],
        aws_secret_access_key=ROOT[1],
        verify=str(ca_file),
    )


def _fill(store: Store) -> None:
    for bucket in (BUCKET, "public"):
        store.client.create_bucket(Bucket=bucket)
        store.client.put_object(Bucket=bucket, Key=KEY, Body=DATA)
    store.client.put_object(Bucket=BUCKET, Key="page", Body=b"<html>canary</html>")
    store.client.put_object(Bucket=BUCKET, Key="empty", Body=b"")
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::public/*",
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    store.client.put_bucket_policy(Bucket="public", Policy=json.dumps(policy))


def _add_user(program: Path, netloc: str) -> None:
    subprocess.run(
        [
            *(str(program), "admin", "--allow-insecure", "--endpoint-url", f"https://{netloc}"),
            *("--access", ROOT[0], "--secret", ROOT[1], "create-user"),
            *("--access", STRANGER[0], "--secret", STRANGER[1], "--role", "user"),
        ],
        check=True,
        capture_output=True,
    )


def source(url: str = f"s3://{BUCKET}/{quote(KEY)}", sha256: str = SHA256) -> Source:
    return Source(archive=Archive(url=url, sha256=sha256))


async def refused(
    given: Source, secret: dict[str, bytes] | None, policy: Policy, folder: Path
) -> SourceFailure:
    with pytest.raises(SourceFailure) as caught:
        await pipeline.fetched(given, secret, policy, folder)
    assert "canary" not in caught.value.message
    assert _left_in(folder) == []
    return caught.value


def _left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def _children() -> list[bytes]:
    """The command lines of this process' children."""
    listed = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [Path(f"/proc/{child}/cmdline").read_bytes() for child in listed]


@pytest.mark.parametrize("scheme", ["s3", "gs"])
async def test_an_object_arrives_byte_for_byte(store: Store, tmp_path: Path, scheme: str) -> None:
    given = source(f"{scheme}://{BUCKET}/{quote(KEY)}")
    path = await pipeline.fetched(given, store.secret(), store.policy(), tmp_path)
    assert path.read_bytes() == DATA


async def test_a_public_object_needs_no_secret(store: Store, tmp_path: Path) -> None:
    given = source(f"s3://public/{quote(KEY)}")
    path = await pipeline.fetched(given, None, store.policy(), tmp_path)
    assert path.read_bytes() == DATA


async def test_another_digest_than_the_pinned_is_told(store: Store, tmp_path: Path) -> None:
    given = source(sha256="0" * 64)
    failure = await refused(given, store.secret(), store.policy(), tmp_path)
    assert failure.reason is reasons.DIGEST_MISMATCH
    assert SHA256 in failure.message


async def test_each_no_of_the_server_has_its_reason(store: Store, tmp_path: Path) -> None:
    wrong_secret = store.secret((ROOT[0], "wrong-canary"))
    for given, secret, reason in (
        (source(f"s3://{BUCKET}/absent.zip"), store.secret(), reasons.SOURCE_NOT_FOUND),
        (source("s3://no-such-bucket/a.zip"), store.secret(), reasons.SOURCE_NOT_FOUND),
        (source(), store.secret(("nobody", "canary")), reasons.SOURCE_UNAUTHORIZED),
        (source(), wrong_secret, reasons.SOURCE_UNAUTHORIZED),
        (source(), store.secret(STRANGER), reasons.SOURCE_FORBIDDEN),
        (source(), None, reasons.SOURCE_UNAUTHORIZED),
        (source(f"s3://{BUCKET}/page"), store.secret(), reasons.SOURCE_NOT_ARCHIVE),
        (source(f"s3://{BUCKET}/empty"), store.secret(), reasons.SOURCE_NOT_ARCHIVE),
    ):
        failure = await refused(given, secret, store.policy(), tmp_path)
        assert failure.reason is reason, failure


async def test_the_secret_must_list_the_endpoint(store: Store, tmp_path: Path) -> None:
    secret = {**store.secret(), "hosts": b"s3.example.com"}
    failure = await refused(source(), secret, store.policy(), tmp_path)
    assert failure.reason is reasons.SECRET_HOST_NOT_ALLOWED


async def test_an_object_over_the_limit_is_cut_off(store: Store, tmp_path: Path) -> None:
    policy = store.policy(max_bytes=len(DATA) - 1)
    failure = await refused(source(), store.secret(), policy, tmp_path)
    assert failure.reason is reasons.SOURCE_TOO_LARGE


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    store: Store, tmp_path: Path
) -> None:
    policy = store.policy(ca_file=None)
    failure = await refused(source(), store.secret(), policy, tmp_path)
    assert failure.reason is reasons.SOURCE_UNREACHABLE
    assert "certificate" in failure.message


async def test_no_endpoint_there_is_unreachable(store: Store, tmp_path: Path) -> None:
    policy = store.policy(s3_endpoint=f"https://127.0.0.1:{_unused_port()}")
    failure = await refused(source(), None, policy, tmp_path)
    assert failure.reason is reasons.SOURCE_UNREACHABLE


async def test_an_endpoint_that_never_answers_is_left_and_its_process_ended(
    store: Store, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        endpoint = f"http://127.0.0.1:{mute.getsockname()[1]}"
        policy = store.policy(s3_endpoint=endpoint, seconds=3)
        failure = await refused(source(), None, policy, tmp_path)
    assert failure.reason is reasons.SOURCE_UNREACHABLE
    assert not [line for line in _children() if b"object_child" in line]
