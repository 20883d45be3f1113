"""`bastaix check`: the steps, the last line, and what is sent where."""

import asyncio
import hashlib
import io
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from bastaix import check
from bastaix.cli import main
from bastaix.schema.documents import Unusable
from tests.fakes.git_hosts import COMMIT, TOKEN, FakeGitea
from tests.unit.bodies import MD, with_field

GOOD = "def build(args): ...\n"
GIT = "spec.source.git"


class Said:
    """Whether a file passed, and all lines that were said of it."""

    def __init__(self, passes: bool, lines: list[str]) -> None:
        self.passes = passes
        self.lines = lines

    @property
    def last(self) -> str:
        return self.lines[-1]


def written(folder: Path, *bodies: dict[str, Any]) -> Path:
    file = folder / "model.yaml"
    file.write_text("---\n".join(map(yaml.safe_dump, bodies)))
    return file


def body(**fields: Any) -> dict[str, Any]:
    """A user's file: without what the API server adds."""
    given = with_field(MD, "metadata", {"name": "smollm2", "namespace": "demo"})
    for field, value in fields.items():
        given = with_field(given, field.replace("__", "."), value)
    return given


async def checked(file: Path, environment: dict[str, str] | None = None, **options: Any) -> Said:
    none = {"offline": None, "archive": None, "secret": None, "token_env": None, "allow_host": ()}
    lines: list[str] = []
    with file.open() as text:
        given = check.given(text, environment or {}, **{**none, **options})
    return Said(await check.run(given, lines.append), lines)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "apps/chat").mkdir(parents=True)
    (folder / "apps/chat/app.py").write_text(GOOD)
    return folder


async def test_a_working_tree_passes(tmp_path: Path, tree: Path) -> None:
    file = written(tmp_path, body(spec__source__git__path="apps/chat"))
    said = await checked(file, offline=tree)
    assert said.passes
    assert said.last.startswith("OK: sha256:")
    assert said.last.endswith(" 1 files")
    assert f"  source: the working tree {tree}, whatever is pinned" in said.lines


async def test_a_failure_ends_with_its_reason_after_its_hint(tmp_path: Path, tree: Path) -> None:
    said = await checked(written(tmp_path, body()), offline=tree)
    assert not said.passes
    assert said.last == (
        "ImportPathNotFound: no module app: app.py stands at apps/chat/app.py; set path: apps/chat"
    )
    assert said.lines[-2].startswith("  hint: Correct app.importPath")


async def test_a_note_does_not_fail(tmp_path: Path, tree: Path) -> None:
    (tree / "app.py").write_text("globals()['build'] = 1")
    said = await checked(written(tmp_path, body()), offline=tree)
    assert said.passes
    assert any(line.startswith("  note: app:build could not be checked") for line in said.lines)


async def test_all_that_the_schema_refuses_is_said_and_nothing_is_fetched(tmp_path: Path) -> None:
    given = with_field(body(), "spec.scaling.minReplicas", 0)
    given = with_field(given, "spec.app.port", 8000)
    said = await checked(written(tmp_path, given))
    assert not said.passes
    assert said.lines[-3:] == [
        "  spec.app.port: unknown field",
        "  spec.scaling.minReplicas: should be greater than or equal to 1",
        "InvalidSpec: spec.app.port: unknown field (and 1 more)",
    ]


async def test_code_in_the_image_passes_unseen(tmp_path: Path) -> None:
    said = await checked(written(tmp_path, body(spec__source={"image": {}})))
    assert said.passes
    assert said.last == "OK: the code is in the runtime image, which is not looked into"


async def test_of_several_the_first_failure_has_the_last_word(tmp_path: Path, tree: Path) -> None:
    good = body(spec__source__git__path="apps/chat")
    bad = with_field(good, "spec.app.importPath", "app:bulid")
    worse = with_field(good, "spec.app.importPath", "app:make")
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    said = await checked(written(tmp_path, good, other, bad, worse, good), offline=tree)
    assert not said.passes
    assert said.last == "ImportPathNotFound: app.py has no name bulid; did you mean build?"
    assert sum(line.startswith("OK: ") for line in said.lines) == 2


async def test_of_several_that_pass_the_last_line_is_the_last_ones(
    tmp_path: Path, tree: Path
) -> None:
    good = body(spec__source__git__path="apps/chat")
    said = await checked(written(tmp_path, good, good), offline=tree)
    assert said.passes
    assert said.last.startswith("OK: sha256:")


def archive(comment: str = COMMIT) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        made.writestr("serving-main/app.py", GOOD)
        made.comment = comment.encode()
    return stream.getvalue()


async def test_an_archive_at_hand_passes(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(archive())
    said = await checked(written(tmp_path, body()), archive=tmp_path / "a.zip")
    assert said.last.endswith(" 1 files")
    assert (tmp_path / "a.zip").exists()


async def test_an_archive_of_another_commit_fails(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(archive("0" * 40))
    said = await checked(written(tmp_path, body()), archive=tmp_path / "a.zip")
    assert said.last.startswith("DigestMismatch: ")


async def test_an_archive_at_hand_must_be_the_pinned_one(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(archive())
    pinned = hashlib.sha256(archive()).hexdigest()
    for sha256, says in ((pinned, "OK: "), ("0" * 64, "DigestMismatch: ")):
        source = {"archive": {"url": "s3://bucket/a.zip", "sha256": sha256}}
        file = written(tmp_path, body(spec__source=source))
        assert (await checked(file, archive=tmp_path / "a.zip")).last.startswith(says)


def hosted(host: FakeGitea, secret: str | None = None) -> dict[str, Any]:
    git = {"repository": f"{host.url}/acme/serving", "commit": COMMIT, "host": "Gitea"}
    return body(spec__source__git={**git, **({"secretRef": {"name": secret}} if secret else {})})


def allowed(host: FakeGitea) -> list[str]:
    return [f"{host.netloc}=http+private"]


async def test_a_commit_is_fetched_from_its_host(tmp_path: Path) -> None:
    async with FakeGitea() as host:
        said = await checked(written(tmp_path, hosted(host)), allow_host=allowed(host))
        assert said.last.endswith(" 1 files")
        assert f"  source: fetching {host.url}/acme/serving at {COMMIT[:12]}" in said.lines


async def test_a_host_that_is_not_allowed_is_not_asked(tmp_path: Path) -> None:
    async with FakeGitea() as host:
        said = await checked(written(tmp_path, hosted(host)))
        assert not said.passes
        assert host.asked == []


async def test_the_allow_list_of_the_environment_counts_too(tmp_path: Path) -> None:
    async with FakeGitea() as host:
        environment = {"BASTAIX_SOURCE_HOSTS": allowed(host)[0]}
        said = await checked(written(tmp_path, hosted(host)), environment, allow_host=["g.corp"])
    assert said.passes


async def test_a_token_of_the_environment_opens_a_private_repository(tmp_path: Path) -> None:
    async with FakeGitea(private=True) as host:
        said = await checked(
            written(tmp_path, hosted(host, "git-token")),
            {"GIT_TOKEN": TOKEN},
            allow_host=allowed(host),
            token_env=f"{host.netloc}=GIT_TOKEN",
        )
    assert said.passes
    assert TOKEN not in "\n".join(said.lines)


async def test_a_token_is_not_sent_to_a_host_of_the_files_choice(tmp_path: Path) -> None:
    async with FakeGitea(private=True) as host:
        said = await checked(
            written(tmp_path, hosted(host, "git-token")),
            {"GIT_TOKEN": TOKEN},
            allow_host=allowed(host),
            token_env="github.com=GIT_TOKEN",
        )
        assert host.asked == []
    assert said.last.startswith("SecretHostNotAllowed: ")


def secret(host: FakeGitea) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "git-token"},
        "stringData": {"hosts": host.netloc, "token": TOKEN},
    }


async def test_a_secret_in_the_same_file_is_used(tmp_path: Path) -> None:
    async with FakeGitea(private=True) as host:
        file = written(tmp_path, secret(host), hosted(host, "git-token"))
        assert (await checked(file, allow_host=allowed(host))).passes


async def test_a_secret_in_a_file_of_its_own_is_used(tmp_path: Path) -> None:
    async with FakeGitea(private=True) as host:
        (tmp_path / "secret.yaml").write_text(yaml.safe_dump(secret(host)))
        file = written(tmp_path, hosted(host, "git-token"))
        with (tmp_path / "secret.yaml").open() as given:
            said = await checked(file, allow_host=allowed(host), secret=given)
    assert said.passes


async def test_a_secret_that_nobody_gave_is_asked_for(tmp_path: Path) -> None:
    async with FakeGitea(private=True) as host:
        file = written(tmp_path, hosted(host, "git-token"))
        said = await checked(file, allow_host=allowed(host))
        assert host.asked == []
    assert said.last.startswith("SecretNotFound: the source names the Secret git-token; give it")


async def test_a_credential_that_the_source_does_not_name_is_not_used(tmp_path: Path) -> None:
    async with FakeGitea() as host:
        file = written(tmp_path, hosted(host))
        options = {"allow_host": allowed(host), "token_env": f"{host.netloc}=GIT_TOKEN"}
        said = await checked(file, {"GIT_TOKEN": TOKEN}, **options)
        assert all("Authorization" not in asked.headers for asked in host.asked)
    assert any("no secretRef" in line for line in said.lines)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"token_env": "GIT_TOKEN"}, "must be HOST=NAME"),
        ({"token_env": "github.com=NOWHERE"}, "NOWHERE, which is not set"),
        ({"offline": Path(), "archive": Path()}, "exclude each other"),
    ],
)
async def test_an_option_that_cannot_be_used_is_named(
    tmp_path: Path, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(Unusable, match=says):
        await checked(written(tmp_path, body()), **options)


async def test_what_lasts_says_so(tmp_path: Path) -> None:
    lines: list[str] = []
    more = asyncio.Event()

    def say(line: str) -> None:
        lines.append(line)
        if len(lines) == 2:
            more.set()

    async def long() -> str:
        (tmp_path / "archive.zip").write_bytes(b"12345")
        await more.wait()
        return "done"

    assert await check.awaited("fetching", long(), tmp_path, say, first_word=0.01) == "done"
    assert lines[0] == "  … still fetching after 0 s, 5 bytes"


async def command(*arguments: str, stdin: bytes = b"") -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bastaix", "check", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ.copy(),
    )
    out, err = await process.communicate(stdin)
    return process.returncode, out.decode(), err.decode()


async def test_the_command_ends_with_0_1_or_2(tmp_path: Path, tree: Path) -> None:
    good = yaml.safe_dump(body(spec__source__git__path="apps/chat")).encode()
    code, out, err = await command("-", "--offline", str(tree), stdin=good)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith("OK: sha256:")
    bad = yaml.safe_dump(body(spec__source__git__path="apps/chatt")).encode()
    code, out, _ = await command("-", "--offline", str(tree), stdin=bad)
    assert code == 1
    assert out.splitlines()[-1].startswith("PathNotFound: ")
    code, _, err = await command("-", "--offline", str(tree), stdin=b"\xff")
    assert code == 2
    assert err.splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize("text", ["kind: ConfigMap", "a: [", "", "kind: List\nitems: 3"])
def test_a_file_that_cannot_be_used_is_told_in_a_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.yaml").write_text(text)
    result = CliRunner().invoke(main, ["check", str(tmp_path / "model.yaml")])
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("Error: ")


def test_a_file_that_is_not_filled_in_is_told_in_a_line(tmp_path: Path) -> None:
    file = written(tmp_path, body(spec__source__git__commit="${COMMIT}"))
    result = CliRunner().invoke(main, ["check", str(file)])
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize(
    ("part", "other"), [("cli", "bastaix.check"), ("check", "kubernetes"), ("cli", "kubernetes")]
)
async def test_each_part_is_loaded_by_its_command_alone(part: str, other: str) -> None:
    code = f"import sys, bastaix.{part}; sys.exit('{other}' in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await process.wait() == 0
