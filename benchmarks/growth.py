"""Growth: how the time of a call, and memory, grow with connections, calls in flight, objects lent, and data.

Every point is measured in new processes, unpinned. A line ends where a point fails, or would take more than a minute,
going by the one before.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.contestants import LOAD, Contestant, select
from benchmarks.environments import Environments
from benchmarks.machine import facts
from benchmarks.pairs import Pair
from benchmarks.processes import Failed
from benchmarks.table import number

__all__ = ["SUBJECTS", "Subject", "grow"]

MIB = 1 << 20
FAMILIES = ("rpyc", "threaded", "twistd")
LONGEST = 60.0
"""Seconds that a point may take."""
_SHORT = 5.0
"""Seconds of a point from which nothing follows for the next: it was mostly the start."""


@dataclass(frozen=True)
class Subject:
    """Something that grows.

    Attributes:
        name: of the chart's file.
        what: the axis.
        steps: the points.
        quick: the largest of them in a quick run.
        request: gives what the client is asked for at a point; `seconds` of the answer are for `calls` of it.
        calls: gives how many calls, or objects, a request stands for.
        crowd: whether the generator of load takes the client's place, and memory is the server's alone.
    """

    name: str
    what: str
    steps: tuple[int, ...]
    quick: int
    request: Callable[[int], dict[str, Any]]
    calls: Callable[[int], int]
    crowd: bool = False


def _crowds(size: int) -> int:
    return max(1, 1000 // size)


def _hauls(size: int) -> int:
    return max(1, 100 // size)


def _payloads(size: int) -> int:
    return max(1, min(300, 4 * MIB // size))


SUBJECTS = (
    Subject(
        "connections",
        "connections, a call in flight on each",
        (1, 10, 100, 1000, 5000),
        100,
        lambda step: {"work": "many", "connections": step, "seconds": 1.0},
        lambda step: 1,
        crowd=True,
    ),
    Subject(
        "outstanding",
        "calls in flight on one connection",
        (1, 10, 100, 1000, 10_000, 100_000),
        1000,
        lambda step: {"work": "outstanding", "in_flight": step, "count": _crowds(step)},
        lambda step: step * _crowds(step),
    ),
    Subject(
        "objects",
        "objects of the server's that the client holds",
        (1, 10, 100, 1000, 10_000, 100_000, 1_000_000),
        1000,
        lambda step: {"work": "lend", "objects": step, "count": _hauls(step)},
        lambda step: step * _hauls(step),
    ),
    Subject(
        "payload",
        "bytes sent in a call",
        (1, 100, 10_000, 100_000, MIB, 16 * MIB, 256 * MIB),
        MIB,
        lambda step: {"work": "latency", "size": step, "count": _payloads(step)},
        _payloads,
    ),
)


def grow(options: argparse.Namespace, environments: Environments) -> list[dict[str, Any]]:
    """Measure, print, and write growth.json and growth.md; give the points."""
    contestants = select(FAMILIES, options.forms)
    used = {contestant.server.environment for contestant in contestants}
    for name in sorted(used):
        with suppress(Failed):  # it is said again where a point is missing
            environments.python_of(name)
    points = []
    for subject in SUBJECTS:
        for contestant in contestants:
            print(f"growth: {subject.name}, {contestant.name} ...", file=sys.stderr, flush=True)
            points += _line(subject, contestant, environments, subject.quick if options.quick else None)
    text = _table(points)
    print(text)
    about = {"quick": options.quick, "machine": facts(environments, used)}
    about["what"] = {subject.name: subject.what for subject in SUBJECTS}
    _write(options.results, {**about, "points": points}, text)
    return points


def _line(
    subject: Subject, contestant: Contestant, environments: Environments, most: int | None
) -> Iterator[dict[str, Any]]:
    took, last = 0.0, 1
    for step in subject.steps:
        if most is not None and step > most:
            return
        point: dict[str, Any] = {"subject": subject.name, "contestant": contestant.name, "step": step}
        if took > _SHORT and took * step / last > LONGEST:
            yield {**point, "failed": f"left out, as the one before took {took:.0f} s"}
            return
        began = time.monotonic()
        try:
            yield {**point, **_point(subject, contestant, environments, step)}
        except Failed as error:
            yield {**point, "failed": f"failed: {error}"}
            return
        took, last = time.monotonic() - began, step


def _point(subject: Subject, contestant: Contestant, environments: Environments, step: int) -> dict[str, Any]:
    pair = Pair(contestant.server, LOAD if subject.crowd else contestant.client, environments, None)
    try:
        if not subject.crowd:
            pair.client.ask({"work": "bound", "count": 200}, LONGEST)  # what is loaded late is not growth
        pids = [pair.server.pid] if subject.crowd else [pair.server.pid, pair.client.pid]
        before = sum(map(_peak, pids))
        answer = pair.client.ask(subject.request(step), 2 * LONGEST)
        grown = sum(map(_peak, pids)) - before
    finally:
        pair.stop()
    seconds = 1 / answer["rate"] if "rate" in answer else answer["seconds"] / subject.calls(step)
    return {"seconds": seconds, "call_seconds": answer.get("call_seconds"), "kib": grown}


def _peak(pid: int) -> int:
    """Give the most KiB of memory that a process ever had."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError as error:
        raise Failed(f"its memory cannot be told: {error}") from error
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def _table(points: list[dict[str, Any]]) -> str:
    rows = ["| what grows | contestant | to | microseconds each | of a call meanwhile | MiB more |", "|" + " --- |" * 6]
    for point in points:
        start = f"| {point['subject']} | {point['contestant']} | {point['step']:,} |"
        if "failed" in point:
            rows.append(f"{start} {point['failed']} | | |")
            continue
        meanwhile = point["call_seconds"]
        cells = [point["seconds"] * 1e6, meanwhile and meanwhile * 1e6, point["kib"] / 1024]
        rows.append(f"{start} {' | '.join('' if cell is None else number(cell) for cell in cells)} |")
    return "\n".join(rows)


def _write(folder: Path, content: dict[str, Any], text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "growth.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    head = "# Growth\n\nMade by `python3 -m benchmarks --growth`; [the README](../README.md) says what it means.\n\n"
    (folder / "growth.md").write_text(f"{head}{text}\n", "utf-8")
