"""The README's promises: its code runs as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import txrpyc.deferred
from tests.peers import Peer

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def run(source: str) -> str:
    """Run a program in a process of its own, warnings being errors; give what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", source], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class ReadmeTests(SynchronousTestCase):
    """Each block of Python, with a classic server on a free port in place of 18812."""

    def against_a_server(self, source: str) -> str:
        """Run a block against a server."""
        server = Peer(sys.executable, "txrpyc_classic_server.py")
        self.addCleanup(server.stop)
        source = source.replace('connect("127.0.0.1")', f'connect("127.0.0.1", {server.port})')
        return run(source.replace(":18812", f":{server.port}"))

    def test_two_commands(self) -> None:
        """The first code block holds exactly two commands: serve, and test."""
        block = re.search(r"```\w*\n(.*?)```", TEXT, re.DOTALL)
        assert block is not None
        commands = block.group(1).strip().splitlines()
        self.assertEqual(len(commands), 2)
        self.assertTrue(commands[0].endswith("twistd -n txrpyc"))
        self.assertTrue(commands[1].endswith("-m twisted.trial tests"))

    def test_script(self) -> None:
        """The script's thirty seconds."""
        printed = self.against_a_server(BLOCKS[0])
        self.assertIn("\n6\nFalse while it runs\n<AsyncResult object (ready)", printed)
        self.assertTrue(printed.endswith("too slow\n"))

    def test_service(self) -> None:
        """A service in a script."""
        self.assertEqual(run(BLOCKS[1]), "3\n")

    def test_twisted(self) -> None:
        """The Twisted program's thirty seconds."""
        self.assertIn(" a/b\n/\n", self.against_a_server(BLOCKS[2]))

    def test_reactor_service(self) -> None:
        """A service in the reactor is what it says."""
        namespace: dict[str, object] = {}
        exec(BLOCKS[3], namespace)
        greeter = namespace["Greeter"]
        assert isinstance(greeter, type)
        self.assertTrue(issubclass(greeter, txrpyc.deferred.Service))
        self.assertTrue(hasattr(greeter, "exposed_greet"))
