"""What looks like a secret is not told."""

import time

import pytest

from bastaix.observe.masking import is_named_like_a_secret, masked
from bastaix.observe.text import last_line, shortened


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("401 for hf_AbCdEfGhIjKlMnOp", "401 for ***"),
        ("https://me:ghs0123456789@git.acme.com/x", "https://***@git.acme.com/x"),
        ("HF_TOKEN=abcdef1234 is wrong", "HF_TOKEN=*** is wrong"),
        ("{'api_key': 'abcdef', 'model': 'm'}", "{'api_key': '***', 'model': 'm'}"),
        ("Authorization: Bearer abc.def.ghi", "Authorization: Bearer ***"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl", "***"),
        ("github_pat_11AAAAAAA0abcdefgh", "***"),
        ("https://abcdefgh@git.acme.com/x", "https://***@git.acme.com/x"),
        ("redis://:abcdefgh@redis:6379/0", "redis://***@redis:6379/0"),
        ("sent Bearer abcdefgh.ijk", "sent Bearer ***"),
        ('password="a b; c d"', 'password="***"'),
        ('{\\"token\\": \\"abc def\\", 1}', '{\\"token\\": \\"***\\", 1}'),
        ("AccountKey=abcdefgh==;Endpoint=x", "AccountKey=***;Endpoint=x"),
        ("get https://b/k?X-Amz-Signature=abcdef01&x=1", "get https://b/k?X-Amz-Signature=***&x=1"),
        ("AWS_SECRET_ACCESS_KEY: abcd/efgh", "AWS_SECRET_ACCESS_KEY: ***"),
        ("vllm serve --api-key abcdefgh --port 1", "vllm serve --api-key *** --port 1"),
        ("a -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- b", "a *** b"),
        ("a\n-----BEGIN PRIVATE KEY-----\nMIIEvQ", "a\n***"),
        ("MIIEvQ\n-----END PRIVATE KEY-----\nb", "***\nb"),
        ("https://me:abc@defgh@git.acme.com/x", "https://***@git.acme.com/x"),
        ("postgres://me:abc/defgh@db/x", "postgres://***@db/x"),
        ("args: {'api_key': ['abcd', 'efgh'], 'port': 1}", "args: {'api_key': [***], 'port': 1}"),
        ("['--api-key', 'abcdefgh', '--port', '1']", "['--api-key', '***', '--port', '1']"),
        ("--password 'a b c d' --port 1", "--password '***' --port 1"),
        ("{'token': b'abcdefgh'}", "{'token': b'***'}"),
        ("password => 'abcdefgh'", "password => '***'"),
        ("secret_key: |\n  abcdefgh", "secret_key: |\n  ***"),
        ("Cookie: a=bcdef; b=cdefg", "Cookie: ***"),
        ("sent Basic dXNlcjpwYXNzd29yZA==", "sent Basic ***"),
        ('{"auth":"dXNlcjpwYXNz"}', '{"auth":"***"}'),
        ("API key: abcdefgh", "API key: ***"),
        ("DB_PASS=abcdefgh pwd=abcdefgh", "DB_PASS=*** pwd=***"),
        ("SIGNING_KEY=abcdefgh", "SIGNING_KEY=***"),
        ("hvs.abcdefghijk, sk_live_abcdefgh", "***, ***"),
    ],
)
def test_takes_out_what_has_the_form_or_the_name_of_a_secret(text: str, left: str) -> None:
    assert masked(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "ModuleNotFoundError: No module named 'tokenizers'",
        "ModuleNotFoundError: No module named 'hf_transfer'",
        "no distribution of sk-learn-intelex, hf_xet_core, npm_config_cache",
        "max_tokens: 24",
        "the tokenizer of smollm2 was not found",
        "wrong arguments: llm_configs[0].engine_kwarg is unknown, did you mean 'engine_kwargs'?",
        'secret "hub" not found',
        "tokenizer=HuggingFaceTB/SmolLM2",
        "max_num_batched_tokens=8192, 'max_tokens': 4096",
        "vllm serve --max-num-batched-tokens 8192 --trust-remote-code",
        "token: None, use_auth_token=False",
        "http://smollm2.demo.svc:8000/v1 asked by me@acme.com",
        "hf://HuggingFaceTB/SmolLM2@7e27bd9f",
        "Basic authentication is off",
        "the author is known, RAY_AUTH_MODE: on",
        "-----BEGIN CERTIFICATE-----",
    ],
)
def test_leaves_what_only_sounds_like_one(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Authorization: token 0123456789abcdef0123", "Authorization: ***"),
        ("authorization: Negotiate YIIabcdef==", "authorization: ***"),
        ('Authorization: Digest username="me", response="abcdef"', "Authorization: ***"),
        ("{'Authorization': 'ApiKey abcdefgh', 'x': 1}", "{'Authorization': '***', 'x': 1}"),
        ('{"proxy-authorization": "Foo abcdefghijk"}', '{"proxy-authorization": "***"}'),
        ("curl -H 'Authorization: token ab12' https://x", "curl -H 'Authorization: ***' https://x"),
        ("Authorization: Bearer abcdefgh", "Authorization: Bearer ***"),
    ],
)
def test_the_credential_of_any_scheme_of_authorization_goes(text: str, left: str) -> None:
    assert masked(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "gho_16C7e42F292c6912E7710c838347Ae178B4a",  # GitHub
        "github_pat_11AAAAAAA0abcdefghij_abcdefgh",
        "glpat-abcdefghij1234567890",  # GitLab
        "glrt-abcdefghij1234567890",
        "glcbt-64_abcdefghij1234567890",
        "ATATT3xFfGF0abcdefghijkl",  # Bitbucket Cloud: an API token, an access token, a password
        "ATCTT3xFfGN0abcdefghijkl",
        "ATBBabcdefghijklmnopqrstuvwx",
        "token 0123456789abcdef0123456789abcdef01234567",  # Gitea: told by the word before it
        "GOOG1EABCDEFGHIJKLMNOP",  # Google's HMAC keys
        "AKIAIOSFODNN7EXAMPLE",  # S3
        "bearer abcdefgh1234",
        "apikey abcdefgh12345678",
        "WANDB_API_KEY abcdef1234567890",
        "DBPASS=hunter22",
        "pass: hunter22",
        "https://g.dev/callback?code=abcdefgh",
        "curl -u me:secretpw https://g.dev",
        "https://hooks.slack.com/services/T000/B000/XXXX",
    ],
)
def test_a_credential_of_a_host_or_of_a_command_goes(text: str) -> None:
    found = masked(text)
    assert "***" in found
    assert not any(part in found for part in ("1234", "0123", "abcdef", "hunter", "secretpw"))
    assert not any(part in found for part in ("XXXX", "EXAMPLE", "IJKL", "C7e4"))


@pytest.mark.parametrize(
    "text",
    [
        "authorization is required",
        "the bearer authentication",
        "bypass: true",
        "compass: north",
        "the secret smollm2-src-0123abcd of 1,234 bytes",
        "commit 0123456789abcdef0123456789abcdef01234567",
    ],
)
def test_a_word_that_is_none_stays(text: str) -> None:
    assert masked(text) == text


def test_an_evidence_line_is_masked() -> None:
    assert last_line("ValueError: token=abcdefgh") == "ValueError: token=***"
    assert last_line("config password:\n  hunter2hunter2") == "***"
    assert last_line("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN\nBgkqhkiG9w0B") == "***"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("error\nhf_AbCdEfGhIjKlMnOp", "error ***"),
        ("token\thf_AbCdEfGhIjKlMnOp", "token ***"),
        ("Bearer\tabcdefghijkl", "Bearer ***"),
    ],
)
def test_what_stood_apart_is_not_glued_to_what_hides_it(text: str, left: str) -> None:
    assert shortened(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "a-" * 100_000,
        "token-" * 40_000,
        "-eyJ" * 60_000,
        "token " * 40_000,
        "://a:" * 50_000,
        "--" * 90_000,
        "token=[" * 40_000,
        "://" + "a:" * 100_000,
        "secret" * 40_000,
        "authorization: " * 20_000,
        "authorization=" + "\\" * 100_000,
        "-u a" * 50_000,
        "bearer " + "a" * 200_000,
        "api_key " * 30_000,
    ],
)
def test_a_text_that_is_made_to_be_slow_is_not(text: str) -> None:
    before = time.process_time()
    masked(text)
    assert time.process_time() - before < 5


@pytest.mark.parametrize("name", ["HF_TOKEN", "dbPassword", "api-key", "AWS_SECRET_ACCESS_KEY"])
def test_a_name_alone_may_say_that_its_value_is_secret(name: str) -> None:
    assert is_named_like_a_secret(name)


@pytest.mark.parametrize(
    "name", ["MODEL_ID", "max_tokens", "--max-num-batched-tokens", "tokenizer"]
)
def test_other_names_do_not(name: str) -> None:
    assert not is_named_like_a_secret(name)


def test_a_name_that_is_made_to_be_slow_is_not() -> None:
    before = time.process_time()
    assert is_named_like_a_secret("max" * 100_000 + "token")
    assert time.process_time() - before < 5
