"""The command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from benchmarks.environments import FORMS, REQUIREMENTS
from benchmarks.machine import modes_here
from benchmarks.turns import Pace
from benchmarks.works import WORKS

__all__ = ["pace_of", "parse"]

RESULTS = Path(__file__).resolve().parent / "results"
_FULL, _QUICK = Pace(False, 0.3, 5), Pace(True, 0.05, 2)

_ABOUT = """
Compare txrpyc with rpyc and other peers.

Needs python3 (3.10 or newer, with venv) and pip, and makes the virtual environments for the rest below
benchmarks/.environments. Whatever is measured talks to 127.0.0.1 only. A whole run takes about half an hour, on a
machine that should do nothing else meanwhile; --quick takes some minutes, and shows that everything works and what
order of magnitude to expect.

The results are printed, and written into benchmarks/results: results.json, results.md, and charts. Those of a part of
a run (--quick, --only, --forms, --pinned, --unpinned) go into benchmarks/results/partial instead.
"""


def _names(known: Collection[str], what: str) -> Callable[[str], list[str]]:
    """Give a reader of names that are separated by commas."""

    def read(text: str) -> list[str]:
        names = [name for name in text.split(",") if name]
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"there is no {what} {name!r}; there are: {', '.join(known)}")
        return names

    return read


def _interpreter(text: str) -> tuple[str, str]:
    name, equals, path = text.partition("=")
    known = [*FORMS, *REQUIREMENTS]
    if not equals or name not in known:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PATH, with a name of: {', '.join(known)}")
    return name, str(Path(path).absolute())


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        """End with one line."""
        self.exit(2, f"benchmarks: {message}\n")


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; what is wrong ends the process."""
    parser = _Parser(
        prog="python3 -m benchmarks", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="measure for a moment only, less data and smaller crowds")
    add("--growth", action="store_true", help="instead: how time and memory grow with connections, calls and data")
    add("--only", metavar="WORK[,WORK]", type=_names(WORKS, "work"), help="these works; --list tells which there are")
    add("--rounds", type=_positive, help="how often each contestant has its turn (default: 5; with --quick, 2)")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--pinned", dest="modes", action="store_const", const=["pinned"], help="only on one processor")
    mode.add_argument("--unpinned", dest="modes", action="store_const", const=["unpinned"], help="only on all")
    add("--forms", metavar="FORM[,FORM]", type=_names(FORMS, "form"), help="of txrpyc: pure, built (default: both)")
    add("--charts", action=argparse.BooleanOptionalAction, default=True, help="whether to draw charts")
    add("--results", metavar="FOLDER", type=Path, help="where to write the results")
    add(
        "--python",
        metavar="NAME=PATH",
        type=_interpreter,
        action="append",
        default=[],
        help="use this interpreter, with what is installed there, instead of making the environment NAME "
        f"({', '.join([*FORMS, *REQUIREMENTS])})",
    )
    add("--list", action="store_true", help="list the works and the goals, and exit")
    options = parser.parse_args(words)
    if options.growth and (options.only or options.rounds or options.modes):
        parser.error("--growth takes --quick, --forms, --charts, --results and --python only")
    if options.results is None:
        part = options.quick or options.only or options.forms or options.modes
        options.results = RESULTS / "partial" if part else RESULTS
    options.modes = [mode for mode in modes_here() if mode in (options.modes or ("pinned", "unpinned"))]
    options.only = options.only or list(WORKS)
    options.forms = options.forms or list(FORMS)
    if not options.modes:
        parser.error("this system cannot pin processes to a processor; use --unpinned")
    return options


def pace_of(options: argparse.Namespace) -> Pace:
    """Give the pace that was asked for."""
    pace = _QUICK if options.quick else _FULL
    return Pace(pace.quick, pace.seconds, options.rounds or pace.rounds)
