"""
What the tests of the packaging share: copies of the checkout, what is built from them, and where it is installed.

Each way to install gets a virtual environment of its own. Nothing is asked of the network but pip's
package index; where that cannot be had, the tests are skipped. ``python -m tests.building`` prints
what is missing to compile here; nothing if nothing is.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

PYTHON = sys.executable
CHECKOUT = Path(__file__).resolve().parent.parent

# A copy of the checkout is without these: an old build or plugin cache in it could hide a fault.
LEFT_OUT = shutil.ignore_patterns(
    ".*", "build", "dist", "*.egg-info", "*.so", "_trial_temp*", "__pycache__", "dropin.cache"
)

# What an environment says about Python, or about how to build txrpyc.
SPEAKING = ("PYTHON", "TXRPYC_BUILD")


def run(command: list[str | Path], cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command, with ``env`` added to an environment that says nothing about Python, nor how to build."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(SPEAKING)}
    return subprocess.run(
        command,
        cwd=cwd,
        env={**inherited, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def real_compiler() -> str:
    """Give the command of the C compiler that building takes."""
    return os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"


@cache
def missing_to_compile() -> str:
    """Say what is missing to compile for this Python, and how to get it; nothing if nothing is."""
    command = [*shlex.split(real_compiler()), f"-I{sysconfig.get_path('include')}", "-fsyntax-only", "-x", "c", "-"]
    try:
        done = subprocess.run(command, input="#include <Python.h>\n", capture_output=True, text=True)
    except OSError as problem:
        return f"no C compiler: {problem}; install gcc, say, or name another one by CC"
    if done.returncode != 0:
        return f"`{shlex.join(command)}` cannot read Python.h: install Python's headers (python3-dev or the like)"
    return ""


class BuildingTestCase(SynchronousTestCase):
    """Builds and installs. What several tests can use is made once, and stays for all of them."""

    distributions: ClassVar[Path | None] = None
    environments: ClassVar[dict[str, Path]] = {}

    def new_folder(self) -> Path:
        folder = Path(self.mktemp()).resolve()
        folder.mkdir(parents=True)
        return folder

    def copy_checkout(self) -> Path:
        copy = Path(self.mktemp()).resolve()
        shutil.copytree(CHECKOUT, copy, ignore=LEFT_OUT)
        return copy

    def run_with_index(self, command: list[str | Path], cwd: Path, **env: str) -> str:
        """Run a command that asks the package index, and give its output; skip the test where there is no index."""
        done = run(command, cwd, **env)
        if done.returncode != 0:
            self.need_index()
            self.fail(f"{command} failed:\n{done.stdout}")
        return done.stdout

    def need_index(self) -> None:
        probe = run([PYTHON, "-m", "pip", "download", "--no-deps", "setuptools"], self.new_folder())
        if probe.returncode != 0:
            raise SkipTest("no package index: pip cannot download even setuptools")

    def need_compiler(self) -> None:
        if missing_to_compile():
            raise SkipTest(missing_to_compile())

    def distribution(self, pattern: str) -> Path:
        """Return the built file that matches: the sdist, or the wheel made from it, compiled if that can be."""
        if find_spec("build") is None:
            raise SkipTest("`build` is missing: pip install -e '.[test]'")
        if BuildingTestCase.distributions is None:
            folder = self.new_folder()
            wish = "0" if missing_to_compile() else "1"
            self.run_with_index([PYTHON, "-m", "build", "--outdir", folder], self.copy_checkout(), TXRPYC_BUILD=wish)
            BuildingTestCase.distributions = folder
        (file,) = BuildingTestCase.distributions.glob(pattern)
        return file

    def wheel(self, checkout: Path, *options: str, python: str | Path = PYTHON, **env: str) -> tuple[Path, str]:
        """Return the wheel that pip builds, and all that was said meanwhile."""
        folder = self.new_folder()
        command = [python, "-m", "pip", "wheel", "--verbose", "--no-deps", "--wheel-dir", folder, *options, checkout]
        output = self.run_with_index(command, self.new_folder(), **env)
        (file,) = folder.glob("*.whl")
        return file, output

    def install(self, *requirement: str | Path, **env: str) -> Path:
        """Install into a new environment, and return the folder of its programs."""
        programs, empty = self.new_folder() / "bin", self.new_folder()
        self.run_with_index([PYTHON, "-m", "venv", programs.parent], empty)
        self.run_with_index([programs / "pip", "install", *requirement], empty, **env)
        return programs

    def installed(self, pattern: str, **env: str) -> Path:
        """Do as `install`, for the built file that matches, but only once."""
        if pattern not in BuildingTestCase.environments:
            BuildingTestCase.environments[pattern] = self.install(self.distribution(pattern), **env)
        return BuildingTestCase.environments[pattern]

    def compiled(self) -> Path:
        """Return the programs of an environment with the compiled form; skip the test where nothing can compile it."""
        self.need_compiler()
        return self.installed("*.whl")

    def pure(self) -> Path:
        """Return the programs of an environment with the pure form."""
        return self.installed("*.tar.gz", TXRPYC_BUILD="0")


if __name__ == "__main__":
    print(missing_to_compile(), end="")
