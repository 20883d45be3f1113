"""A Secret is used for the hosts that it lists and says what it lacks."""

import pytest

from bastaix.api import reasons
from bastaix.api.reasons import Reason
from bastaix.source.credential import Credential, read, read_keys
from bastaix.source.failure import SourceFailure

HOSTS = {"hosts": b"github.com, git.corp:8443\n gitlab.corp"}


def refused(data: dict[str, bytes], host: str = "github.com") -> tuple[Reason, str]:
    with pytest.raises(SourceFailure) as caught:
        read(data, host)
    return caught.value.reason, caught.value.message


@pytest.mark.parametrize("host", ["github.com", "git.corp:8443", "gitlab.corp"])
def test_a_listed_host_gets_the_token(host: str) -> None:
    credential = read({**HOSTS, "token": b"t0ken\n"}, host)
    assert credential.authorization("Bearer") == "Bearer t0ken"


def test_letters_of_a_host_count_in_either_case() -> None:
    assert read({"hosts": b"GitHub.com", "token": b"t"}, "github.com") == Credential(secret="t")


@pytest.mark.parametrize(
    "host",
    ["git.corp", "git.corp:443", "evil.github.com", "github.com.evil.example", "hub.com",
     "github.com:8443", "*", ""],
)  # fmt: skip
def test_any_other_host_gets_nothing(host: str) -> None:
    reason, message = refused({**HOSTS, "token": b"t0ken"}, host)
    assert reason is reasons.SECRET_HOST_NOT_ALLOWED
    assert host in message
    assert "t0ken" not in message


def test_the_port_that_https_has_anyway_may_be_listed() -> None:
    data = {"hosts": b"git.corp:443", "token": b"t0ken"}
    assert read(data, "git.corp").authorization("Bearer") == "Bearer t0ken"


@pytest.mark.parametrize(
    ("listed", "tls_only"),
    [(b"git.corp:443", True), (b"git.corp", False), (b"git.corp:443 git.corp", False)],
)
def test_a_host_with_the_port_of_https_is_listed_for_tls_alone(
    listed: bytes, tls_only: bool
) -> None:
    token = {"hosts": listed, "token": b"t0ken"}
    password = {"hosts": listed, "username": b"me", "password": b"pass"}
    assert [read(data, "git.corp").tls_only for data in (token, password)] == [tls_only] * 2


def test_port_443_without_tls_is_nothing_that_can_be_listed() -> None:
    reason, _ = refused({"hosts": b"git.corp:443", "token": b"t"}, "git.corp:443")
    assert reason is reasons.SECRET_HOST_NOT_ALLOWED


def test_a_star_lists_nothing() -> None:
    assert refused({"hosts": b"*", "token": b"t"})[0] is reasons.SECRET_HOST_NOT_ALLOWED


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"token": b"t"}, "`hosts`"),
        ({"hosts": b" ", "token": b"t"}, "`hosts`"),
        (HOSTS, "`token`, or `username` and `password`"),
        ({**HOSTS, "token": b""}, "`token`"),
        ({**HOSTS, "password": b"p"}, "`username`"),
        ({**HOSTS, "token": b"canary\r\nX-Header: 1"}, "`token`"),
        ({**HOSTS, "token": b"canary\0"}, "`token`"),
    ],
)
def test_the_missing_key_is_named(data: dict[str, bytes], named: str) -> None:
    reason, message = refused(data)
    assert reason is reasons.SECRET_KEY_MISSING
    assert named in message
    assert "canary" not in message


def test_a_name_and_a_password_are_basic() -> None:
    credential = read({**HOSTS, "username": b"me", "password": b"secret"}, "github.com")
    assert credential.authorization("Bearer") == "Basic bWU6c2VjcmV0"


def test_a_name_may_be_empty() -> None:
    credential = read({**HOSTS, "username": b"", "password": b"pat"}, "github.com")
    assert credential.authorization("Bearer") == "Basic OnBhdA=="


def test_keys_of_an_endpoint_need_its_host_listed_too() -> None:
    data = {"hosts": b"s3.corp", "accessKeyId": b"id", "secretAccessKey": b"key"}
    keys = read_keys(data, "s3.corp")
    assert (keys.access_key_id, keys.secret_access_key) == ("id", "key")
    with pytest.raises(SourceFailure) as caught:
        read_keys(data, "s3.example.com")
    assert caught.value.reason is reasons.SECRET_HOST_NOT_ALLOWED


def test_nothing_of_a_secret_is_in_a_repr() -> None:
    data = {**HOSTS, "username": b"canary", "password": b"canary"}
    assert "canary" not in repr(read(data, "github.com"))
    keys = {**HOSTS, "accessKeyId": b"canary", "secretAccessKey": b"canary"}
    assert "canary" not in repr(read_keys(keys, "github.com"))
