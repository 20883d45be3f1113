"""What a Secret holds for a host, and whether it may be sent there.

The Secret says itself which hosts it is for: who may only create ModelDeployments cannot have
it sent to a host of his choice. Nothing read here ever shows in a message or a repr.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from bastaix.api import reasons
from bastaix.source.failure import SourceFailure

Secret = Mapping[str, bytes]

_HTTPS: Final = ":443"


@dataclass(frozen=True, kw_only=True)
class Credential:
    """A token; with a user it is a password."""

    secret: str = field(repr=False)
    user: str | None = field(default=None, repr=False)
    tls_only: bool = False
    """The Secret lists the host with the port of https, and so not for any other scheme."""

    def authorization(self, scheme: str) -> str:
        """The header's value; `scheme` is the host's word before a token."""
        if self.user is None:
            return f"{scheme} {self.secret}"
        pair = f"{self.user}:{self.secret}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Of an S3 endpoint."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)


def read(data: Secret, host: str) -> Credential:
    """The credential for a host, which is `name`, or `name:port` if the port is unusual."""
    tls_only = _allow(data, host)
    if "token" in data:
        return Credential(secret=_text(data, "token"), tls_only=tls_only)
    if "password" in data:
        return Credential(
            user=_text(data, "username", empty=True),
            secret=_text(data, "password"),
            tls_only=tls_only,
        )
    raise SourceFailure(
        reasons.SECRET_KEY_MISSING,
        f"for {host} the Secret needs the key `token`, or `username` and `password`",
    )


def read_keys(data: Secret, host: str) -> Keys:
    """The keys for an endpoint of s3 or gs."""
    _allow(data, host)
    return Keys(
        access_key_id=_text(data, "accessKeyId"),
        secret_access_key=_text(data, "secretAccessKey"),
    )


def _allow(data: Secret, host: str) -> bool:
    """Whether it is for TLS alone."""
    host, listed = host.lower(), re.split(r"[\s,]+", _text(data, "hosts").lower())
    if host in listed and not host.endswith(_HTTPS):
        return False
    if f"{host}{_HTTPS}" in listed:
        return True
    raise SourceFailure(
        reasons.SECRET_HOST_NOT_ALLOWED,
        f"the Secret's key `hosts` does not list {host}, so nothing was sent there",
    )


def _text(data: Secret, key: str, *, empty: bool = False) -> str:
    """Without the line end that an editor or `echo` leaves."""
    if key not in data:
        raise SourceFailure(reasons.SECRET_KEY_MISSING, f"the Secret lacks the key `{key}`")
    try:
        text = data[key].decode().strip()
    except UnicodeDecodeError:
        text = "\0"
    if not text.isprintable() and key != "hosts":
        raise SourceFailure(
            reasons.SECRET_KEY_MISSING,
            f"the Secret's key `{key}` is not one line of text",
        )
    if not text and not empty:
        raise SourceFailure(reasons.SECRET_KEY_MISSING, f"the Secret's key `{key}` is empty")
    return text
