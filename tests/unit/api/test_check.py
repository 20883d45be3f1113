"""What may be asked of an app, whoever wrote it down."""

from dataclasses import asdict
from typing import Any

import pytest

from bastaix.api.check import Check, Expect, read_check
from bastaix.api.errors import Stalled
from bastaix.api.fields import Fields

WHOLE = Check(
    method="POST", path="/v1/x?y=%20", body={"a": 1}, expect=Expect(status=201, contains="é")
)


@pytest.mark.parametrize("check", [WHOLE, Check(method="GET", path="/")])
def test_what_was_written_down_is_read_as_it_was(check: Check) -> None:
    assert read_check(Fields(asdict(check), "check")) == check


@pytest.mark.parametrize(("body", "method"), [({}, "POST"), (None, "GET")])
def test_a_body_is_posted(body: Any, method: str) -> None:
    assert read_check(Fields({"path": "/", "body": body}, "check")).method == method


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("method", "DELETE"),
        ("method", "get"),
        ("method", 1),
        ("path", None),
        ("path", ""),
        ("path", "v1/models"),
        ("path", "@127.0.0.1:9090/-/quit"),
        ("path", ":9090/-/quit"),
        ("path", ".evil.example/"),
        ("path", "/a b"),
        ("path", "/a\r\nHost: evil.example"),
        ("path", "/é"),
        ("path", "/v1\n"),
        ("path", "/" * 1025),
        ("path", ["/v1"]),
        ("body", "text"),
        ("body", ["list"]),
        ("expect", "yes"),
        ("expect", {"status": "200"}),
        ("expect", {"status": True}),
        ("expect", {"status": 99}),
        ("expect", {"status": 600}),
        ("expect", {"contains": ""}),
        ("expect", {"contains": "x" * 1025}),
        ("expect", {"contains": 5}),
    ],
)
def test_what_cannot_be_a_check_is_refused_by_the_name_of_its_field(field: str, value: Any) -> None:
    given = {**asdict(WHOLE), field: value}
    with pytest.raises(Stalled) as stalled:
        read_check(Fields(given, "spec.app.check"))
    assert stalled.value.finding.reason.name == "InvalidSpec"
    assert f"spec.app.check.{field}" in stalled.value.finding.message
    assert len(stalled.value.finding.message) < 300


def test_a_body_is_not_sent_by_get() -> None:
    with pytest.raises(Stalled, match="body"):
        read_check(Fields({"method": "GET", "path": "/", "body": {}}, "check"))


def test_the_size_of_a_body_is_no_matter_of_its_form() -> None:
    """It may be what serves was asked before there was a limit."""
    given = {"path": "/", "body": {"a": "x" * 100_000}}
    assert read_check(Fields(given, "check")).body == given["body"]
