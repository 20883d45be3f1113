"""What is said of the steps, and how a failed one ends: a line each, the reason last."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from bastaix.api.errors import Hindrance
from bastaix.api.reasons import Finding
from bastaix.observe.masking import masked
from bastaix.observe.text import plain

Step = Literal["fetch", "unpack", "import", "build", "deploy", "first answer"]
Say = Callable[[str], None]
T = TypeVar("T")

_SHOWN: Final = 15
_FIRST_WORD: Final = 3.0
_LONGEST_SILENCE: Final = 30.0


class Failed(Exception):
    """A step cannot be taken, as it could not in the cluster."""

    def __init__(
        self, step: Step, finding: Finding, *, output: str = "", commands: tuple[str, ...] = ()
    ) -> None:
        super().__init__(f"{step}: {finding.reason}: {finding.message}")
        self.step = step
        self.finding = finding
        self.output = output
        """What the program said itself."""
        self.commands = commands
        """What shows the same outside of us; several are for several terminals."""


class Account:
    """Says each step with its seconds as soon as it is taken."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._began = self._now()

    @property
    def seconds(self) -> float:
        return self._now() - self._began

    async def take(
        self,
        step: Step,
        work: Coroutine[Any, Any, T],
        told: Callable[[T], str],
        *,
        doing: Callable[[], str] | None = None,
    ) -> T:
        """`told` says what the step has come to; a Hindrance becomes a failed step.

        What takes longer than a moment says what it is `doing`, unless it says so itself.
        """
        began = self._now()
        try:
            done = await (work if doing is None else self._awaited(work, doing))
        except Hindrance as hindrance:
            self._line(step, began, "failed")
            raise Failed(step, hindrance.finding) from hindrance
        except Failed:
            self._line(step, began, "failed")
            raise
        self._line(step, began, told(done))
        return done

    async def _awaited(self, work: Coroutine[Any, Any, T], doing: Callable[[], str]) -> T:
        """Its result; when this is cancelled, only once the work has put everything away."""
        task, began, silence = asyncio.ensure_future(work), self._now(), _FIRST_WORD
        try:
            while not (await asyncio.wait({task}, timeout=silence))[0]:
                self._say(f"  … {doing()}, {self._now() - began:.0f} s so far")
                silence = min(2 * silence, _LONGEST_SILENCE)
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _line(self, step: Step, began: float, text: str) -> None:
        self._say(f"  {step:<12} {self._now() - began:6.1f} s  {text}")


def ending(failed: Failed, kept: Path | None) -> list[str]:
    """The lines after the failed step. Pure."""
    finding = failed.finding
    lines = [f"    | {line}" for line in _shown(failed.output)]
    if finding.reason.hint:
        lines.append(f"  hint: {finding.reason.hint}")
    if failed.commands:
        lines.append("  the same without Bastaix:")
        lines += [f"    {command}" for command in failed.commands]
    if kept is not None:
        lines.append(f"  kept: {kept}, until you remove it")
    return [*lines, f"{finding.reason}: {finding.message}"]


def _shown(output: str) -> list[str]:
    lines = [line for line in map(masked, plain(output)) if line.strip()]
    if len(lines) <= _SHOWN:
        return lines
    return [f"… {len(lines) - _SHOWN} lines before", *lines[-_SHOWN:]]
