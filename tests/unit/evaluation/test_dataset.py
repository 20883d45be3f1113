"""The data set: what is asked, and every wrong line told with what would be right."""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bastaix.evaluation.dataset import MAX_BYTES, BadDataset, OtherArchive, load, read
from bastaix.source.files import File
from bastaix.source.packing import pack
from tests.unit.evaluation.cases import MESSAGES, line, written


def complaints(data: bytes) -> tuple[str, ...]:
    try:
        read(data, "f")
    except BadDataset as error:
        return error.lines
    return ()


def test_messages_ask_for_a_chat_and_a_prompt_for_a_completion() -> None:
    chat, text = read(written(line("a"), line("b", prompt="1 + 1 =")), "f").cases
    common = {"temperature": 0, "seed": 0}
    assert (chat.path, chat.body) == ("/v1/chat/completions", {**common, "messages": MESSAGES})
    assert (text.path, text.body) == ("/v1/completions", {**common, "prompt": "1 + 1 ="})


def test_params_come_before_the_defaults() -> None:
    (case,) = read(written(line(params={"seed": 7, "max_tokens": 1})), "f").cases
    assert case.body == {"temperature": 0, "seed": 7, "max_tokens": 1, "messages": MESSAGES}


def test_a_request_is_sent_as_it_stands() -> None:
    request = {"path": "/topics?n=2", "body": {"documents": []}}
    (case,) = read(written(line(request=request)), "f").cases
    assert (case.path, case.body) == ("/topics?n=2", {"documents": []})


def asserting(type: str, value: Any) -> dict[str, Any]:
    return {"assert": [{"type": type, "value": value}]}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"id": ""}, "id must be a text of 1 to 128 printable characters"),
        ({"id": 1}, "id must be"),
        ({"id": "a\nb"}, "id must be"),
        ({"id": "x" * 129}, "id must be"),
        ({"asserts": []}, "there is no key 'asserts': the keys are id, messages,"),
        ({"prompt": "a", "messages": MESSAGES}, "exactly one of messages, prompt and request"),
        ({"messages": "hello"}, 'messages must be a list such as [{"role": "user"'),
        ({"messages": []}, "messages must be a list"),
        ({"prompt": ""}, "prompt must be a text that is not empty"),
        ({"request": {"path": "topics", "body": 1}}, "request.path must begin with /"),
        ({"request": {"path": "/a b", "body": 1}}, "request.path must begin with /"),
        ({"request": {"path": "/"}}, 'request must be an object such as {"path": "/topics"'),
        ({"request": {"path": "/", "body": 1}, "params": {}}, "params are for messages and"),
        ({"params": []}, 'params must be an object such as {"max_tokens": 16}'),
        ({"params": {"stream": False}}, "params must not have stream"),
        ({"weight": -1}, "weight must be a number from 0 to 1,000,000"),
        ({"weight": True}, "weight must be a number"),
        ({"weight": 10**400}, "weight must be a number"),
        ({"assert": []}, "assert must be a list of 1 to 32 assertions"),
        ({"assert": ["Rome"]}, 'assert[0] must be an object such as {"type": "contains"'),
        ({"assert": [{"type": "contains"}]}, "assert[0] value is missing"),
        ({"assert": [{"type": "contains", "text": "a"}]}, "assert[0] has no key 'text'"),
        (asserting("like", 1), "assert[0] type must be one of equals,"),
        (asserting("contains", ""), "value of contains must be a text that is not empty"),
        (asserting("regex", "("), "must be a regular expression of Python"),
        (asserting("max_latency", "1m"), 'must be a duration such as "1.5s"'),
        (asserting("max_latency", 0), "must be a duration"),
        (asserting("json_schema", "{}"), "must be a JSON schema, an object"),
        (asserting("json_schema", {"type": "text"}), "is no JSON schema"),
        (asserting("json_schema", {"pattern": "("}), "is no JSON schema: $.pattern"),
        (
            asserting("json_schema", {"$schema": "http://json-schema.org/draft-04/schema#"}),
            "must be of draft 2020-12: leave $schema out, or write https://json-schema.org/",
        ),
        (asserting("json_schema", {"$schema": ["a"]}), "must be of draft 2020-12"),
        (
            asserting("json_schema", {"not": {"enum": [{"a": each} for each in range(100_000)]}}),
            "must be a JSON schema of at most 2,000 values, all that is in it counted: shorten",
        ),
        (asserting("json_schema", {"$ref": "http://a.invalid/b"}), "must not refer to 'http:"),
    ],
)
def test_a_wrong_line_is_told_with_its_number(fields: dict[str, Any], said: str) -> None:
    (told,) = complaints(written(line("first"), line(**fields)))
    assert told.startswith("f line 2: ")
    assert said in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"{", "must be one JSON object: "),
        (b"[]", "must be one JSON object, in braces"),
        (b"\xff", "must be UTF-8"),
        (b"[" * 100_000, "must be one JSON object, and not so deep"),
        (b'{"weight": NaN}', "NaN is no number in JSON"),
        (b'{"id": "a", "id": "b"}', "the key 'id' is there twice"),
        (b'{"weight": ' + b"9" * 10_000 + b"}", "a number in it has too many digits"),
    ],
)
def test_what_is_no_json_object_is_told(text: bytes, said: str) -> None:
    (told,) = complaints(text)
    assert said in told


@pytest.mark.parametrize("sharp", ["", "#"])
def test_a_schema_may_name_its_draft_and_list_what_an_answer_is_one_of(sharp: str) -> None:
    draft = f"https://json-schema.org/draft/2020-12/schema{sharp}"
    schema = {"$schema": draft, "enum": [f"label {number}" for number in range(1_500)]}
    assert complaints(written(line(**asserting("json_schema", schema)))) == ()


def test_a_schema_that_many_cases_share_is_checked_once() -> None:
    given = asserting("json_schema", {"type": "object", "title": "of many"})
    first, second = read(written(line("a", **given), line("b", **given)), "f").cases
    assert first.assertions[0].value is second.assertions[0].value


def test_ids_are_unique() -> None:
    told = complaints(written(line("a"), line("b"), line("a")))
    assert told == ("f line 3: id 'a' is taken by line 1; ids are unique",)


def test_all_wrong_lines_are_told_at_once_up_to_ten() -> None:
    told = complaints(b"1\n" * 12)
    assert told[9].startswith("f line 10: ")
    assert told[10] == "… and 2 more"


def test_blank_lines_count_as_lines_and_not_as_cases() -> None:
    assert len(read(b"\n\n" + written(line()) + b"  \n", "f").cases) == 1
    assert complaints(b"\n\n1")[0].startswith("f line 3: ")


def test_a_byte_order_mark_and_line_separators_within_texts_do_no_harm() -> None:
    data = json.dumps(line(prompt="a\u2028b"), ensure_ascii=False).encode("utf-8-sig")
    assert read(data, "f").cases[0].body["prompt"] == "a\u2028b"


def test_too_large_and_too_long_are_refused() -> None:
    assert complaints(b" " * (MAX_BYTES + 1)) == ("f is larger than 8 MiB",)
    assert complaints(b"\n" * 10_000 + written(line())) == ("f has more than 10,000 lines",)


def test_the_digest_is_of_what_is_used() -> None:
    data = written(line("a"), line("b"), line("c"))
    beginning = data[: data.index(b'{"id": "c"')]
    assert read(data, "f").digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
    cut = read(data, "f", limit=2)
    assert cut.digest == f"sha256:{hashlib.sha256(beginning).hexdigest()}"
    assert ([case.id for case in cut.cases], cut.total) == (["a", "b"], 3)
    assert read(beginning, "f").digest == cut.digest
    assert read(data, "f", limit=3).digest == read(data, "f").digest


def test_it_is_taken_out_of_the_artifact_as_the_source_controller_packs_it(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(pack({"evals/golden.jsonl": File(written(line()), executable=False)}))
    assert load("evals/golden.jsonl", archive, 10).cases[0].id == "italy"
    assert load("source/evals/golden.jsonl", archive, 10).cases[0].id == "italy"
    with pytest.raises(BadDataset, match=r"evals/other.jsonl is not in a.zip"):
        load("evals/other.jsonl", archive, 10)


def test_a_member_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("golden.jsonl", b" " * (MAX_BYTES + 1))
    with pytest.raises(BadDataset, match="larger than 8 MiB"):
        load("golden.jsonl", archive, 10)


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_bytes(b"PK")
    with pytest.raises(BadDataset, match=r"no\.zip is no zip that can be read"):
        load("a", tmp_path / "no.zip", 10)
    with pytest.raises(BadDataset, match="cannot be read: No such file"):
        load(str(tmp_path / "none.jsonl"), None, 10)


FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["id", "messages", "prompt", "request", "params", "assert", "weight"])
PRINTABLE = st.characters(exclude_categories=["C", "Z"])


@given(st.lists(st.dictionaries(KEYS, JSON) | JSON, max_size=3))
def test_whatever_json_stands_there_is_read_or_refused_by_line(lines: list[Any]) -> None:
    told = complaints("\n".join(map(json.dumps, lines)).encode())
    assert all(each.startswith("f line ") and each.isprintable() for each in told)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_data_set_are_refused(data: bytes) -> None:
    assert complaints(data) or not data.strip()


@given(st.text(PRINTABLE, min_size=1, max_size=128), JSON)
def test_a_good_line_is_read_as_it_was_written(id: str, body: Any) -> None:
    (case,) = read(written(line(id, request={"path": "/", "body": body})), "f").cases
    assert (case.id, case.body) == (id, body)


@pytest.mark.parametrize("deep", [200, 50_000])
def test_a_schema_that_is_too_deep_is_refused_by_its_line(deep: int) -> None:
    schema = '{"not":' * deep + "{}" + "}" * deep
    line = f'{{"id": "a", "prompt": "b", "assert": [{{"type": "json_schema", "value": {schema}}}]}}'
    with pytest.raises(BadDataset, match=r"line 1: .*deep"):
        read(line.encode(), "golden.jsonl")


def test_an_archive_that_is_not_what_its_name_says_is_not_opened(tmp_path: Path) -> None:
    data = pack({"golden.jsonl": File(written(line()), executable=False)})
    digest = hashlib.sha256(data).hexdigest()
    good, other = tmp_path / f"{digest}.zip", tmp_path / f"{'5' * 64}.zip"
    for archive in (good, other):
        archive.write_bytes(data)
    assert load("golden.jsonl", good, 10).cases[0].id == "italy"
    with pytest.raises(OtherArchive, match=f"has the sha256 {digest}"):
        load("golden.jsonl", other, 10)
