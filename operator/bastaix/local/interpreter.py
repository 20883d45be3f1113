"""Which Python has Ray: the one that was named, else the one that runs this."""

import importlib.util
import json
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bastaix.local import process
from bastaix.schema.documents import Unusable

_SECONDS: Final = 60.0
# looked for and not imported: that takes seconds, and the steps do it anyway
_QUESTION: Final = """
import importlib.util, json, sys
from importlib.metadata import version
assert importlib.util.find_spec("ray.serve")
print(json.dumps([version("ray"), list(sys.version_info[:2])]))
"""


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    path: str
    ray: str
    python: tuple[int, int]

    @property
    def called(self) -> str:
        """As short as a shell here finds it."""
        return "python" if _same(shutil.which("python"), self.path) else shlex.quote(self.path)

    @property
    def serve(self) -> str:
        """Ray's own command, which stands beside the interpreter."""
        beside = Path(self.path).parent / "serve"
        if _same(shutil.which("serve"), str(beside)):
            return "serve"
        return (
            shlex.quote(str(beside)) if beside.exists() else f"{self.called} -m ray.serve.scripts"
        )


async def find(named: str | None, env: Mapping[str, str]) -> Interpreter:
    """Unusable: it has no Ray."""
    if named is None and importlib.util.find_spec("ray") is None:
        raise Unusable(
            f"{sys.executable} has no Ray: pip install 'bastaix[serve]', or name a Python that has"
            " it with --python PATH"
        )
    found = shutil.which(named or sys.executable)
    if found is None:
        raise Unusable(f"--python {named} is not a program")
    # not resolved: a virtual environment is known by the path that it is called by
    path = _absolute(found)
    with tempfile.TemporaryDirectory(prefix="bastaix-") as empty:
        asked = await process.ended(
            [path, "-c", _QUESTION], cwd=Path(empty), env=env, seconds=_SECONDS
        )
    try:
        ray, (major, minor) = json.loads(asked.output.splitlines()[-1])
    except (ValueError, IndexError):
        raise Unusable(
            f"{path} has no Ray Serve: pip install 'ray[serve]' there, or name another with"
            " --python PATH"
        ) from None
    return Interpreter(path=path, ray=ray, python=(major, minor))


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


def _same(one: str | None, other: str) -> bool:
    return one is not None and _absolute(one) == other
