"""Untrusted bytes are opened in a process of their own, and whatever becomes of it is an answer."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bastaix.api import reasons
from bastaix.source.answer import believed
from bastaix.source.artifact import Artifact, Checks, Selection
from bastaix.source.failure import SourceFailure
from bastaix.source.files import File
from bastaix.source.packing import digest, pack
from bastaix.source.sandbox import Limits, open_archive, open_folder, recheck
from tests.unit.source.hostile import CASES, Case
from tests.unit.source.zips import Zip, item

DEFAULT = Limits()
CHECKS = Checks(import_path="app:app")
APP = item("r/serve/app.py", b"app = 1\n")
TOO_MUCH = "opening the archive took more memory or time than allowed"
BOMBS = [case for case in CASES if "unpacks to" in case.does]


async def opened(
    folder: Path, archive: Zip | bytes, path: str | None = "serve", limits: Limits = DEFAULT
) -> Artifact:
    file = folder / "archive.zip"
    file.write_bytes(bytes(archive))
    selection = Selection(path=path)
    return await open_archive(file, selection, CHECKS, folder=folder, limits=limits)


async def test_gives_the_artifact_and_leaves_nothing_behind(tmp_path: Path) -> None:
    artifact = await opened(tmp_path, Zip(items=[APP]))
    assert artifact.data == pack({"app.py": File(b"app = 1\n")})
    assert artifact.digest == digest(artifact.data)
    assert artifact.files == 1
    assert os.listdir(tmp_path) == ["archive.zip"]


async def test_a_refusal_comes_through_as_it_was_said(tmp_path: Path) -> None:
    with pytest.raises(SourceFailure) as refused:
        await opened(tmp_path, Zip(items=[APP]), path="serv")
    assert refused.value.reason is reasons.PATH_NOT_FOUND
    assert "'serve/'" in refused.value.message


async def test_the_code_is_examined(tmp_path: Path) -> None:
    with pytest.raises(SourceFailure) as refused:
        await opened(tmp_path, Zip(items=[item("r/serve/other.py")]))
    assert refused.value.reason is reasons.IMPORT_PATH_NOT_FOUND


@pytest.mark.parametrize("bomb", BOMBS, ids=str)
async def test_a_bomb_costs_one_try_and_no_memory_here(bomb: Case, tmp_path: Path) -> None:
    file = tmp_path / "archive.zip"
    file.write_bytes(bomb.archive)
    with no_more_memory_than(8 * 1024 * 1024), pytest.raises(SourceFailure) as refused:
        await open_archive(file, bomb.selection, CHECKS, folder=tmp_path)
    assert refused.value.reason is bomb.reason


async def test_more_memory_than_allowed_is_refused(tmp_path: Path) -> None:
    archive = Zip(items=[APP, *(item(f"r/{'n' * 200}{n}") for n in range(99_000))], zip64=True)
    with pytest.raises(SourceFailure) as refused:
        await opened(tmp_path, archive, limits=Limits(memory=64 * 1024 * 1024))
    assert (refused.value.reason, refused.value.message) == (reasons.SOURCE_UNSAFE, TOO_MUCH)


async def test_code_that_takes_a_parser_apart_is_refused_or_opened(tmp_path: Path) -> None:
    for code in (b"app = " + b"(" * 100_000, b"app = " + b"-" * 400_000 + b"1", b"\0", b"\xff"):
        with suppress(SourceFailure):
            await opened(tmp_path, Zip(items=[item("r/serve/app.py", code)]))


async def test_more_time_than_allowed_is_refused(tmp_path: Path) -> None:
    """A pipe that nobody writes to stands for content that takes for ever."""
    os.mkfifo(tmp_path / "pipe")
    limits = Limits(seconds=1)
    with pytest.raises(SourceFailure) as refused:
        await open_archive(tmp_path / "pipe", Selection(), CHECKS, folder=tmp_path, limits=limits)
    assert refused.value.reason is reasons.SOURCE_INTERRUPTED
    assert children() == []


async def test_more_processor_time_than_allowed_is_refused(tmp_path: Path) -> None:
    names = Zip(items=[APP, *(item(f"r/{'n' * 1000}{n}") for n in range(20_000))])
    with pytest.raises(SourceFailure) as refused:
        await opened(tmp_path, names, limits=Limits(cpu_seconds=0))
    assert (refused.value.reason, refused.value.message) == (reasons.SOURCE_UNSAFE, TOO_MUCH)


async def test_a_process_that_the_node_ends_may_be_tried_again(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    opening = asyncio.create_task(
        open_archive(tmp_path / "pipe", Selection(), CHECKS, folder=tmp_path)
    )
    os.kill(await confined(opening), signal.SIGKILL)
    with pytest.raises(SourceFailure) as refused:
        await opening
    assert refused.value.reason is reasons.SOURCE_INTERRUPTED
    assert refused.value.reason.heals != "never"


async def test_a_process_that_does_not_get_to_work_may_be_tried_again(tmp_path: Path) -> None:
    """A limit that no system takes stands for whatever keeps it from beginning."""
    with pytest.raises(SourceFailure) as refused:
        await opened(tmp_path, Zip(items=[APP]), limits=Limits(memory=-(2**70)))
    assert refused.value.reason is reasons.INTERNAL_ERROR


def test_a_full_disk_is_no_fault_of_the_archive(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(bytes(Zip(items=[APP])))
    request = {
        **{"archive": str(tmp_path / "a.zip"), "selection": {"path": "serve"}, "path": "serve"},
        **{"checks": asdict(CHECKS), "limits": asdict(DEFAULT), "into": "/dev/full"},
    }
    ended = subprocess.run(
        [sys.executable, "-I", "-m", "bastaix.source.unpack"],
        input=json.dumps(request).encode(),
        capture_output=True,
        timeout=60,
        check=True,
    )
    with pytest.raises(SourceFailure) as refused:
        believed(ended.stdout, tmp_path / "nothing.zip")
    assert refused.value.reason is reasons.SOURCE_INTERRUPTED
    assert "No space left on device" in refused.value.message


async def test_who_is_no_longer_waited_for_ends(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    opening = asyncio.create_task(
        open_archive(tmp_path / "pipe", Selection(), CHECKS, folder=tmp_path)
    )
    await confined(opening)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert children() == []
    assert os.listdir(tmp_path) == ["pipe"]


async def test_two_are_opened_at_once_and_no_more(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    pipe = tmp_path / "pipe"
    limits = Limits(seconds=1)
    opening = [
        asyncio.create_task(open_archive(pipe, Selection(), CHECKS, folder=tmp_path, limits=limits))
        for _ in range(4)
    ]
    most = 0
    while not all(task.done() for task in opening):
        most = max(most, len(children()))
        await asyncio.sleep(0.02)
    assert most == 2
    assert [type(task.exception()) for task in opening] == [SourceFailure] * 4


async def test_the_process_has_no_environment_and_its_own_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    opening = asyncio.create_task(
        open_archive(tmp_path / "pipe", Selection(), CHECKS, folder=tmp_path)
    )
    child = await confined(opening)
    environment, folder, limits = environment_of(child), folder_of(child), limits_of(child)
    opening.cancel()
    await asyncio.wait([opening])
    assert environment == b""
    assert folder.parent == tmp_path
    assert "Max cpu time 20 21" in limits
    assert "Max address space 268435456 268435456" in limits
    assert "Max open files 32 32" in limits
    assert "Max file size 8388608 8388608" in limits
    assert "Max processes 0 0" in limits


async def test_what_is_held_is_opened_again(tmp_path: Path) -> None:
    artifact = await opened(tmp_path, Zip(items=[APP]))
    assert await recheck(artifact.data, CHECKS) == artifact


async def test_what_is_held_may_fail_new_checks(tmp_path: Path) -> None:
    artifact = await opened(tmp_path, Zip(items=[APP]))
    with pytest.raises(SourceFailure) as refused:
        await recheck(artifact.data, replace(CHECKS, import_path="app:other"))
    assert refused.value.reason is reasons.IMPORT_PATH_NOT_FOUND


async def test_advice_on_what_is_held_is_from_the_top_of_its_repository(tmp_path: Path) -> None:
    nested = Zip(items=[APP, item("r/serve/more/other.py", b"app = 1\n")])
    artifact = await opened(tmp_path, nested)
    with pytest.raises(SourceFailure) as refused:
        await recheck(artifact.data, replace(CHECKS, import_path="other:app"), path="serve")
    assert refused.value.message.endswith("set path: serve/more")


async def test_what_is_held_and_was_not_packed_here_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceFailure) as refused:
        await recheck(bytes(Zip(items=[item("other/app.py", b"app = 1\n")])), CHECKS)
    assert refused.value.reason is reasons.DIGEST_MISMATCH


async def test_a_working_tree_gives_what_its_archive_gives(tmp_path: Path) -> None:
    (tmp_path / "tree" / "serve").mkdir(parents=True)
    (tmp_path / "tree" / "serve" / "app.py").write_bytes(b"app = 1\n")
    (tmp_path / "tree" / "serve" / "größe.py").touch()
    of_tree = await open_folder(tmp_path / "tree", Selection(path="serve"), CHECKS)
    assert of_tree == await opened(tmp_path, Zip(items=[APP, item("r/serve/größe.py")]))


def children() -> list[int]:
    """Processes of ours that run the program for opening."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            command = Path(f"/proc/{child}/cmdline").read_bytes()
            if b"bastaix.source.unpack" in command:
                found.append(int(child))
    return found


async def confined(opening: asyncio.Task[Artifact]) -> int:
    """The process for opening, once it has given itself its last limit."""
    while True:
        assert not opening.done(), opening.exception()
        for child in children():
            if "Max core file size 0 0" in limits_of(child):
                return child
        await asyncio.sleep(0.01)


def limits_of(process: int) -> str:
    return " ".join(Path(f"/proc/{process}/limits").read_text().split())


def environment_of(process: int) -> bytes:
    return Path(f"/proc/{process}/environ").read_bytes()


def folder_of(process: int) -> Path:
    return Path(f"/proc/{process}/cwd").readlink()


@contextmanager
def no_more_memory_than(allowed: int) -> Iterator[None]:
    def peak() -> int:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = peak()
    yield
    assert peak() - before < allowed
