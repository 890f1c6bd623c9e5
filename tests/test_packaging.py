"""
Hold the packaging: however txrpyc is installed, it can be imported, and ``twistd`` knows it.

Each way to install gets a virtual environment of its own. Nothing is asked of the network but pip's
package index; where that cannot be had, the tests are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from unittest import SkipTest

from twisted.plugins.txrpyc_plugin import txrpyc as plugin
from twisted.trial.unittest import SynchronousTestCase

PYTHON = sys.executable
CHECKOUT = Path(__file__).resolve().parent.parent

# A copy of the checkout is without these: an old build or plugin cache in it could hide a fault.
LEFT_OUT = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "_trial_temp*", "__pycache__", "dropin.cache")


def run(command: list[str | Path], cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command, with ``env`` added to an environment that says nothing about Python."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        command,
        cwd=cwd,
        env={**inherited, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class PackagingTests(SynchronousTestCase):
    distributions: Path | None = None

    def new_folder(self) -> Path:
        folder = Path(self.mktemp()).resolve()
        folder.mkdir(parents=True)
        return folder

    def copy_checkout(self) -> Path:
        copy = Path(self.mktemp()).resolve()
        shutil.copytree(CHECKOUT, copy, ignore=LEFT_OUT)
        return copy

    def run_with_index(self, command: list[str | Path], cwd: Path) -> None:
        """Run a command that asks the package index; skip the test where there is no index."""
        done = run(command, cwd)
        if done.returncode == 0:
            return
        probe = run([PYTHON, "-m", "pip", "download", "--no-deps", "setuptools"], self.new_folder())
        if probe.returncode != 0:
            raise SkipTest("no package index: pip cannot download even setuptools")
        self.fail(f"{command} failed:\n{done.stdout}")

    def distribution(self, pattern: str) -> Path:
        """Return the built file that matches; the files are built once and serve all the tests."""
        if find_spec("build") is None:
            raise SkipTest("`build` is missing: pip install -e '.[test]'")
        if PackagingTests.distributions is None:
            folder = self.new_folder()
            self.run_with_index([PYTHON, "-m", "build", "--outdir", folder], self.copy_checkout())
            PackagingTests.distributions = folder
        (file,) = PackagingTests.distributions.glob(pattern)
        return file

    def assert_installs(self, *requirement: str | Path) -> None:
        """Install into a new environment, and look from an empty folder, with an empty home."""
        programs, home, empty = self.new_folder() / "bin", self.new_folder(), self.new_folder()
        self.run_with_index([PYTHON, "-m", "venv", programs.parent], empty)
        self.run_with_index([programs / "pip", "install", *requirement], empty)

        def output_of(program: str, *arguments: str) -> str:
            done = run([programs / program, *arguments], empty, HOME=str(home))
            self.assertEqual(done.returncode, 0, done.stdout)
            # twistd breaks lines to fit the terminal.
            return " ".join(done.stdout.split())

        output_of("python", "-c", "import txrpyc")
        self.assertIn(f"{plugin.tapname} {plugin.description}", output_of("twistd", "--help"))
        output_of("twistd", plugin.tapname, "--help")

    def test_checkout(self) -> None:
        """``pip install .`` works."""
        self.assert_installs(self.copy_checkout())

    def test_editable(self) -> None:
        """``pip install -e .`` works, and hides neither the package nor the plugin."""
        self.assert_installs("--editable", self.copy_checkout())

    def test_wheel(self) -> None:
        """The wheel, built from the sdist, has all that is needed to run."""
        self.assert_installs(self.distribution("*.whl"))

    def test_sdist(self) -> None:
        """The sdist has all that is needed to build."""
        self.assert_installs(self.distribution("*.tar.gz"))
