"""The command ``python -m txrpyc``, and what it knows of the form that is running."""

from __future__ import annotations

import importlib
import platform
import subprocess
import sys

import twisted
from twisted.trial.unittest import SynchronousTestCase

import txrpyc.deferred
from txrpyc.compiled import compiled_modules, form


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command, for a narrow terminal."""
    words = (sys.executable, "-W", "error", "-m", "txrpyc", *words)
    return subprocess.run(["env", "COLUMNS=40", *words], capture_output=True, text=True)


class CommandTests(SynchronousTestCase):
    def test_version(self) -> None:
        """One line has the versions, and the form that is running."""
        done = command("--version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rest = f"Twisted {twisted.__version__}, Python {platform.python_version()}"
        self.assertEqual(done.stdout, f"txrpyc {txrpyc.__version__} ({form()}), {rest}\n")

    def test_help(self) -> None:
        """The help names the option, and how to serve; without arguments, it is there as well."""
        done = command("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("--version", done.stdout)
        self.assertIn("twistd -n txrpyc", " ".join(done.stdout.split()))
        self.assertEqual(command().stdout, done.stdout)

    def test_unknown_arguments(self) -> None:
        """What it does not know ends it with one line that says so, and status 2."""
        for words in (["--vers"], ["serve", "--port", "5"]):
            done = command(*words)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            (line,) = done.stderr.splitlines()
            self.assertIn(words[0], line)


class FormTests(SynchronousTestCase):
    def test_form(self) -> None:
        """The form is told by the files of the loaded modules, and all of those are named that are not Python's."""
        for name in compiled_modules():
            self.assertFalse(importlib.import_module(name).__file__.endswith(".py"), name)
        self.assertNotIn("txrpyc.compiled", compiled_modules())
        self.assertEqual(form() == "pure Python", not compiled_modules())

    def test_compiled(self) -> None:
        """A module that came from a shared library counts as compiled."""
        before = compiled_modules()
        library = type(sys)("txrpyc.library")
        library.__file__ = f"library{importlib.machinery.EXTENSION_SUFFIXES[0]}"
        self.patch(sys, "modules", {**sys.modules, "txrpyc.library": library})
        self.assertEqual(set(compiled_modules()) - set(before), {"txrpyc.library"})
        self.assertEqual(form(), f"compiled by mypyc: {len(before) + 1} modules")
