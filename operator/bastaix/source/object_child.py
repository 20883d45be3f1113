"""The process that fetches one object: `python -m bastaix.source.object_child`.

It takes a request as JSON on its standard input, keys and all, so that they stand neither in its
arguments nor in its environment, and answers in one line of JSON. `source.objects` is the other
side. No message of the server's is repeated.
"""

import errno
import hashlib
import json
import signal
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import boto3  # type: ignore[import-untyped]
from botocore import UNSIGNED  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import (  # type: ignore[import-untyped]
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    SSLError,
)
from smart_open import s3  # type: ignore[import-untyped]

from bastaix.api import reasons
from bastaix.source.failure import SourceFailure
from bastaix.source.mishaps import NO_ROOM, no_room
from bastaix.source.refusals import retry_after

_CHUNK: Final = 256 * 1024
_WRONG_KEYS: Final = frozenset(
    {
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "InvalidToken",
        "ExpiredToken",
        "InvalidSecurity",
    }
)
_ABSENT: Final = frozenset({"NoSuchKey", "NoSuchBucket", "404"})
_PAUSE: Final = 60.0


def main() -> None:
    request = json.load(sys.stdin)
    signal.setitimer(signal.ITIMER_REAL, request["seconds"] + 1)  # when nobody is left to end this
    print(json.dumps(_answer(request)))


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        return _fetched(request)
    except SourceFailure as failure:
        return _refused(failure)
    except Exception as error:
        if isinstance(error, MemoryError):
            error = OSError(errno.ENOMEM, "")
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            return _refused(no_room(error))
        return {"bug": type(error).__name__}  # its text might hold what nobody should read


def _refused(failure: SourceFailure) -> dict[str, Any]:
    return {"reason": failure.reason.name, "message": failure.message, "after": failure.after}


def _fetched(request: dict[str, Any]) -> dict[str, Any]:
    try:
        with s3.open(
            request["bucket"], request["key"], "rb", client=_client(request), defer_seek=True
        ) as remote:
            return _copied(remote, request)
    except ClientError as error:
        raise _refusal(error, request) from error
    except BotoCoreError as error:
        raise SourceFailure(
            reasons.SOURCE_UNREACHABLE, f"{request['host']} {_trouble(error)}"
        ) from error
    except OSError as error:  # smart_open's own wrapping
        if isinstance(cause := getattr(error, "backend_error", None), ClientError):
            raise _refusal(cause, request) from error
        raise


def _client(request: dict[str, Any]) -> Any:
    keys = request["keys"]
    proxy = request["proxy"]
    config = Config(
        signature_version="s3v4" if keys else UNSIGNED,
        s3={"addressing_style": "path"},
        connect_timeout=15,
        read_timeout=60,
        retries={"total_max_attempts": 2, "mode": "standard"},
        proxies={"http": proxy, "https": proxy} if proxy else None,
        # not every server that speaks S3 knows these
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = boto3.client(
        "s3",
        endpoint_url=request["endpoint"],
        region_name=request["region"],
        aws_access_key_id=keys[0] if keys else None,
        aws_secret_access_key=keys[1] if keys else None,
        verify=request["trust"],
        config=config,
    )
    client.meta.events.register_first("needs-retry.s3", _stay)
    client.meta.events.register_first("before-send.s3", partial(_check_host, request["endpoint"]))
    return client


def _check_host(endpoint: str, request: Any, **_: Any) -> None:
    """botocore makes hosts of the names of some buckets; the Secret lists the endpoint alone."""
    if urlsplit(request.url)[:2] != urlsplit(endpoint)[:2]:
        raise SourceFailure(
            reasons.SOURCE_INVALID,
            "the bucket is at a host of its own and not at the endpoint of the chart",
        )


def _stay(request_dict: dict[str, Any], response: Any, **_: Any) -> None:
    """boto3 follows a redirect by asking again until Python's stack ends, or another endpoint."""
    if response is not None and 300 <= response[0].status_code < 400:
        request_dict["context"]["s3_redirect"]["redirected"] = True


def _copied(remote: Any, request: dict[str, Any]) -> dict[str, Any]:
    digest, size, limit = hashlib.sha256(), 0, request["max_bytes"]
    with Path(request["into"]).open("wb") as file:
        while chunk := remote.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise SourceFailure(reasons.SOURCE_TOO_LARGE, f"the object is over {limit:,} bytes")
            if size == len(chunk) and not chunk.startswith(b"PK"):
                raise SourceFailure(reasons.SOURCE_NOT_ARCHIVE, "the object is not a zip")
            digest.update(chunk)
            file.write(chunk)
    if not size:
        raise SourceFailure(reasons.SOURCE_NOT_ARCHIVE, "the object is empty")
    return {"bytes": size, "sha256": digest.hexdigest()}


def _refusal(error: ClientError, request: dict[str, Any]) -> SourceFailure:
    host, keys = request["host"], request["keys"]
    code = str(error.response.get("Error", {}).get("Code", ""))
    metadata = error.response.get("ResponseMetadata", {})
    status = int(metadata.get("HTTPStatusCode", 0))
    after = retry_after(metadata.get("HTTPHeaders", {}), datetime.now(UTC))
    if code in _WRONG_KEYS or status == 401:
        return SourceFailure(
            reasons.SOURCE_UNAUTHORIZED, f"{host} does not accept the Secret's keys"
        )
    if code in _ABSENT or status == 404:
        what = "bucket" if code == "NoSuchBucket" else "object"
        return SourceFailure(reasons.SOURCE_NOT_FOUND, f"{host} has no such {what}")
    if status == 403 and not keys:
        return SourceFailure(
            reasons.SOURCE_UNAUTHORIZED, f"{host} asks for a credential; name a Secret in secretRef"
        )
    if status == 403:
        return SourceFailure(
            reasons.SOURCE_FORBIDDEN,
            f"{host} does not let the Secret's keys read it, or list the bucket to say it is gone",
        )
    if status == 429 or code in ("SlowDown", "Throttling", "RequestLimitExceeded"):
        after = after or _PAUSE
        return SourceFailure(
            reasons.SOURCE_RATE_LIMITED,
            f"{host} wants fewer requests; the next try is in {after:.0f} s",
            after=after,
        )
    if 300 <= status < 400:
        return SourceFailure(reasons.SOURCE_FORBIDDEN, f"{host} has the bucket in another region")
    return SourceFailure(reasons.SOURCE_UNREACHABLE, f"{host} answered {status}", after=after)


def _trouble(error: BotoCoreError) -> str:
    if isinstance(error, SSLError):
        return "has a certificate that is not trusted"
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError):
        return "takes no connection"
    if isinstance(error, HTTPClientError):
        return "broke off"
    return f"could not be asked ({type(error).__name__})"


if __name__ == "__main__":
    main()
