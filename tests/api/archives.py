"""A Git host as far as archives go: real repositories, `git archive`, and HTTP on the loopback."""

import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TIMES = {"GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}
SELF = ("-c", "user.name=Test", "-c", "user.email=test@example.org")

APP = "def build(args):\n    return args\n"


class ArchiveHost:
    """One repository at `/code`; each answer can be spoiled."""

    def __init__(self, folder: Path, server: ThreadingHTTPServer) -> None:
        self._folder = folder
        self.netloc = f"127.0.0.1:{server.server_port}"
        self.repository = f"http://{self.netloc}/code"
        self.token = ""
        """Asked for when it is set."""
        self.asked: list[str] = []
        self.instead: tuple[int, Mapping[str, str], bytes] | None = None
        """What every request is answered with when it is set."""
        self._git("init", "--quiet", "--initial-branch=main")

    def commit(
        self, files: Mapping[str, str | bytes], links: Mapping[str, str] | None = None
    ) -> str:
        """A commit of exactly these files and symbolic links."""
        self._git("rm", "-r", "--quiet", "--ignore-unmatch", ".")
        for name, content in files.items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        for name, target in (links or {}).items():
            (self._folder / name).symlink_to(target)
        self._git("add", "--all")
        self._git(*SELF, "commit", "--quiet", "--allow-empty", "--message", "as the test says")
        return self._git("rev-parse", "HEAD").decode().strip()

    def archive(self, commit: str) -> bytes | None:
        try:
            return self._git("archive", "--format=zip", f"--prefix=code-{commit}/", commit)
        except subprocess.CalledProcessError:
            return None

    def asked_for(self, commit: str) -> int:
        return sum(commit in path for path in self.asked)

    def source(self, commit: str, **more: object) -> dict[str, object]:
        """The source of a ModelDeployment."""
        address = {"host": "Generic", "archiveURL": "{repository}/archive/{commit}.zip"}
        return {"git": {"repository": self.repository, "commit": commit, **address, **more}}

    def _git(self, *words: str) -> bytes:
        command = ["git", "-C", str(self._folder), *words]
        environment = {"PATH": "/usr/bin:/bin", "GIT_CONFIG_GLOBAL": "/dev/null", **TIMES}
        return subprocess.run(command, check=True, capture_output=True, env=environment).stdout


@contextmanager
def archive_host(folder: Path) -> Iterator[ArchiveHost]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host.asked.append(self.path)
            self._answer(*(host.instead or self._found()))

        def _found(self) -> tuple[int, Mapping[str, str], bytes]:
            if host.token and self.headers.get("Authorization") != f"Bearer {host.token}":
                return 401, {"WWW-Authenticate": "Bearer"}, b""
            found = host.archive(self.path.rpartition("/")[2].removesuffix(".zip"))
            return (404, {}, b"") if found is None else (200, {}, found)

        def _answer(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host = ArchiveHost(folder, server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
