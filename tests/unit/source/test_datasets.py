"""Whether the gate's data set is in the code and can be used."""

import json
from pathlib import Path
from typing import Any

import pytest

from bastaix.api.sources import verification_key
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.source.artifact import Checks, Selection
from bastaix.source.failure import SourceFailure
from bastaix.source.preflight import examine
from bastaix.source.sandbox import Limits, Sandbox
from tests.unit.bodies import body, with_field

CASE = {"id": "italy", "prompt": "Rome?", "assert": [{"type": "contains", "value": "Rome"}]}
GOOD = json.dumps(CASE).encode()
PATH = "evals/golden.jsonl"


def failure(files: dict[str, bytes], **checks: Any) -> tuple[str, str] | None:
    given = Checks(import_path="app:build", dataset=PATH, **checks)
    found = examine({"app.py": b"def build(args): ...", **files}, given).failure
    return None if found is None else (found.reason.name, found.message)


def test_a_data_set_that_is_there_and_can_be_used_is_well() -> None:
    assert failure({PATH: GOOD}) is None


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ({}, "is not among the selected files"),
        ({"golden.jsonl": GOOD}, "it stands at 'golden.jsonl'"),
        ({"evals/gulden.jsonl": GOOD}, "did you mean 'evals/gulden.jsonl'?"),
        ({"other.jsonl": GOOD}, "there are 'other.jsonl'"),
    ],
)
def test_one_that_is_not_there_is_told_with_what_may_be_meant(
    there: dict[str, bytes], said: str
) -> None:
    found = failure(there)
    assert found is not None
    assert found[0] == "DatasetNotFound"
    assert said in found[1]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{}", "evals/golden.jsonl line 1: id must be"),
        (GOOD + b"\n" + GOOD, "line 2: id 'italy' is taken by line 1"),
        (b"\n", "has no case in it"),
        (b"{}\n[]", "(and 1 more)"),
    ],
)
def test_one_that_cannot_be_used_is_told_with_its_line(data: bytes, said: str) -> None:
    found = failure({PATH: data})
    assert found is not None
    assert found[0] == "DatasetInvalid"
    assert said in found[1]


def test_one_that_an_image_of_the_users_reads_must_be_there_and_is_not_read() -> None:
    assert failure({PATH: b"anything"}, own_evaluator=True) is None
    assert failure({}, own_evaluator=True) is not None


async def test_it_is_read_where_archives_are_opened(tmp_path: Any) -> None:
    (tmp_path / "app.py").write_text("def build(args): ...")
    (tmp_path / "evals").mkdir()
    (tmp_path / PATH).write_bytes(GOOD)
    checks = Checks(import_path="app:build", dataset=PATH)
    assert (await Sandbox().open_folder(tmp_path, Selection(), checks)).files == 2
    (tmp_path / PATH).write_bytes(b"{}")
    with pytest.raises(SourceFailure, match="line 1: id must be") as caught:
        await Sandbox().open_folder(tmp_path, Selection(), checks)
    assert caught.value.reason.name == "DatasetInvalid"


async def test_what_takes_too_long_is_the_data_set_and_not_the_archive(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def build(args): ...")
    (tmp_path / "evals").mkdir()
    (tmp_path / PATH).write_bytes(b"\n".join(map(with_its_own_schema, range(30))))
    checks = Checks(import_path="app:build", dataset=PATH)
    with pytest.raises(SourceFailure, match="fewer and smaller JSON schemas") as caught:
        await Sandbox().open_folder(tmp_path, Selection(), checks, limits=Limits(cpu_seconds=2))
    assert caught.value.reason.name == "DatasetInvalid"
    assert caught.value.message.startswith(f"{PATH} takes more memory or processor time")


def with_its_own_schema(number: int) -> bytes:
    schema = {"title": str(number), "properties": {f"p{n}": {"type": "null"} for n in range(900)}}
    wanted = [{"type": "json_schema", "value": schema}]
    return json.dumps({**CASE, "id": str(number), "assert": wanted}).encode()


def test_another_data_set_is_verified_anew_and_another_threshold_is_not() -> None:
    def key(gate: dict[str, Any] | None) -> str | None:
        given = with_field(body(), "spec.rollout", {} if gate is None else {"gate": gate})
        return verification_key(ModelDeployment.from_body(given).spec)

    plain = {"dataset": {"path": PATH}}
    keys = [
        key(None),
        key(plain),
        key({"dataset": {"path": "b.jsonl"}}),
        key({**plain, "evaluator": {"image": "own:1"}}),
    ]
    assert len(set(keys)) == len(keys)
    assert key({**plain, "minPassRate": 0.5}) == key(plain)
    from_map = {"dataset": {"configMapRef": {"name": "a", "key": "b"}}}
    assert key(from_map) == key(None)
