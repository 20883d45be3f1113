"""All that a ModelDeployment has ever said of itself, not only what it said when it was asked."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import paths, programs


@dataclass(frozen=True)
class Told:
    file: Path

    def objects(self) -> Iterator[dict[str, Any]]:
        """Every object each time that it was seen."""
        return _objects(self.file.read_text())

    def conditions(self) -> dict[str, list[str]]:
        """By name, each `Type=Status/Reason` that was ever there, in order."""
        found: dict[str, list[str]] = {}
        for each in self.objects():
            kept = found.setdefault(each["metadata"]["name"], [])
            conditions = (each.get("status") or {}).get("conditions") or ()
            said = (f"{one['type']}={one['status']}/{one['reason']}" for one in conditions)
            kept += [one for one in said if one not in kept]
        return found


@contextmanager
def told(
    namespace: str | None, kind: str = "md", kubeconfig: Path = paths.KUBECONFIG
) -> Iterator[Told]:
    """Of every object of a kind in the namespace, or in all, from here to the end of the block."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "told"
        with file.open("w") as out:
            place = "--all-namespaces" if namespace is None else f"--namespace={namespace}"
            words = ("get", kind, place, "--watch", "--output=json")
            kubectl = (str(programs.path("kubectl")), f"--kubeconfig={kubeconfig}")
            watch = subprocess.Popen([*kubectl, *words], stdout=out)
            try:
                yield Told(file)
            finally:
                watch.terminate()
                watch.wait()


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """One after another; the last one may not have been written to its end."""
    decoder, at = json.JSONDecoder(), 0
    while (at := text.find("{", at)) >= 0:
        try:
            found, at = decoder.raw_decode(text, at)
        except ValueError:
            return
        yield found
