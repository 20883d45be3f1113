"""Untrusted bytes are opened in a process of their own, and whatever becomes of it is an answer."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bastaix.api import reasons
from bastaix.source.artifact import Artifact, Checks, Selection
from bastaix.source.failure import SourceFailure
from bastaix.source.files import File
from bastaix.source.packing import digest, pack
from bastaix.source.sandbox import Limits, Sandbox
from tests.unit.source.hostile import CASES, Case
from tests.unit.source.unpacking import (
    UnpackServer,
    confined,
    ended,
    environment_of,
    files_of,
    limits_of,
    openers,
    status_of,
)
from tests.unit.source.zips import Zip, item

DEFAULT = Limits()
CHECKS = Checks(import_path="app:app")
APP = item("r/serve/app.py", b"app = 1\n")
LARGE = Zip(items=[APP, *(item(f"r/{'n' * 200}{n}") for n in range(99_000))], zip64=True)
SLOW = bytes(Zip(items=[APP, *(item(f"r/{'n' * 200}{n}") for n in range(30_000))]))
"""Takes a second to open, in which its process can be found."""
TOO_MUCH = "opening the archive took more memory or time than allowed"
BOMBS = [case for case in CASES if "unpacks to" in case.does]


@pytest.fixture(params=["in a child", "by a server"])
def sandbox(request: pytest.FixtureRequest, unpack_server: UnpackServer) -> Sandbox:
    return Sandbox(unpack_server.socket) if request.param == "by a server" else Sandbox()


async def opened(
    sandbox: Sandbox,
    folder: Path,
    archive: Zip | bytes,
    path: str | None = "serve",
    limits: Limits = DEFAULT,
) -> Artifact:
    file = folder / "archive.zip"
    file.write_bytes(bytes(archive))
    return await sandbox.open_archive(file, Selection(path=path), CHECKS, limits=limits)


@contextmanager
def opening(
    sandbox: Sandbox, folder: Path, limits: Limits = DEFAULT
) -> Iterator[asyncio.Task[Artifact]]:
    task = asyncio.create_task(opened(sandbox, folder, SLOW, limits=limits))
    yield task
    task.cancel()


async def test_gives_the_artifact_and_leaves_nothing_behind(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    artifact = await opened(sandbox, tmp_path, Zip(items=[APP]))
    assert artifact.data == pack({"app.py": File(b"app = 1\n")})
    assert artifact.digest == digest(artifact.data)
    assert artifact.files == 1
    assert os.listdir(tmp_path) == ["archive.zip"]


async def test_a_refusal_comes_through_as_it_was_said(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(SourceFailure) as refused:
        await opened(sandbox, tmp_path, Zip(items=[APP]), path="serv")
    assert refused.value.reason is reasons.PATH_NOT_FOUND
    assert "'serve/'" in refused.value.message


async def test_the_code_is_examined(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(SourceFailure) as refused:
        await opened(sandbox, tmp_path, Zip(items=[item("r/serve/other.py")]))
    assert refused.value.reason is reasons.IMPORT_PATH_NOT_FOUND


@pytest.mark.parametrize("bomb", BOMBS, ids=str)
async def test_a_bomb_costs_one_try_and_no_memory_here(
    bomb: Case, sandbox: Sandbox, tmp_path: Path
) -> None:
    file = tmp_path / "archive.zip"
    file.write_bytes(bomb.archive)
    with no_more_memory_than(8 * 1024 * 1024), pytest.raises(SourceFailure) as refused:
        await sandbox.open_archive(file, bomb.selection, CHECKS)
    assert refused.value.reason is bomb.reason


async def test_more_memory_than_allowed_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(SourceFailure) as refused:
        await opened(sandbox, tmp_path, LARGE, limits=Limits(memory=64 * 1024 * 1024))
    assert (refused.value.reason, refused.value.message) == (reasons.SOURCE_UNSAFE, TOO_MUCH)


async def test_code_that_takes_a_parser_apart_is_refused_or_opened(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    for code in (b"app = " + b"(" * 100_000, b"app = " + b"-" * 400_000 + b"1", b"\0", b"\xff"):
        with suppress(SourceFailure):
            await opened(sandbox, tmp_path, Zip(items=[item("r/serve/app.py", code)]))


async def test_more_time_than_allowed_is_refused(
    unpack_server: UnpackServer, tmp_path: Path
) -> None:
    """A process that is stopped stands for content that takes for ever."""
    with opening(Sandbox(unpack_server.socket), tmp_path, Limits(seconds=5)) as task:
        stopped = await confined(task)
        os.kill(stopped, signal.SIGSTOP)
        with pytest.raises(SourceFailure) as refused:
            await task
    assert refused.value.reason is reasons.SOURCE_INTERRUPTED
    await ended(stopped)


async def test_more_processor_time_than_allowed_is_refused(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    names = Zip(items=[APP, *(item(f"r/{'n' * 1000}{n}") for n in range(20_000))])
    with pytest.raises(SourceFailure) as refused:
        await opened(sandbox, tmp_path, names, limits=Limits(cpu_seconds=0))
    assert (refused.value.reason, refused.value.message) == (reasons.SOURCE_UNSAFE, TOO_MUCH)


async def test_a_process_that_the_node_ends_may_be_tried_again(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with opening(sandbox, tmp_path) as task:
        os.kill(await confined(task), signal.SIGKILL)
        with pytest.raises(SourceFailure) as refused:
            await task
    assert refused.value.reason is reasons.SOURCE_INTERRUPTED
    assert refused.value.reason.heals != "never"


async def test_a_process_that_does_not_get_to_work_may_be_tried_again(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """A limit that no system takes stands for whatever keeps it from beginning."""
    with pytest.raises(SourceFailure) as refused:
        await opened(sandbox, tmp_path, Zip(items=[APP]), limits=Limits(memory=-(2**70)))
    assert refused.value.reason is reasons.INTERNAL_ERROR


async def test_who_is_no_longer_waited_for_ends(sandbox: Sandbox, tmp_path: Path) -> None:
    with opening(sandbox, tmp_path) as task:
        stopped = await confined(task)
        os.kill(stopped, signal.SIGSTOP)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await ended(stopped)


async def test_three_are_opened_at_once_and_no_more(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_bytes(SLOW)
    tasks = [
        asyncio.create_task(
            sandbox.open_archive(tmp_path / "archive.zip", Selection(path="serve"), CHECKS)
        )
        for _ in range(4)
    ]
    most = 0
    while not all(task.done() for task in tasks):
        most = max(most, sum(status_of(process).get("Seccomp") == "2" for process in openers()))
        await asyncio.sleep(0.02)
    assert most == 3
    assert [task.result().files for task in tasks] == [1] * 4


async def test_the_process_is_confined_has_no_environment_and_two_files(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with opening(sandbox, tmp_path) as task:
        process = await confined(task)
        os.kill(process, signal.SIGSTOP)
        limits, status = limits_of(process), status_of(process)
        environment, files = environment_of(process), files_of(process)
    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")
    assert environment == ""
    assert files == {"/dev/null", "pipe", str(tmp_path / "archive.zip")}
    assert "Max cpu time 20 21" in limits
    assert "Max address space 268435456 268435456" in limits
    assert "Max open files 32 32" in limits
    assert "Max file size 0 0" in limits
    assert "Max processes 0 0" in limits


async def test_code_in_any_encoding_is_read(sandbox: Sandbox, tmp_path: Path) -> None:
    """Python loads a module for each, which the confined process can no longer do."""
    for encoding in ("latin-1", "cp1252", "shift_jis", "utf-7", "koi8_r", "gb18030"):
        code = f"# -*- coding: {encoding} -*-\napp = 1\n".encode()
        await opened(sandbox, tmp_path, Zip(items=[item("r/serve/app.py", code)]))


async def test_an_unknown_encoding_is_the_codes_fault(sandbox: Sandbox, tmp_path: Path) -> None:
    code = b"# -*- coding: nothing -*-\napp = 1\n"
    with pytest.raises(SourceFailure) as refused:
        await opened(sandbox, tmp_path, Zip(items=[item("r/serve/app.py", code)]))
    assert refused.value.reason is reasons.IMPORT_PATH_NOT_FOUND


async def test_a_server_that_ends_costs_a_try_and_is_waited_for(tmp_path: Path) -> None:
    with UnpackServer(tmp_path / "socket") as server:
        sandbox = Sandbox(server.socket)
        assert sandbox.complaints() == []
        with opening(sandbox, tmp_path) as task:
            process = await confined(task)
            os.kill(process, signal.SIGSTOP)
            server.kill()
            with pytest.raises(SourceFailure) as refused:
                await task
        assert refused.value.reason is reasons.SOURCE_INTERRUPTED
        await ended(process)
        (complaint,) = sandbox.complaints()
        assert "Connection refused" in complaint
        again = asyncio.create_task(opened(sandbox, tmp_path, Zip(items=[APP])))
        server.start()
        assert (await again).files == 1
        assert sandbox.complaints() == []


async def test_a_server_that_never_comes_is_said_to_be_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bastaix.source.sandbox._RESTART_SECONDS", 0.2)
    sandbox = Sandbox(tmp_path / "socket")
    assert "No such file" in sandbox.complaints()[0]
    with pytest.raises(SourceFailure, match="No such file") as refused:
        await opened(sandbox, tmp_path, Zip(items=[APP]))
    assert refused.value.reason is reasons.SOURCE_INTERRUPTED


async def test_a_server_answers_however_often_somebody_looks_in(
    unpack_server: UnpackServer, tmp_path: Path
) -> None:
    sandbox = Sandbox(unpack_server.socket)
    for _ in range(50):
        assert sandbox.complaints() == []
    assert (await opened(sandbox, tmp_path, Zip(items=[APP]))).files == 1


def test_a_server_that_is_told_to_stop_ends_well(tmp_path: Path) -> None:
    with UnpackServer(tmp_path / "socket") as server:
        assert server.stop() == 0


async def test_what_is_held_is_opened_again(sandbox: Sandbox, tmp_path: Path) -> None:
    artifact = await opened(sandbox, tmp_path, Zip(items=[APP]))
    assert await sandbox.recheck(artifact.data, CHECKS) == artifact


async def test_what_is_held_may_fail_new_checks(sandbox: Sandbox, tmp_path: Path) -> None:
    artifact = await opened(sandbox, tmp_path, Zip(items=[APP]))
    with pytest.raises(SourceFailure) as refused:
        await sandbox.recheck(artifact.data, replace(CHECKS, import_path="app:other"))
    assert refused.value.reason is reasons.IMPORT_PATH_NOT_FOUND


async def test_advice_on_what_is_held_is_from_the_top_of_its_repository(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    nested = Zip(items=[APP, item("r/serve/more/other.py", b"app = 1\n")])
    artifact = await opened(sandbox, tmp_path, nested)
    with pytest.raises(SourceFailure) as refused:
        await sandbox.recheck(artifact.data, replace(CHECKS, import_path="other:app"), path="serve")
    assert refused.value.message.endswith("set path: serve/more")


async def test_what_is_held_and_was_not_packed_here_is_refused(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with pytest.raises(SourceFailure) as refused:
        await sandbox.recheck(bytes(Zip(items=[item("other/app.py", b"app = 1\n")])), CHECKS)
    assert refused.value.reason is reasons.DIGEST_MISMATCH


async def test_a_working_tree_gives_what_its_archive_gives(tmp_path: Path) -> None:
    sandbox = Sandbox()
    (tmp_path / "tree" / "serve").mkdir(parents=True)
    (tmp_path / "tree" / "serve" / "app.py").write_bytes(b"app = 1\n")
    (tmp_path / "tree" / "serve" / "größe.py").touch()
    of_tree = await sandbox.open_folder(tmp_path / "tree", Selection(path="serve"), CHECKS)
    archive = Zip(items=[APP, item("r/serve/größe.py")])
    assert of_tree == await opened(sandbox, tmp_path, archive)


@contextmanager
def no_more_memory_than(allowed: int) -> Iterator[None]:
    def peak() -> int:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = peak()
    yield
    assert peak() - before < allowed
