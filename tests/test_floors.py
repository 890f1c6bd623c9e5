"""
Hold the floors: a module imports from lower floors, or from its own without going in a circle.

Every import counts, wherever it stands: at the top, inside a function, under ``TYPE_CHECKING``.
A new module gets a line in ``FLOORS``; ``package.*`` stands for a package and all of its modules
that have no line of their own.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

CHECKOUT = Path(__file__).resolve().parent.parent

FLOORS = {
    # 1, codecs: bytes and values, and the rules that they obey
    "txrpyc.compiled": 1,
    "txrpyc.errors": 1,
    "txrpyc.version": 1,
    "txrpyc.core": 1,
    "txrpyc.core.brine": 1,
    "txrpyc.core.brine_reader": 1,
    "txrpyc.core.brine_tags": 1,
    "txrpyc.core.brine_writer": 1,
    "txrpyc.core.config": 1,
    "txrpyc.core.consts": 1,
    "txrpyc.core.envelope": 1,
    "txrpyc.core.frame": 1,
    "txrpyc.core.rows": 1,
    "txrpyc.core.vinegar": 1,
    # 2, session: records and rules; bytes in, events out
    "txrpyc.core.access": 2,
    "txrpyc.core.boxing": 2,
    "txrpyc.core.unboxing": 2,
    "txrpyc.core.identity": 2,
    "txrpyc.core.holding": 2,
    "txrpyc.core.inspection": 2,
    "txrpyc.core.objects": 2,
    "txrpyc.core.events": 2,
    "txrpyc.core.session": 2,
    "txrpyc.core.usual": 2,
    "txrpyc.core.verbs": 2,
    "txrpyc.interfaces": 2,
    "txrpyc.service": 2,
    # 3, protocol: one Twisted protocol over a session
    "txrpyc.answer": 3,
    "txrpyc.ending": 3,
    "txrpyc.exchange": 3,
    "txrpyc.finding": 3,
    "txrpyc.flusher": 3,
    "txrpyc.forking": 3,
    "txrpyc.heartbeat": 3,
    "txrpyc.host": 3,
    "txrpyc.outflow": 3,
    "txrpyc.peer": 3,
    "txrpyc.protocol": 3,
    "txrpyc.rest": 3,
    # 4, faces
    "txrpyc.blocking.*": 4,
    "txrpyc.deferred.*": 4,
    # 5, batteries
    "txrpyc.classic.*": 5,
    "txrpyc.registry.*": 5,
    "txrpyc.servers": 5,
    # 6, doors
    "txrpyc": 6,
    "txrpyc.__main__": 6,
    "txrpyc.listener": 6,
    "txrpyc.tap": 6,
    "twisted.plugins.txrpyc_plugin": 6,
}

# Neither of the two imports the other, though they share a floor.
STRANGERS = [("txrpyc.blocking", "txrpyc.deferred")]

# Up to this floor: the standard library only, without what does I/O, waits, or tells the time.
PURE = 2
IMPURE = {
    "_thread",
    "asyncio",
    "concurrent",
    "multiprocessing",
    "queue",
    "sched",
    "select",
    "selectors",
    "signal",
    "socket",
    "socketserver",
    "ssl",
    "subprocess",
    "threading",
    "time",
}

# What a module on a pure floor may import all the same, and why.
ALLOWED = {
    ("txrpyc.core.objects", "threading"): "the lock of the object table: netrefs die in any thread",
    ("txrpyc.interfaces", "zope"): "zope.interface names the seams",
}


def floor_of(module: str) -> int | None:
    """Return the floor of the module's own line, else of the nearest ``package.*``, else None."""
    if module in FLOORS:
        return FLOORS[module]
    package = module
    while package:
        if f"{package}.*" in FLOORS:
            return FLOORS[f"{package}.*"]
        package = package.rpartition(".")[0]
    return None


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def sources() -> Iterator[tuple[str, Path]]:
    """Give the name and the file of each module of txrpyc, and of its plugin."""
    for folder in ("txrpyc", "twisted/plugins"):
        for path in sorted((CHECKOUT / folder).rglob("*.py")):
            parts = path.relative_to(CHECKOUT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def names_imported(tree: ast.AST, package: str) -> Iterator[str]:
    """Give the full name of all that the code imports; relative imports start at ``package``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            start = package.split(".")[: len(package.split(".")) - node.level + 1]
            origin = ".".join([*(start if node.level else []), *filter(None, [node.module])])
            for alias in node.names:
                yield f"{origin}.{alias.name}"


def modules_among(names: Iterable[str], known: Iterable[str]) -> set[str]:
    """Return the known modules that hold the names: ``a.b`` may be a module, or a name in ``a``."""
    found = set()
    for name in names:
        while name and name not in known:
            name = name.rpartition(".")[0]
        found.add(name)
    return found - {""}


@cache
def imports() -> dict[str, set[str]]:
    """Return, for each module, the full names of all that it imports."""
    table = {}
    for module, path in sources():
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        table[module] = set(names_imported(ast.parse(path.read_text("utf-8")), package))
    return table


class FloorTests(SynchronousTestCase):
    def assert_none(self, faults: list[str]) -> None:
        if faults:
            self.fail("\n".join(["", *faults]))

    def test_every_module_has_a_floor(self) -> None:
        """A module without a floor is named: it needs a line in FLOORS."""
        self.assert_none(
            [
                f"{module} has no floor: add it to FLOORS in tests/test_floors.py"
                for module in imports()
                if floor_of(module) is None
            ]
        )

    def test_imports_go_down(self) -> None:
        """No module imports from a higher floor."""
        faults = []
        for module, names in imports().items():
            for other in modules_among(names, imports()):
                mine, its = floor_of(module), floor_of(other)
                if mine is not None and its is not None and mine < its:
                    faults.append(f"{module} (floor {mine}) imports {other} (floor {its})")
        self.assert_none(faults)

    def test_no_circles(self) -> None:
        """No modules import each other, directly or by way of others."""
        known = imports()
        graph = {module: modules_among(names, known) - {module} for module, names in known.items()}
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as problem:
            # graphlib names each module after the one that it imports it into.
            self.fail("a circle of imports: " + " imports ".join(reversed(problem.args[1])))

    def test_strangers(self) -> None:
        """Neither face imports the other."""
        faults = []
        for module, names in imports().items():
            for one, other in [*STRANGERS, *((b, a) for a, b in STRANGERS)]:
                if is_within(module, one):
                    faults += [f"{module} imports {n}" for n in names if is_within(n, other)]
        self.assert_none(faults)

    def test_low_floors_are_pure(self) -> None:
        """Codecs and session know the standard library only: no Twisted, no socket, no clock."""
        faults = []
        for module, names in imports().items():
            if (floor_of(module) or 0) > PURE:
                continue
            for root in sorted({name.partition(".")[0] for name in names} - {"txrpyc"}):
                pure = root in sys.stdlib_module_names and root not in IMPURE
                if not pure and (module, root) not in ALLOWED:
                    faults.append(f"{module} imports {root}; floors 1 to {PURE} may not")
        self.assert_none(faults)


class ReadingTests(SynchronousTestCase):
    """The test's own reading of source code."""

    def test_every_import_counts(self) -> None:
        """Imports are found at any depth, and relative ones get their full names."""
        code = ast.parse(
            "import a.b\nif TYPE_CHECKING:\n    from c import d\ndef f():\n    from . import e\n    from ..g import h\n"
        )
        self.assertEqual(set(names_imported(code, "x.y")), {"a.b", "c.d", "x.y.e", "x.g.h"})

    def test_names_belong_to_modules(self) -> None:
        """A name counts for the module that holds it, and one from elsewhere for none."""
        known = ["x", "x.y"]
        self.assertEqual(modules_among(["x.y.Name"], known), {"x.y"})
        self.assertEqual(modules_among(["x.Name", "elsewhere.x"], known), {"x"})
