"""The comparison: works, in both modes, by all their contestants; and what is printed and written of it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.contestants import LOAD, Contestant, select
from benchmarks.environments import Environments
from benchmarks.lines import Line, lines_of
from benchmarks.machine import facts, free_memory, processor_of
from benchmarks.options import pace_of
from benchmarks.processes import Failed
from benchmarks.table import markdown, plain
from benchmarks.turns import Arena, Outcome, Pace, take_turns
from benchmarks.works import WORKS, Work

__all__ = ["compare", "describe"]


def describe() -> str:
    """List the works and the goals."""
    text = []
    for work in WORKS.values():
        text.append(f"{work.name:14} {work.what}")
        for figure in work.figures:
            for goal in figure.goals:
                numbers = f"{goal.pure:g}" if goal.pure == goal.built else f"{goal.pure:g} pure, {goal.built:g} built"
                meant = f"times {goal.against}'s" if goal.against else "at most"
                text.append(f"{'':14}   {figure.unit}: {meant} {numbers} ({', '.join(goal.families)})")
    return "\n".join(text)


def compare(options: argparse.Namespace, environments: Environments) -> list[Line]:
    """Measure, print the table, and write the results; give their lines."""
    works = [WORKS[name] for name in options.only]
    used = _prepare(works, options.forms, environments)
    lines: list[Line] = []
    for mode in options.modes:
        with Arena(environments, processor_of(mode)) as arena:
            for work in works:
                print(f"{mode}: {work.name} ...", file=sys.stderr, flush=True)
                lines += _measured(arena, mode, work, select(work.families, options.forms), pace_of(options))
    print(plain(lines, options.modes))
    about = {"quick": options.quick, "rounds": pace_of(options).rounds, "machine": facts(environments, used)}
    _write(options.results, about, lines, options.modes)
    return lines


def _prepare(works: Sequence[Work], forms: Sequence[str], environments: Environments) -> set[str]:
    """Make the environments before anything is measured; say which are needed."""
    needed: set[str] = set()
    for work in works:
        for contestant in select(work.families, forms):
            ends = (work.server or contestant.server, work.client or contestant.client)
            needed |= {end.environment for end in ends if end is not LOAD}
    for name in sorted(needed):
        try:
            environments.python_of(name)
        except Failed as error:
            print(f"the environment {name!r} is missing: {error}", file=sys.stderr)
    return needed


def _measured(arena: Arena, mode: str, work: Work, contestants: list[Contestant], pace: Pace) -> Iterator[Line]:
    free = free_memory()
    if free is not None and free < work.memory and not pace.quick:
        reason = f"needs {work.memory} MiB of free memory"
        outcomes = {contestant.name: Outcome(failed=reason) for contestant in contestants}
    else:
        outcomes = take_turns(arena, work, contestants, pace)
    return lines_of(mode, work, contestants, outcomes)


def _write(folder: Path, about: dict[str, Any], lines: list[Line], modes: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    start = json.dumps(about, indent=1).removesuffix("\n}")
    each = ",\n  ".join(json.dumps(line.as_json()) for line in lines)
    (folder / "results.json").write_text(f'{start},\n "lines": [\n  {each}\n ]\n}}\n', "utf-8")
    head = ["# Results", "", "Made by `python3 -m benchmarks`; [the README](../README.md) says what they mean.", ""]
    machine = [f"- {name}: {value}" for name, value in about["machine"].items() if isinstance(value, (str, int))]
    versions = ", ".join(f"{name}: {version}" for name, version in about["machine"]["versions"].items())
    quick = ["- a quick run: the figures are rough"] if about["quick"] else []
    facts_text = [*machine, f"- versions: {versions}", f"- rounds: {about['rounds']}", *quick, ""]
    (folder / "results.md").write_text("\n".join([*head, *facts_text, markdown(lines, modes), ""]), "utf-8")
