"""How a figure is told: one line for people, the same as JSON for whoever compares runs."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "build" / "bench"


@dataclass(frozen=True)
class Figure:
    """A measured value; the baseline is what it is held against."""

    name: str
    value: float
    unit: str
    baseline: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.baseline if self.baseline else None

    def __str__(self) -> str:
        return (
            f"{self.name} {_short(self.value)} {self.unit}"
            f" baseline {_short(self.baseline)} ratio {_short(self.ratio)}"
        )


def report(name: str, *figures: Figure) -> None:
    """Print the figures of one benchmark and keep them in build/bench."""
    for figure in figures:
        print(figure, flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    content = [{**asdict(figure), "ratio": figure.ratio} for figure in figures]
    (FOLDER / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")
