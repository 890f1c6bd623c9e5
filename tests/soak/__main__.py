"""The long runs: ``python -m tests.soak``."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from tests.peers import CHECKOUT
from tests.soak.crowd import cross
from tests.soak.serving import serve

_SLOWEST = 1.0
"""Seconds that no call may take."""

_FILES = ("tests.test_closing", "tests.test_garbage", "tests.test_ending")
"""Tests that repeat more with TXRPYC_SOAK=1."""


@dataclass
class _Outcome:
    part: str
    done: str
    figures: str
    passed: bool


class _Runs:
    """The parts, as the command line wants them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options

    def threads(self) -> list[_Outcome]:
        calls = 50 if self._options.quick else 1000
        outcomes = []
        for words in ((), ("--background",), ("--pinned",), ("--pinned", "--background")):
            status, last, said = _run("-m", "tests.soak.threads", f"--calls={calls}", *words)
            found = _parsed(last)
            name = " ".join(("threads", *(word[2:] for word in words)))
            if status or not found:
                outcomes.append(_Outcome(name, f"64 x {calls} calls", said, False))
                continue
            wrong, errors = found["wrong"], found["errors"]
            figures = f"{found['seconds']:.1f} s, slowest {found['slowest']:.2f} s, {wrong} wrong, {errors} errors"
            fine = found["calls"] == 64 * calls and not wrong and not errors and found["slowest"] < _SLOWEST
            outcomes.append(_Outcome(name, f"64 x {calls} calls", figures, fine))
        return outcomes

    def crowd(self) -> list[_Outcome]:
        calls = 20 if self._options.quick else 500
        outcomes = []
        for workers in (1, 2, 20, 1000):
            with tempfile.TemporaryDirectory() as folder:
                server = serve(Path(folder), "--workers", str(workers))
                try:
                    found = cross(server.port, 20, calls)
                finally:
                    server.kill()
            figures = f"slowest {found['slowest']:.2f} s, {found['errors']} errors"
            done = f"20 x {calls} calls across, {workers} worker{'s'[: workers > 1]}"
            outcomes.append(_Outcome("crowd", done, figures, found["calls"] == 20 * calls))
        return outcomes

    def locks(self) -> list[_Outcome]:
        return [self._tests("locks", ["tests.test_many_threads.LockTests"])]

    def files(self) -> list[_Outcome]:
        there = [name for name in _FILES if (CHECKOUT / f"{name.replace('.', '/')}.py").exists()]
        return [self._tests("files", [name]) for name in there]

    def mixed(self) -> list[_Outcome]:
        minutes = 0.5 if self._options.quick else self._options.minutes
        png = str(self._options.png.absolute())
        status, last, said = _run("-m", "tests.soak.mixed", f"--minutes={minutes}", "--png", png)
        found = _parsed(last)
        done = f"{minutes:g} minutes of mixed load"
        if not found:
            return [_Outcome("mixed", done, said, False)]
        outcomes = [
            _Outcome("mixed", done, _grown(name, first, end), fine)
            for name, (first, end, fine) in found["judged"].items()
        ]
        counts = ", ".join(f"{count} {what}" for what, count in sorted(found["counts"].items()))
        troubles = "; ".join(found["troubles"]) or f"{counts}; chart: {found['drawn']}"
        broken = bool(found["troubles"]) or (status != 0 and all(outcome.passed for outcome in outcomes))
        return [*outcomes, _Outcome("mixed", done, troubles, not broken)]

    def _tests(self, part: str, names: list[str]) -> _Outcome:
        """Run tests in a process of its own, with many repetitions."""
        environment = {} if self._options.quick else {"TXRPYC_SOAK": "1"}
        with tempfile.TemporaryDirectory() as folder:
            where = f"--temp-directory={folder}/trial"
            status, last, said = _run("-W", "error", "-m", "twisted.trial", where, *names, **environment)
        return _Outcome(part, " ".join(names), last if not status else said, not status)


def _run(*words: str, **environment: str) -> tuple[int, str, str]:
    """Run Python; give its status, the last line that it wrote, and, for a failure, the end of what it wrote."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=CHECKOUT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.strip()] or [""]
    return done.returncode, lines[-1], f"status {done.returncode}: " + " | ".join(lines[-15:])


def _grown(name: str, first: float, end: float) -> str:
    unit, word = (2**20, " MiB") if name == "memory" else (1, "")
    return f"{name}: {first / unit:.4g}{word} early, {end / unit:.4g}{word} at the end"


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _show(outcomes: Sequence[_Outcome]) -> None:
    rows = [("part", "what was done", "passed", "figures")]
    rows += [(one.part, one.done, "yes" if one.passed else "NO", one.figures) for one in outcomes]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print("  ".join([*(text.ljust(width) for text, width in zip(row[:3], widths, strict=True)), row[3]]))


def main(arguments: Sequence[str]) -> int:
    """Do as the command line says; give the exit status: 0 if all passed."""
    parts = ("threads", "crowd", "locks", "files", "mixed")
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak",
        description="Run for a long time what the tests do for seconds, to find what hangs, leaks, or goes wrong only "
        "now and then: 64 threads on one connection (threads), clients that call each other through one server, at "
        "several limits of its workers (crowd), locks held around calls (locks), the tests of whole files, with many "
        "repetitions (files), and one server under mixed load, whose memory, threads, descriptors and tables must not "
        "grow (mixed). At the end it prints a table, and draws that last part's figures over time.",
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"which parts to run: {', '.join(parts)} (all)")
    parser.add_argument("--minutes", type=float, default=30, help="how long the mixed load goes on (30)")
    parser.add_argument(
        "--quick", action="store_true", help="run each part for a few seconds only, to see that it works"
    )
    parser.add_argument(
        "--png",
        type=Path,
        default=Path("soak.png"),
        help="where to draw the figures of the mixed load (soak.png); the figures go beside it, as JSON. It takes "
        "matplotlib, which is installed into an environment of its own unless it is there",
    )
    options = parser.parse_args(arguments)
    unknown = [part for part in options.parts if part not in parts]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}; there are: {', '.join(parts)}")
    runs = _Runs(options)
    chosen = [part for part in parts if part in (options.parts or parts)]
    outcomes: list[_Outcome] = []
    for number, part in enumerate(chosen, 1):
        began = monotonic()
        print(f"[{number} of {len(chosen)}] {part} ...", file=sys.stderr, flush=True)
        run: Callable[[], list[_Outcome]] = getattr(runs, part)
        found = run()
        outcomes += found
        verdict = "passed" if all(outcome.passed for outcome in found) else "FAILED"
        print(f"    {verdict}, {monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    _show(outcomes)
    return 0 if all(outcome.passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
