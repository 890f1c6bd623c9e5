"""Many threads on one connection, and locks of theirs: no wrong answer, no timeout, no call that takes long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.peers import CHECKOUT
from tests.soak.serving import serve

THREADS = 64
CALLS = 30

HOLDS = """
import sys, threading
import txrpyc

conn = txrpyc.connect("127.0.0.1", int(sys.argv[1]), config={"sync_request_timeout": None})
background = txrpyc.BgServingThread(conn) if sys.argv[2] == "background" else None
lock = threading.Lock()
began = threading.Event()

def callback(number):
    began.set()
    print("called back", flush=True)
    with lock:
        return number + 1

result = txrpyc.async_(conn.root.apply)(callback, 1)
with lock:
    if background is not None:
        began.wait()  # it waits for the lock while the call is made
    print(conn.root.add(2, 2), flush=True)
print(result.value, flush=True)
if background is not None:
    background.stop()
conn.close()
"""


class ManyThreadsTests(SynchronousTestCase):
    """64 threads call by one connection, pass objects to the server, and are called back."""

    def check(self, *arguments: str) -> None:
        command = [
            sys.executable,
            "-W",
            "error",
            "-m",
            "tests.soak.threads",
            f"--threads={THREADS}",
            f"--calls={CALLS}",
        ]
        done = subprocess.run(
            [*command, *arguments], cwd=CHECKOUT, capture_output=True, text=True, timeout=100, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        outcome = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual(
            (outcome["calls"], outcome["wrong"], outcome["first error"]), (THREADS * CALLS, 0, None), done.stderr
        )

    def test_threads(self) -> None:
        """All get their answers, where those that wait serve the connection."""
        self.check()

    def test_in_the_background(self) -> None:
        """All get them while a `BgServingThread` serves."""
        self.check("--background")

    def test_pinned(self) -> None:
        """All get them where both sides share one processor."""
        if not hasattr(os, "sched_setaffinity"):
            raise SkipTest("this system does not pin processes")
        self.check("--pinned")

    def test_pinned_in_the_background(self) -> None:
        """All get them there while a `BgServingThread` serves."""
        if not hasattr(os, "sched_setaffinity"):
            raise SkipTest("this system does not pin processes")
        self.check("--pinned", "--background")


class LockTests(SynchronousTestCase):
    """A plain lock is held around a remote call, and wanted by a callback that comes meanwhile."""

    def start(self, kind: str) -> subprocess.Popen[str]:
        server = serve(Path(self.mktemp()))
        self.addCleanup(server.kill)
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDS, str(server.port), kind], stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def test_in_the_background(self) -> None:
        """With a `BgServingThread` this finishes: the callback waits there, while the call gets its answer."""
        process = self.start("background")
        self.assertEqual(process.communicate(timeout=60)[0].split("\n"), ["called back", "4", "2", ""])
        self.assertEqual(process.returncode, 0)

    def test_alone(self) -> None:
        """Without, as the README says, the thread that holds the lock carries out the callback, and waits for ever."""
        process = self.start("alone")
        assert process.stdout is not None
        self.assertEqual(process.stdout.readline(), "called back\n")
        self.assertRaises(subprocess.TimeoutExpired, process.wait, 1)
        process.kill()
        self.assertEqual(process.stdout.read(), "")
