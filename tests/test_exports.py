"""Hold the exports: what the package offers is there, and importing it starts nothing."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from operator import attrgetter
from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

import txrpyc


def modules() -> list[ModuleType]:
    """Import and return every module of txrpyc, but for those that run a program."""
    found = pkgutil.walk_packages(txrpyc.__path__, "txrpyc.")
    names = [entry.name for entry in found if not entry.name.endswith(".__main__")]
    return [txrpyc, *map(importlib.import_module, names)]


def is_at_home(value: object) -> bool:
    """Tell whether the value is what stands, under the value's own name, in a module of txrpyc."""
    if isinstance(value, ModuleType):
        return value.__name__.startswith("txrpyc.") and sys.modules[value.__name__] is value
    if hasattr(value, "__qualname__"):
        home = sys.modules[value.__module__]
        return home.__name__.startswith("txrpyc") and attrgetter(value.__qualname__)(home) is value
    # A constant has no name of its own: some module below the root must hold it.
    return any(value is held for module in modules()[1:] for held in vars(module).values())


class ExportTests(SynchronousTestCase):
    def run_fresh(self, code: str) -> None:
        """Run the code in a new process, where a warning is an error as well."""
        done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_all_resolves(self) -> None:
        """Every name in the ``__all__`` of every module is there, once."""
        for module in modules():
            names = getattr(module, "__all__", [])
            self.assertEqual(len(names), len(set(names)), f"{module.__name__} has a name twice")
            for name in names:
                self.assertTrue(hasattr(module, name), f"{module.__name__} has no {name}")

    def test_root_names_are_the_same_objects(self) -> None:
        """Each name of the root is the object of the module that defines it, not a copy."""
        for name in txrpyc.__all__:
            self.assertTrue(is_at_home(getattr(txrpyc, name)), f"txrpyc.{name} is from elsewhere")

    def test_star(self) -> None:
        """``from txrpyc import *`` gives all the documented names."""
        self.run_fresh(
            "from txrpyc import *\n"
            "import txrpyc\n"
            "missing = set(txrpyc.__all__) - set(globals())\n"
            "assert not missing, missing\n"
        )

    def test_import_starts_nothing(self) -> None:
        """Importing txrpyc installs no reactor and starts no thread."""
        self.run_fresh(
            "import sys, threading, txrpyc\n"
            "assert 'twisted.internet.reactor' not in sys.modules\n"
            "assert threading.enumerate() == [threading.main_thread()]\n"
        )
