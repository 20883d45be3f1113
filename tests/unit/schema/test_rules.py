"""The functions that Kubernetes adds to CEL."""

import pytest

from bastaix.schema.rules import is_url


@pytest.mark.parametrize("text", ["https://g.dev/a b", "http://[::1]:80/", "s3://bucket/%41"])
def test_accepts_a_url(text: str) -> None:
    assert is_url(text)


NO_URLS = [
    "g.dev/a",
    "https://g:port/",
    "https://[g/",
    "https://g/%zz",
    "https://a b/",
    "https://g/\n",
]


@pytest.mark.parametrize("text", NO_URLS)
def test_refuses_what_is_no_url(text: str) -> None:
    assert not is_url(text)
