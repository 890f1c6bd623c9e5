"""The compiled form: building it gives all of it or none, and it gets on with the pure form."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

from tests.building import BuildingTestCase, real_compiler, run
from tests.peers import Peer

# Compilers: one that fails for the stub of one module, and takes no time for the rest, which then is of no use; and one
# that takes little.
FAILS_ONCE = """\
#!/bin/sh
case "$*" in *" -c "*hub.c*) exit 1 ;; esac
while [ "$1" != -o ]; do shift; done
: > "$2"
"""
SOON_DONE = """\
#!/bin/sh
exec ${REAL_CC:-cc} "$@" -O0
"""

# Says which forms the two ends have, and exchanges some values and calls with the other.
CLIENT = """\
import sys
import txrpyc
from txrpyc.compiled import form

conn = txrpyc.classic.connect("127.0.0.1", int(sys.argv[1]))
print(form().split()[0], "and", conn.modules["txrpyc.compiled"].form().split()[0])
values = (None, True, -1, 10**30, 1.5, 2j, "text", b"bytes", (1, ("two",)), frozenset([3]), slice(4))
assert conn.eval("lambda *values: values")(*values) == values
print(conn.eval("lambda f, n: [f(number) for number in range(n)]")(lambda number: number * number, 5))
print([result.value for result in map(txrpyc.async_(conn.builtins.abs), (-1, -2))])
try:
    conn.eval("1 / 0")
except ZeroDivisionError as error:
    print(type(error).__name__)
conn.close()
"""


class CompiledTests(BuildingTestCase):
    def assert_falls_back(self, reason: str, checkout: Path, *options: str, **settings: str) -> None:
        wheel, output = self.wheel(checkout, *options, **settings)
        self.assertIn(f"txrpyc is not compiled: {reason}(", output)
        self.assertTrue(wheel.name.endswith("-py3-none-any.whl"), wheel.name)
        with zipfile.ZipFile(wheel) as archive:
            self.assertEqual([name for name in archive.namelist() if name.endswith((".so", ".pyd"))], [])

    def compiler(self, script: str) -> str:
        path = self.new_folder() / "cc"
        path.write_text(script)
        path.chmod(0o755)
        return str(path)

    def test_without_mypy(self) -> None:
        """Without mypy, a pure wheel is built."""
        python = str(self.pure() / "python")
        self.run_with_index([python, "-m", "pip", "install", "setuptools>=70.1"], self.new_folder())
        self.assert_falls_back("ModuleNotFoundError", self.copy_checkout(), "--no-build-isolation", python=python)

    def test_fault_in_a_module(self) -> None:
        """With a module that mypyc refuses, a pure wheel is built."""
        checkout = self.copy_checkout()
        with open(checkout / "txrpyc" / "core" / "frame.py", "a") as source:
            source.write('\n_number: int = "text"\n')
        self.assert_falls_back("SystemExit", checkout)

    def test_fault_in_one_extension(self) -> None:
        """If one extension of many cannot be compiled, a pure wheel is built, with none of them."""
        self.assert_falls_back("CompileError", self.copy_checkout(), CC=self.compiler(FAILS_ONCE))

    def test_fault_at_import(self) -> None:
        """If what was compiled cannot be imported, a pure wheel is built."""
        self.need_compiler()
        checkout = self.copy_checkout()
        with open(checkout / "txrpyc" / "core" / "frame.py", "a") as source:
            source.write('\nif not __file__.endswith(".py"):\n    raise ImportError(__file__)\n')
        self.assert_falls_back("CalledProcessError", checkout, CC=self.compiler(SOON_DONE), REAL_CC=real_compiler())

    def test_insisting(self) -> None:
        """With TXRPYC_BUILD=1, what cannot be compiled fails the build, and the message has the command."""
        done = run(
            [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", "wheels", self.copy_checkout()],
            self.new_folder(),
            TXRPYC_BUILD="1",
            CC="/bin/false",
        )
        self.need_index()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/bin/false", done.stdout)

    def test_unknown_wish(self) -> None:
        """Another value of TXRPYC_BUILD is refused by name."""
        done = run([sys.executable, "setup.py", "--version"], self.copy_checkout(), TXRPYC_BUILD="yes")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("TXRPYC_BUILD is 'yes'", done.stdout)

    def test_both_forms_together(self) -> None:
        """Compiled and pure processes talk to each other, whichever of them is the server."""
        forms = {"compiled": self.compiled() / "python", "pure": self.pure() / "python"}
        for here, there in (("compiled", "pure"), ("pure", "compiled")):
            server = Peer(str(forms[there]), "txrpyc_classic_server.py")
            self.addCleanup(server.stop)
            done = run([forms[here], "-W", "error", "-c", CLIENT, str(server.port)], self.new_folder())
            self.assertEqual(
                done.stdout, f"{here} and {there}\n[0, 1, 4, 9, 16]\n[1, 2]\nZeroDivisionError\n", done.stdout
            )
