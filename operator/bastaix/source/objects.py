"""Archives in s3:// and gs://, asked of the endpoints that the chart names and of no other.

Google's storage is asked through its S3-compatible interface, so there is one way for both. A
process of its own does it (`source.object_child`): the S3 client needs more memory than all else
here, reads settings from many places of its environment, and can be stopped in time only so.
"""

import asyncio
import json
import logging
import re
import ssl
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from yarl import URL

from bastaix.api import reasons
from bastaix.api.v1alpha1 import Archive
from bastaix.source import hops
from bastaix.source.credential import Keys, Secret, read_keys
from bastaix.source.failure import SourceFailure
from bastaix.source.fetch import Fetched
from bastaix.source.locations import netloc
from bastaix.source.mishaps import FROM_OUTSIDE, interrupted, own_error
from bastaix.source.policy import Policy

logger = logging.getLogger(__name__)

_ADDRESS: Final = re.compile(r"(s3|gs)://([a-z0-9][a-z0-9._-]{1,61}[a-z0-9])/([^?#]+)")
_ELSEWHERE: Final = re.compile(r".*--[a-z0-9]+-s3")
"""Amazon reserves these ends. botocore (1.44) sends --x-s3, --xa-s3 and --op-s3 to hosts of their
own, whatever endpoint and addressing style are set."""
_REGION: Final = re.compile(r"s3[.-](?:dualstack\.)?([a-z]+-[a-z0-9-]+-[0-9])\.amazonaws\.com")
_CHILD: Final = (sys.executable, "-I", "-m", "bastaix.source.object_child")
# Nothing but what is asked for: no credentials, endpoints or proxies of the machine.
_ENVIRONMENT: Final = {
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def are_meant(url: str) -> bool:
    return url.startswith(("s3://", "gs://"))


async def fetch(archive: Archive, secret: Secret | None, into: Path, policy: Policy) -> Fetched:
    """The object, in the file `into`; without a Secret it is asked for as anybody would."""
    scheme, bucket, key = _address(archive.url)
    endpoint = _endpoint(scheme, policy)
    keys = None if secret is None else read_keys(secret, netloc(endpoint))
    with _whole_or_not_at_all(into):
        request = _request(endpoint, bucket, key, keys, into, policy)
        answer = await _asked(request, archive.url)
        return _believed(answer, archive.url, into)


def _address(url: str) -> tuple[str, str, str]:
    """Scheme, bucket and key, which is written as in any URL: a space is %20."""
    match = _ADDRESS.fullmatch(url)
    try:
        scheme, bucket, key = match.groups() if match else ("", "", "")
        key = unquote(key, errors="strict")
    except UnicodeDecodeError:
        key = ""
    if not key or not key.isprintable():
        raise SourceFailure(
            reasons.SOURCE_INVALID,
            "spec.source.archive.url must be s3://BUCKET/KEY or gs://BUCKET/KEY",
        )
    if _ELSEWHERE.fullmatch(bucket):
        raise SourceFailure(
            reasons.SOURCE_INVALID,
            f"spec.source.archive.url names the bucket {bucket}, which is at a host of its own and"
            " not at the endpoint of the chart; use a general purpose bucket",
        )
    if not {"", ".", ".."}.isdisjoint(key.split("/")):
        raise SourceFailure(
            reasons.SOURCE_INVALID,
            "spec.source.archive.url must name a key without empty parts, '.' and '..' between"
            " its slashes",
        )
    return scheme, bucket, key


@contextmanager
def _whole_or_not_at_all(into: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        into.unlink(missing_ok=True)
        raise
    finally:
        _trust_file(into).unlink(missing_ok=True)


def _endpoint(scheme: str, policy: Policy) -> URL:
    given = policy.s3_endpoint if scheme == "s3" else policy.gs_endpoint
    if given is None:
        raise SourceFailure(
            reasons.SOURCE_FORBIDDEN,
            f"{scheme}:// is not set up here: the chart's value source.{scheme}Endpoint is empty",
        )
    return URL(given)


def _request(
    endpoint: URL, bucket: str, key: str, keys: Keys | None, into: Path, policy: Policy
) -> Mapping[str, Any]:
    region = _REGION.fullmatch(endpoint.host or "")
    return {
        "endpoint": str(endpoint).rstrip("/"),
        "host": netloc(endpoint),
        "region": region[1] if region else "us-east-1",
        "bucket": bucket,
        "key": key,
        "keys": None if keys is None else [keys.access_key_id, keys.secret_access_key],
        "proxy": hops.proxy(endpoint, policy),
        "trust": _trust(policy.ca_file, _trust_file(into)),
        "into": str(into),
        "max_bytes": policy.max_bytes,
        "seconds": policy.seconds,
    }


def _trust_file(into: Path) -> Path:
    return into.with_suffix(".pem")


def _trust(ca_file: Path | None, joined: Path) -> str | None:
    """The S3 client takes one file of authorities alone: the system's, or both in one."""
    system = _system_file()
    if ca_file is None:
        return system
    known = Path(system).read_bytes() if system else b""
    joined.write_bytes(known + b"\n" + ca_file.read_bytes())
    return str(joined)


def _system_file() -> str | None:
    """Debian keeps it where Python does not look."""
    places = (ssl.get_default_verify_paths().cafile, "/etc/ssl/certs/ca-certificates.crt")
    return next((place for place in places if place and Path(place).exists()), None)


async def _asked(request: Mapping[str, Any], url: str) -> bytes:
    """The line that the process says."""
    seconds = request["seconds"]
    try:
        async with asyncio.timeout(seconds):
            return await _told(request)
    except TimeoutError as error:
        raise SourceFailure(
            reasons.SOURCE_UNREACHABLE,
            f"{url}: {request['host']} was not done within {seconds:.0f} s",
        ) from error


async def _told(request: Mapping[str, Any]) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *_CHILD,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=_ENVIRONMENT,
    )
    try:
        answer, _ = await process.communicate(json.dumps(request).encode())
        if process.returncode in FROM_OUTSIDE:
            raise interrupted(f"fetching from {request['host']} was ended by the node")
        return answer
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _believed(answer: bytes, url: str, into: Path) -> Fetched:
    try:
        said = json.loads(answer)
        if "sha256" in said:
            return Fetched(path=into, bytes=int(said["bytes"]), sha256=str(said["sha256"]))
        reason, message = reasons.BY_NAME[said["reason"]], f"{url}: {said['message']}"
        after = said["after"]
    except (ValueError, KeyError, TypeError):
        kind = re.search(rb'"bug": "([A-Za-z]+)"', answer)
        what = kind[1].decode() if kind else "no answer"
        logger.error("fetching an object ended in an error of ours: %s", what)
        raise own_error(f"{url}: fetching it ended in an error of ours: {what}") from None
    raise SourceFailure(reason, message, after=after)
