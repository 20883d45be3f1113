"""All that a ModelDeployment has ever said of itself, not only what it said when it was asked."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster import paths, programs

_SAID = '{.metadata.name}{range .status.conditions[*]} {.type}={.status}/{.reason}{end}{"\\n"}'


@dataclass(frozen=True)
class Told:
    file: Path

    def conditions(self) -> dict[str, list[str]]:
        """By name, each `Type=Status/Reason` that was ever there, in order."""
        found: dict[str, list[str]] = {}
        for line in self.file.read_text().splitlines():
            name, *said = line.split()
            kept = found.setdefault(name, [])
            kept += [each for each in said if each not in kept]
        return found


@contextmanager
def told(namespace: str) -> Iterator[Told]:
    """Of every ModelDeployment in the namespace, from here to the end of the block."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "told"
        with file.open("w") as out:
            words = ("get", "md", "-n", namespace, "--watch", "-o", f"jsonpath={_SAID}")
            kubectl = (str(programs.path("kubectl")), f"--kubeconfig={paths.KUBECONFIG}")
            watch = subprocess.Popen([*kubectl, *words], stdout=out)
            try:
                yield Told(file)
            finally:
                watch.terminate()
                watch.wait()
