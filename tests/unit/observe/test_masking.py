"""What looks like a secret is not told."""

import pytest

from bastaix.observe.masking import masked
from bastaix.observe.text import last_line


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
    ],
)
def test_takes_out_what_has_the_form_or_the_name_of_a_secret(text: str, left: str) -> None:
    assert masked(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "ModuleNotFoundError: No module named 'tokenizers'",
        "max_tokens: 24",
        "the tokenizer of smollm2 was not found",
        "wrong arguments: llm_configs[0].engine_kwarg is unknown, did you mean 'engine_kwargs'?",
        'secret "hub" not found',
    ],
)
def test_leaves_what_only_sounds_like_one(text: str) -> None:
    assert masked(text) == text


def test_an_evidence_line_is_masked() -> None:
    assert last_line("ValueError: token=abcdefgh") == "ValueError: token=***"
