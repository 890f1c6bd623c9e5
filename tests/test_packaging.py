"""Hold the packaging: however txrpyc is installed, it can be imported, and ``twistd`` knows it."""

from __future__ import annotations

import sysconfig
import zipfile
from pathlib import Path

from twisted.plugins.txrpyc_plugin import txrpyc as plugin

from tests.building import BuildingTestCase, missing_to_compile, run

PURE = "(pure Python)"
COMPILED = "(compiled by mypyc: "


class PackagingTests(BuildingTestCase):
    def assert_works(self, programs: Path, form: str) -> None:
        """Look at what is installed, from an empty folder, with an empty home."""
        home, empty = self.new_folder(), self.new_folder()

        def output_of(program: str, *arguments: str) -> str:
            done = run([programs / program, *arguments], empty, HOME=str(home))
            self.assertEqual(done.returncode, 0, done.stdout)
            # twistd breaks lines to fit the terminal.
            return " ".join(done.stdout.split())

        self.assertIn(form, output_of("python", "-m", "txrpyc", "--version"))
        self.assertIn(f"{plugin.tapname} {plugin.description}", output_of("twistd", "--help"))
        output_of("twistd", plugin.tapname, "--help")

    def test_checkout(self) -> None:
        """``pip install .`` works, and without a C compiler gives the pure form."""
        self.assert_works(self.install(self.copy_checkout(), CC="/bin/false"), PURE)

    def test_editable(self) -> None:
        """``pip install -e .`` works, hides neither the package nor the plugin, and stays pure."""
        checkout = self.copy_checkout()
        # As an editable install that was told to compile leaves it.
        left_over = (checkout / "txrpyc" / "core" / "frame").with_suffix(sysconfig.get_config_var("EXT_SUFFIX"))
        left_over.touch()
        self.assert_works(self.install("--editable", checkout), PURE)
        self.assertEqual([*checkout.rglob("*.so")], [])

    def test_wheel(self) -> None:
        """The wheel, built from the sdist, has all that is needed to run, and is compiled where it can be."""
        file = self.distribution("*.whl")
        self.assert_works(self.installed("*.whl"), PURE if missing_to_compile() else COMPILED)
        self.assertEqual(file.name.endswith("-py3-none-any.whl"), bool(missing_to_compile()))
        with zipfile.ZipFile(file) as archive:
            self.assertIn("txrpyc/core/frame.py", archive.namelist())

    def test_sdist(self) -> None:
        """The sdist has all that is needed to build, which with TXRPYC_BUILD=0 gives the pure form."""
        self.assert_works(self.pure(), PURE)
