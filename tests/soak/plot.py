"""Draw what `tests.soak.mixed` has measured: ``python tests/soak/plot.py SAMPLES.json CHART.png``, with matplotlib."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

__all__ = ["TITLES", "draw"]

TITLES = {
    "memory": "memory (MiB)",
    "threads": "threads",
    "descriptors": "descriptors",
    "connections": "connections in memory",
    "objects": "objects in tables",
    "waiting": "answers waited for",
}


def draw(samples: list[dict[str, Any]], path: Path) -> None:
    """Write a PNG with a chart for each of the figures over time."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    minutes = [sample["seconds"] / 60 for sample in samples]
    figure, places = pyplot.subplots(3, 2, figsize=(11, 9), sharex=True)
    for place, (name, title) in zip(places.flat, TITLES.items(), strict=True):
        unit = 2**20 if name == "memory" else 1
        place.plot(minutes, [sample[name] / unit for sample in samples], linewidth=1)
        place.set_title(title)
        place.set_ylim(bottom=0)
        place.grid(alpha=0.3)
    for place in places[-1]:
        place.set_xlabel("minutes")
    figure.suptitle("One server under mixed load")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
