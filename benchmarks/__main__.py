"""The command: ``python3 -m benchmarks``."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.comparison import compare, describe
from benchmarks.environments import CHECKOUT, Environments
from benchmarks.growth import grow
from benchmarks.options import parse
from benchmarks.processes import Failed, clean_environment


def _end(number: int, frame: Any) -> None:
    raise SystemExit(128 + number)  # by way of everything that ends processes


def _draw(environments: Environments, folder: Path) -> None:
    """Draw the charts of the results in a folder, in a process that has the library for that."""
    try:
        python = environments.python_of("charts")
    except Failed as error:
        print(f"no charts: {error}", file=sys.stderr)
        return
    command = [python, "-m", "benchmarks.charts", str(folder.absolute())]
    if subprocess.run(command, cwd=CHECKOUT, env=clean_environment(), check=False).returncode != 0:
        print("no charts: drawing them failed", file=sys.stderr)


def _shown(folder: Path) -> str:
    folder = folder.absolute()
    return str(folder.relative_to(CHECKOUT)) if folder.is_relative_to(CHECKOUT) else str(folder)


def main(words: Sequence[str] | None = None) -> int:
    """Do what the command line says; give the exit status, which says nothing about the goals."""
    options = parse(words)
    if options.list:
        print(describe())
        return 0
    environments = Environments(dict(options.python))
    try:
        (grow if options.growth else compare)(options, environments)
        if options.charts:
            _draw(environments, options.results)
        print(f"written: {_shown(options.results)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGHUP, _end)
    sys.exit(main())
