"""Draw the charts of the results in a folder: ``python -m benchmarks.charts FOLDER``, with matplotlib installed.

The files are SVG, with text as text, and the same for the same results.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot, ticker

COLOURS = {
    "rpyc": "#777777",
    "txrpyc pure": "#7db4e0",
    "txrpyc built": "#1f6fb4",
    "twistd txrpyc pure": "#f2b27a",
    "twistd txrpyc built": "#d2691e",
    "txrpyc.deferred pure": "#9ccc8f",
    "txrpyc.deferred built": "#3c8d2f",
    "async for pure": "#9ccc8f",
    "async for built": "#3c8d2f",
}
OTHERS = "#c9c9c9"
RATES = ("bound", "pipelined", "connect", "echo_random", "await", "gather")

_Record = dict[str, Any]


def colour(contestant: str) -> str:
    """Give the colour of a contestant, the same in all charts."""
    return COLOURS.get(contestant, OTHERS)


def save(figure: Any, path: Path) -> None:
    """Write a chart."""
    figure.savefig(path, metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    pyplot.close(figure)


def ratios(lines: Sequence[_Record], mode: str, folder: Path) -> None:
    """Draw how many times better txrpyc is than whom it is compared to, with the goals."""
    shown = [line for line in lines if line["mode"] == mode and line["form"] and line["ratio"]]
    shown = [line for line in shown if line["goal"] is not None]
    if not shown:
        return
    figure, axes = pyplot.subplots(figsize=(9, 0.6 + 0.2 * len(shown)))
    for place, line in enumerate(shown):
        axes.barh(place, line["ratio"] - 1, left=1, color=colour(line["contestant"]), height=0.8)
        axes.plot([line["ratio_min"], line["ratio_max"]], [place, place], color="black", linewidth=0.8)
        axes.plot([line["goal"]] * 2, [place - 0.4, place + 0.4], color="red", linewidth=1.6)
    labels = [f"{line['work']}, {line['unit']}: {line['contestant']} to {line['against']}" for line in shown]
    axes.set_yticks(range(len(shown)), labels, fontsize=7)
    axes.invert_yaxis()
    axes.margins(y=0.01)
    _logarithmic(axes.xaxis, axes.set_xscale)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel(f"times better, {mode}; the goal in red; the black line reaches from the worst round to the best")
    save(figure, folder / f"ratios-{mode}.svg")


def rates(lines: Sequence[_Record], mode: str, folder: Path) -> None:
    """Draw what all contestants reach."""
    by_work = {name: [line for line in lines if line["mode"] == mode and line["work"] == name] for name in RATES}
    by_work = {name: _once(found) for name, found in by_work.items() if _once(found)}
    if not by_work:
        return
    heights = [len(found) for found in by_work.values()]
    figure, grid = pyplot.subplots(
        len(by_work), 1, figsize=(9, 0.9 * len(by_work) + 0.2 * sum(heights)), squeeze=False, height_ratios=heights
    )
    for axes, (name, found) in zip(grid[:, 0], by_work.items(), strict=True):
        places = range(len(found))
        values = [line["median"] for line in found]
        axes.barh(places, values, color=[colour(line["contestant"]) for line in found])
        for place, value in zip(places, values, strict=True):
            axes.text(value, place, f" {value:,.0f}", va="center", fontsize=6)
        axes.set_yticks(places, [line["contestant"] for line in found], fontsize=7)
        axes.invert_yaxis()
        _logarithmic(axes.xaxis, axes.set_xscale)
        axes.set_xlim(10 ** math.floor(math.log10(min(values) * 0.9)), max(values) * 2)
        axes.set_title(f"{name}, {found[0]['unit']}, {mode}", fontsize=8, loc="left")
        axes.tick_params(axis="x", labelsize=7)
    figure.tight_layout()
    save(figure, folder / f"rates-{mode}.svg")


def _logarithmic(axis: Any, scale: Callable[[str], None]) -> None:
    """Make an axis logarithmic, with plain numbers at the powers of ten."""
    scale("log")
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _place: f"{value:,.10g}"))
    axis.set_minor_formatter(ticker.NullFormatter())


def _once(lines: Sequence[_Record]) -> list[_Record]:
    """Leave out what failed, and what is there for another comparison."""
    return list({line["contestant"]: line for line in lines if line["median"]}.values())


def growth(points: Sequence[_Record], what: dict[str, str], folder: Path) -> None:
    """Draw how time and memory grow, a chart for each thing that does."""
    panels: list[tuple[str, Callable[[_Record], float | None]]] = [
        ("microseconds per call", lambda point: point["seconds"] * 1e6),
        ("microseconds of a small call meanwhile", lambda point: point["call_seconds"] and point["call_seconds"] * 1e6),
        ("MiB of memory more", lambda point: point["kib"] / 1024 or None),
    ]
    good = [point for point in points if "failed" not in point]
    for subject in dict.fromkeys(point["subject"] for point in good):
        here = [point for point in good if point["subject"] == subject]
        used = [panel for panel in panels if any(panel[1](point) for point in here)]
        figure, grid = pyplot.subplots(1, len(used), figsize=(4.2 * len(used), 3.4), squeeze=False)
        for axes, (title, value) in zip(grid[0], used, strict=True):
            for contestant in dict.fromkeys(point["contestant"] for point in here):
                _curve(axes, [point for point in here if point["contestant"] == contestant], value)
            axes.set(xscale="log", yscale="log", xlabel=what[subject])
            axes.set_title(title, fontsize=9)
            axes.grid(alpha=0.3)
        grid[0][0].legend(fontsize=7)
        figure.tight_layout()
        save(figure, folder / f"growth-{subject}.svg")


def _curve(axes: Any, points: Sequence[_Record], value: Callable[[_Record], float | None]) -> None:
    name = points[0]["contestant"]
    there = [(point["step"], value(point)) for point in points if value(point)]
    if there:
        axes.plot(*zip(*there, strict=True), marker="o", markersize=3, color=colour(name), label=name)


def main(folder: Path) -> None:
    """Draw all charts that there are results for."""
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "txrpyc", "path.simplify": True})
    if (folder / "results.json").exists():
        lines = json.loads((folder / "results.json").read_text("utf-8"))["lines"]
        for mode in dict.fromkeys(line["mode"] for line in lines):
            ratios(lines, mode, folder)
            rates(lines, mode, folder)
    if (folder / "growth.json").exists():
        results = json.loads((folder / "growth.json").read_text("utf-8"))
        growth(results["points"], results["what"], folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
