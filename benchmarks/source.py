"""What it costs to fetch, check and pack code: 500 KB selected of an archive of 100 MB.

Held against curl, sha256sum and unzip, which fetch, compare and unpack the same archive from
the same plain server on the loopback, and check nothing. Both take turns, since the machine is
shared. Memory is of one more round, in which somebody looks all the time.
"""

import asyncio
import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bastaix.api.v1alpha1 import ModelDeployment, Spec
from bastaix.source.pipeline import verified
from bastaix.source.policy import HostRule, Policy
from bastaix.source.sandbox import Sandbox
from benchmarks.report import Figure, report

ROUNDS = 7
MIB = 1024 * 1024
ARCHIVE_BYTES, SELECTED_BYTES = 100_000_000, 500_000
FILE_BYTES, SELECTED_FILE_BYTES = 80_000, 10_000
LIMIT_MIB = 100.0
OPENER = "bastaix.source.unpack_server"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = make_archive(folder / "served" / "repository.zip")
        sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
        with served(archive.parent) as netloc, unpacking(folder / "unpack.sock") as server:
            url = f"http://{netloc}/{archive.name}"
            spec = specification(url, sha256)
            policy = Policy(hosts={netloc: HostRule(http=True, private=True)})
            ours, theirs = [], []
            for number in range(ROUNDS + 1):
                first = our_round(spec, policy, folder, server), their_round(url, sha256, folder)
                if number:  # the first warms the page cache
                    ours.append(first[0])
                    theirs.append(first[1])
            parent, child = peaks(lambda: our_round(spec, policy, folder, server))
    print("baseline: curl, sha256sum, unzip", flush=True)
    report(
        "source",
        Figure("source_verify", median(ours), "s", baseline=median(theirs)),
        Figure("source_parent_peak", parent / MIB, "MiB", baseline=LIMIT_MIB),
        Figure("source_child_peak", child / MIB, "MiB", baseline=LIMIT_MIB),
    )


def make_archive(path: Path) -> Path:
    """A repository as its host would pack it: one folder around it, most of it hardly packs."""
    noise = random.Random(0)
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("repository-1/serve/app.py", "app = 1\n")
        for number in range(SELECTED_BYTES // SELECTED_FILE_BYTES):
            code = noise.randbytes(SELECTED_FILE_BYTES // 2).hex()
            archive.writestr(f"repository-1/serve/part{number}.py", f"part = '{code}'\n")
        for number in range(ARCHIVE_BYTES // FILE_BYTES):
            archive.writestr(f"repository-1/data/{number}.bin", noise.randbytes(FILE_BYTES))
    return path


def specification(url: str, sha256: str) -> Spec:
    body = {
        "metadata": {"name": "bench", "namespace": "default", "uid": "1"},
        "spec": {
            "source": {"archive": {"url": url, "sha256": sha256, "path": "serve"}},
            "app": {"importPath": "app:app"},
            "model": {"id": "bench"},
        },
    }
    return ModelDeployment.from_body(body).spec


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A plain server in a process of its own: host and port."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout
            said = re.search(r"port (\d+)", server.stdout.readline())
            assert said, "http.server did not say its port"
            yield f"127.0.0.1:{said[1]}"
        finally:
            server.terminate()


@contextmanager
def unpacking(socket: Path) -> Iterator[Path]:
    """The server that a container of the source controller's Pod runs."""
    words = (sys.executable, "-I", "-m", OPENER, str(socket))
    with subprocess.Popen(words, stderr=subprocess.PIPE) as server:
        try:
            assert server.stderr
            assert server.stderr.readline(), "the unpack server did not say that it listens"
            yield socket
        finally:
            server.terminate()


def our_round(spec: Spec, policy: Policy, folder: Path, server: Path) -> float:
    with empty(folder / "ours") as private:
        began = time.monotonic()
        artifact = asyncio.run(verified(spec, None, policy, private, Sandbox(server)))
        seconds = time.monotonic() - began
    assert artifact.files == 1 + SELECTED_BYTES // SELECTED_FILE_BYTES
    return seconds


def their_round(url: str, sha256: str, folder: Path) -> float:
    with empty(folder / "theirs") as private:
        began = time.monotonic()
        run(private, "curl", "--silent", "--fail", "--output", "a.zip", url)
        run(private, "sha256sum", "--check", "--status", given=f"{sha256}  a.zip\n")
        run(private, "unzip", "-q", "a.zip")
        return time.monotonic() - began


def run(folder: Path, *command: str, given: str = "") -> None:
    subprocess.run(command, cwd=folder, input=given, text=True, check=True)


@contextmanager
def empty(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


class Watcher(threading.Thread):
    """Keeps the most memory that a process for opening ever had, until told to stop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.002):
            for process in openers():
                self.most = max(self.most, peak(process))


def openers(of: str = "self") -> Iterator[str]:
    """Children of a process, and theirs, that open archives."""
    for task in Path("/proc").glob(f"{of}/task/*"):
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            if OPENER in command_of(child):
                yield child
                yield from openers(child)


def command_of(process: str) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().decode()
    except OSError:
        return ""


def peak(process: str) -> int:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


def peaks(work: Callable[[], object]) -> tuple[int, int]:
    """The most memory of this process and of the one for opening, meanwhile."""
    watcher = Watcher()
    Path("/proc/self/clear_refs").write_text("5")  # this process' peak begins anew
    watcher.start()
    work()
    watcher.ended.set()
    watcher.join()
    return peak(str(os.getpid())), watcher.most


if __name__ == "__main__":
    main()
