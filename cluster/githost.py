"""A Git host inside the cluster, for code that is served from a pinned commit.

`deploy` runs it, `push` makes a repository of a folder and says which commit it is. The pages are
at http://git.git.svc/<repository>; from outside the cluster the same paths answer at the Service's
own address. Repositories named private/<name> ask for `credential` before they show anything.
"""

import base64
import os
import secrets
import socket
import subprocess
import tempfile
from pathlib import Path
from string import Template

from cluster import images, node, paths
from cluster.progress import Progress

NAMESPACE = NAME = "git"
USER = "reader"
HOST = f"{NAME}.{NAMESPACE}.svc"
BRANCH = "main"
# Nothing of who pushes, where and when goes into a commit: the same content is the same commit.
PERSON = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in {
        "NAME": "Bastaix",
        "EMAIL": "bastaix@example.com",
        "DATE": "2026-01-01T00:00:00Z",
    }.items()
}
IGNORED = "__pycache__/\n*.pyc\n"


class GitHostError(RuntimeError):
    """The Git host does not do what was asked; the message says why."""


def repository_url(repository: str) -> str:
    """What a ModelDeployment names."""
    return f"http://{HOST}/{repository}"


def deploy(progress: Progress | None = None) -> None:
    """Run the Git host and return when it answers."""
    say = progress or Progress()
    manifest = Template((paths.MANIFESTS / "githost.yaml").read_text())
    text = manifest.substitute(
        images.ensure("githost", progress=say), user=USER, password=_kept_password()
    )
    _kubectl(
        *("apply", "--server-side", "--force-conflicts", "--field-manager=bastaix-cluster"),
        *("-f", "-"),
        text=text,
    )
    with say.step("starting the Git host"):
        _kubectl("rollout", "status", f"deployment/{NAME}", "-n", NAMESPACE, "--timeout=120s")
        # the Service's rules follow the Pod's readiness a moment later
        say.wait("the Git host's first answer", _answers, seconds=30)


def _answers() -> bool:
    try:
        with socket.create_connection((address(), 80), timeout=2):
            return True
    except OSError:
        return False


def address() -> str:
    """Where the host's Service answers, on this machine as inside the cluster."""
    return _kubectl("get", f"service/{NAME}", "-n", NAMESPACE, "-o=jsonpath={.spec.clusterIP}")


def credential() -> tuple[str, str]:
    """User and password of the private repositories; the password is the cluster's own."""
    password = _password()
    if password is None:
        raise GitHostError("the Git host is not deployed")
    return USER, password


def push(folder: Path, repository: str, *, only: str = ".") -> str:
    """Make the content of `folder` the repository's branch; the commit's full sha is returned.

    `only` leaves everything out but one path in the folder.
    """
    with tempfile.TemporaryDirectory() as scratch:
        made = commit(folder, Path(scratch), only=only)
        target = f"http://{address()}/push/{repository}.git"
        words = ("push", "--quiet", "--force", target, f"{made}:refs/heads/{BRANCH}")
        header = _authorization() if repository.startswith("private/") else ""
        _git(folder, Path(scratch), *words, header=header)
    return made


def commit(folder: Path, git_folder: Path, *, only: str = ".") -> str:
    """Commit the content of `folder` to a new repository in `git_folder`."""
    if not folder.is_dir():
        raise GitHostError(f"there is no folder {folder}")
    _git(folder, git_folder, "init", "--quiet", "--template=", f"--initial-branch={BRANCH}")
    (git_folder / "info").mkdir(exist_ok=True)
    (git_folder / "info/exclude").write_text(IGNORED)
    _git(folder, git_folder, "add", "--all", only)
    title = folder.name if only == "." else only  # where the checkout lies is nobody's business
    _git(folder, git_folder, "commit", "--quiet", "--allow-empty", "--message", title)
    return _git(folder, git_folder, "rev-parse", "HEAD").strip()


def _kept_password() -> str:
    """As it was, if it was: who has been given it keeps his access."""
    return _password() or secrets.token_urlsafe(24)


def _password() -> str | None:
    words = ("get", "secret/users", "-n", NAMESPACE, "--ignore-not-found")
    encoded = _kubectl(*words, "-o=jsonpath={.data.users}")
    return base64.b64decode(encoded).decode().partition(":")[2] if encoded else None


def _authorization() -> str:
    pair = ":".join(credential())
    return f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}"


def _git(folder: Path, git_folder: Path, *words: str, header: str = "") -> str:
    foreign = ("GIT_", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(foreign)
    }
    environment |= PERSON | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
    if header:  # not as an argument, which every process of the machine can read
        environment |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": header,
        }
    options = (f"--git-dir={git_folder}", f"--work-tree={folder.resolve()}")
    return _checked(
        subprocess.run(
            ["git", *options, *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )
    )


def _kubectl(*words: str, text: str | None = None) -> str:
    return _checked(node.kubectl(*words, text=text))


def _checked(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode:
        command = " ".join(done.args)
        raise GitHostError(f"{command} failed ({done.returncode}):\n{done.stderr.strip()}")
    return done.stdout
