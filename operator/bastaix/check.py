"""`bastaix check`: what both controllers would say of a file, without a cluster.

The same steps as in the cluster, in the same order: the CRD's schema, then the source fetched,
opened and examined by what the source controller is made of. It says each step as it comes,
for a person who waits, and ends with one line, for a program that reads.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO, TypeVar

from bastaix.api import names, reasons
from bastaix.api.errors import Hindrance, Stalled
from bastaix.api.v1alpha1 import ModelDeployment, Spec
from bastaix.schema import secrets
from bastaix.schema.crd import examine
from bastaix.schema.documents import Body, Unusable, refuse_templates
from bastaix.schema.documents import read as read_documents
from bastaix.schema.rules import NoRules, Rules
from bastaix.settings import PREFIX, read_policy
from bastaix.source import pipeline
from bastaix.source.artifact import Artifact
from bastaix.source.credential import Secret
from bastaix.source.failure import SourceFailure
from bastaix.source.policy import Policy
from bastaix.source.sandbox import Sandbox
from bastaix.text.terminal import in_one_line

Say = Callable[[str], None]
T = TypeVar("T")

_HOSTS: Final = f"{PREFIX}SOURCE_HOSTS"
_FIRST_WORD: Final = 2.0
_LONGEST_SILENCE: Final = 30.0


@dataclass(frozen=True, kw_only=True)
class Given:
    """What is to be checked, and with what."""

    text: str
    name: str
    """Of the file, for messages."""
    offline: Path | None = None
    """A working tree, in place of the source."""
    archive: Path | None = None
    """A zip that is at hand, in place of the source."""
    secrets: tuple[Body, ...] = ()
    """Besides those in the file itself."""
    token: Secret | None = None
    """In place of any Secret."""
    policy: Policy


async def run(given: Given, say: Say) -> bool:
    """Whether all ModelDeployments pass. Unusable: there is nothing that can be checked."""
    bodies = read_documents(given.text, given.name)
    found = [body for body in bodies if body.get("kind") == names.KIND]
    if not found:
        raise Unusable(f"there is no {names.KIND} in {given.name}")
    for body in found:
        refuse_templates(body)
    rules = rules_at_hand(say)
    last, failed = "", ""
    for body in found:
        last, passes = await _check(body, given, [*bodies, *given.secrets], rules, say)
        failed = failed or ("" if passes else last)
        say(last)
    if failed not in ("", last):
        say(failed)
    return not failed


def given(
    file: TextIO,
    environment: Mapping[str, str],
    *,
    offline: Path | None,
    archive: Path | None,
    secret: TextIO | None,
    token_env: str | None,
    allow_host: Sequence[str],
) -> Given:
    """From the options as they were written. Unusable or BadSetting: one of them is wrong."""
    if offline is not None and archive is not None:
        raise Unusable(
            "--offline and --archive exclude each other: either takes the source's place"
        )
    hosts = ",".join(filter(None, [environment.get(_HOSTS), *allow_host]))
    return Given(
        text=_text(file),
        name=file.name,
        offline=offline,
        archive=archive,
        secrets=tuple(read_documents(_text(secret), secret.name)) if secret else (),
        token=_token(token_env, environment) if token_env is not None else None,
        policy=read_policy({**environment, _HOSTS: hosts}),
    )


def _text(file: TextIO) -> str:
    try:
        return file.read()
    except UnicodeDecodeError:
        raise Unusable(f"{file.name} is not UTF-8") from None


def _token(option: str, environment: Mapping[str, str]) -> Secret:
    host, _, name = option.partition("=")
    if not host or not name:
        raise Unusable(
            "--token-env must be HOST=NAME, such as github.com=GIT_TOKEN: the token in that"
            " variable is sent to that host alone, whatever the file says"
        )
    if not environment.get(name):
        raise Unusable(f"--token-env names the variable {name}, which is not set")
    return {"hosts": host.encode(), "token": environment[name].encode()}


def rules_at_hand(say: Say) -> Rules | None:
    try:
        return Rules()
    except NoRules:
        say("note: rules across fields were not checked: install bastaix with its extra `check`")
        return None


async def _check(
    body: Body, given: Given, manifests: list[Body], rules: Rules | None, say: Say
) -> tuple[str, bool]:
    """The line that says how it ended, and whether well."""
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    say(f"{names.KIND} {in_one_line(str(name or 'without a name'))}")
    found = examine(body, rules)
    for violation in found:
        say(f"  {in_one_line(str(violation))}")
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        return f"{reasons.INVALID_SPEC}: {found[0]}{more}", False
    say("  schema: valid")
    try:
        md = read(body)
        if md.spec.source.git is None and md.spec.source.archive is None:
            return "OK: the code is in the runtime image, which is not looked into", True
        artifact = await _verified(md, given, manifests, say)
    except Hindrance as failure:
        if failure.reason.hint:
            say(f"  hint: {failure.reason.hint}")
        return f"{failure.reason}: {failure.message}", False
    for note in artifact.notes:
        say(f"  note: {note}")
    say(f"  artifact: {len(artifact.data):,} bytes")
    return f"OK: {artifact.digest} {artifact.files} files", True


def read(body: Body) -> ModelDeployment:
    """A user's own, with what the API server would have added; Stalled: it is no good one."""
    metadata = {"namespace": "default", "uid": "none", **body["metadata"]}
    md = ModelDeployment.from_body({**body, "metadata": metadata})
    if md.objection is not None:
        raise Stalled(md.objection.reason, md.objection.message)
    return md


async def _verified(md: ModelDeployment, given: Given, manifests: list[Body], say: Say) -> Artifact:
    with tempfile.TemporaryDirectory(prefix="bastaix-") as name:
        folder = Path(name)
        archive = await fetched(md, given, manifests, folder, say)
        return await opened(md, given, archive, folder, say)


async def fetched(
    md: ModelDeployment, given: Given, manifests: list[Body], folder: Path, say: Say
) -> Path | None:
    """The archive at hand, else the one that the source names; None for a working tree."""
    if given.offline is not None:
        say(f"  source: the working tree {given.offline}, whatever is pinned")
        return None
    if given.archive is not None:
        say(f"  source: {given.archive}, in place of a download")
        _compare(given.archive, md.spec)
        return given.archive
    secret = _secret(md, given, manifests, say)
    source = md.spec.source
    what = f"{source.git.repository} at {source.git.commit[:12]}" if source.git else "the archive"
    say(f"  source: fetching {what}{' with a credential' if secret else ''}")
    fetching = pipeline.fetched(source, secret, given.policy, folder)
    archive = await awaited("fetching", fetching, folder, say)
    say(f"  source: fetched, {archive.stat().st_size:,} bytes")
    return archive


async def opened(
    md: ModelDeployment, given: Given, archive: Path | None, folder: Path, say: Say
) -> Artifact:
    """Of what `fetched` gave."""
    if archive is not None:
        from_host = given.archive is None
        opening = pipeline.opened(archive, md.spec, Sandbox(), from_host=from_host)
    elif given.offline is not None:
        selection, checks = pipeline.selection(md.spec.source), pipeline.checks(md.spec)
        opening = Sandbox().open_folder(given.offline, selection, checks)
    else:
        raise ValueError("there is neither an archive nor a working tree to open")
    return await awaited("opening it", opening, folder, say)


def _compare(archive: Path, spec: Spec) -> None:
    pinned = spec.source.archive
    if pinned is None:
        return
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != pinned.sha256:
        raise SourceFailure(
            reasons.DIGEST_MISMATCH,
            f"{archive} has the sha256 {found}, not the pinned {pinned.sha256}",
        )


def _secret(md: ModelDeployment, given: Given, manifests: list[Body], say: Say) -> Secret | None:
    """What the source controller would read from the cluster."""
    name = md.spec.source.secret
    if name is None:
        if given.token is not None or given.secrets:
            say("  note: the source has no secretRef, so it is fetched without a credential")
        return None
    secret = given.token or secrets.find(manifests, name, md.namespace)
    if secret is None:
        raise SourceFailure(
            reasons.SECRET_NOT_FOUND,
            f"the source names the Secret {name}; give it with --secret FILE or --token-env"
            " HOST=NAME, or check a working tree with --offline DIR",
        )
    return secret


async def awaited(
    what: str,
    work: Coroutine[Any, Any, T],
    folder: Path,
    say: Say,
    *,
    first_word: float = _FIRST_WORD,
) -> T:
    """Its result; what takes longer than a moment says that it still goes on."""
    task = asyncio.ensure_future(work)
    began, silence = asyncio.get_running_loop().time(), first_word
    try:
        while not (await asyncio.wait({task}, timeout=silence))[0]:
            seconds = asyncio.get_running_loop().time() - began
            say(f"  … still {what} after {seconds:.0f} s{_arrived(folder)}")
            silence = min(2 * silence, _LONGEST_SILENCE)
        return task.result()
    finally:
        task.cancel()


def _arrived(folder: Path) -> str:
    try:
        return f", {max(path.stat().st_size for path in folder.glob('*.zip')):,} bytes"
    except (ValueError, FileNotFoundError):
        return ""
