"""Which Python has Ray: the one that was named, else the one that runs this."""

import importlib.util
import json
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bastaix.local import process
from bastaix.observe.text import last_line
from bastaix.schema.documents import Unusable

_SECONDS: Final = 60.0
# Ray itself is imported by it, Serve is not: that takes seconds, and the steps do it anyway
_QUESTION: Final = """
import importlib.util, json, sys
from importlib.metadata import version
assert importlib.util.find_spec("ray.serve")
print("\\nfound " + json.dumps([version("ray"), list(sys.version_info[:2])]), flush=True)
"""
_ANSWER: Final = re.compile(r"^found (\[.*\])$", re.MULTILINE)
_NO_RAY: Final = re.compile(r"No module named '(ray|ray\.serve)'|^AssertionError", re.MULTILINE)


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
    ray, (major, minor) = await _asked(path, env)
    return Interpreter(path=path, ray=ray, python=(major, minor))


async def _asked(path: str, env: Mapping[str, str]) -> tuple[str, tuple[int, int]]:
    """The versions of Ray and of Python."""
    with tempfile.TemporaryDirectory(prefix="bastaix-") as empty:
        try:
            asked = await process.ended(
                [path, "-c", _QUESTION], cwd=Path(empty), env=env, seconds=_SECONDS
            )
        except process.Late:
            raise Unusable(f"{path} did not import Ray within {_SECONDS:.0f} s") from None
        except OSError as error:
            raise Unusable(f"{path} is no Python that runs here: {error.strerror}") from None
    answer = _ANSWER.search(asked.output)
    if answer is not None:
        ray, (major, minor) = json.loads(answer[1])
        return ray, (major, minor)
    if _NO_RAY.search(asked.output):
        raise Unusable(
            f"{path} has no Ray Serve: pip install 'ray[serve]' there, or name another with"
            " --python PATH"
        )
    raise Unusable(f"{path} cannot say which Ray it has: {last_line(asked.output)}")


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


def _same(one: str | None, other: str) -> bool:
    return one is not None and _absolute(one) == other
