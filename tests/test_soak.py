"""The command of the long runs, ``python -m tests.soak``, in short."""

from __future__ import annotations

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.peers import CHECKOUT
from tests.soak.mixed import judge
from tests.soak.plot import TITLES


def soak(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-W", "error", "-m", "tests.soak", *words]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)


class CommandTests(SynchronousTestCase):
    def test_help(self) -> None:
        """It says what it does, and what can be chosen."""
        done = soak("--help")
        self.assertEqual(done.returncode, 0, done.stderr)
        for word in ("threads", "crowd", "locks", "files", "mixed", "--minutes", "--quick", "--png"):
            self.assertIn(word, done.stdout)

    def test_unknown_part(self) -> None:
        """It refuses a part that is not there, and names those that are."""
        done = soak("crowds")
        self.assertEqual(done.returncode, 2)
        self.assertIn("there are: threads, crowd, locks, files, mixed", done.stderr)

    def test_part(self) -> None:
        """It runs a part, and ends with a table of what came of it."""
        done = soak("--quick", "crowd")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.count("  yes  "), 4)

    def test_mixed(self) -> None:
        """A server under mixed load gives right answers only."""
        command = [sys.executable, "-W", "error", "-m", "tests.soak.mixed", "--minutes", "0.05"]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
        self.assertIn('"troubles": []', done.stdout, done.stderr)


class JudgeTests(SynchronousTestCase):
    def samples(self, grows: int) -> list[dict[str, float]]:
        return [{"seconds": n, **dict.fromkeys(TITLES, 100 + (grows * n << 10))} for n in range(1000)]

    def test_steady(self) -> None:
        """Figures that stay as they are pass."""
        self.assertTrue(all(fine for _, _, fine in judge(self.samples(0), 100).values()))

    def test_growing(self) -> None:
        """Figures that grow do not."""
        self.assertFalse(any(fine for _, _, fine in judge(self.samples(10), 100).values()))
