"""The interpreter's end: a script that leaves connections open, or in use, ends soon and without a word."""

from __future__ import annotations

import signal
import subprocess
import sys
from time import monotonic
from unittest import skipUnless

from twisted.trial.unittest import SynchronousTestCase

from tests.peers import CHECKOUT, Peer

MOST = 5.0
"""Seconds that a script may take."""

BEGIN = """
import atexit, os, signal, sys, threading
import txrpyc
from txrpyc.classic import connect

conn = connect("127.0.0.1", int(sys.argv[1]))
remote = conn.modules.os
remote.getpid()

def freeze():
    if "frozen" in sys.argv:
        os.kill(int(sys.argv[2]), signal.SIGSTOP)

class Closes:
    def __init__(self):
        self.me, self.conn = self, conn
    def __del__(self):
        self.conn.close()

class Calls:
    def __init__(self, ask):
        self.me, self.ask = self, ask
    def __del__(self):
        try:
            self.ask()
        except EOFError:
            pass

def in_a_daemon(call):
    begun = threading.Event()
    def run():
        begun.set()
        try:
            while True:
                call()
        except EOFError:
            pass
    threading.Thread(target=run, daemon=True).start()
    begun.wait()
"""

SERVED = "serving = txrpyc.BgServingThread(conn)\n"


@skipUnless(hasattr(signal, "SIGSTOP"), "this system cannot stop a process")
class ExitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = Peer(sys.executable, "txrpyc_classic_server.py")
        self.addCleanup(self.server.stop)

    def check(self, script: str, frozen: bool = False) -> None:
        """Run a script, also with a server that is stopped in the middle if that is wanted."""
        began = monotonic()
        process = self.server.process
        done = subprocess.run(
            [sys.executable, "-c", BEGIN + script, str(self.server.port), str(process.pid), "frozen" * frozen],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        took = monotonic() - began
        process.send_signal(signal.SIGCONT)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""), script)
        self.assertLess(took, MOST, script)

    def check_all(self, script: str) -> None:
        """The same with and without a BgServingThread, and a server that is stopped."""
        for served in ("", SERVED):
            for frozen in (False, True):
                self.check(served + script, frozen)

    def test_open(self) -> None:
        """With the connection open, and netrefs alive in the module."""
        self.check_all("alive = [conn.builtins.object() for _ in range(100)]\nfreeze()\n")

    def test_in_a_call(self) -> None:
        """In the middle of calls of daemon threads."""
        self.check_all("in_a_daemon(remote.getpid)\nin_a_daemon(lambda: conn.modules.time.sleep(60))\nfreeze()\n")

    def test_unanswered(self) -> None:
        """With asynchronous calls that nobody waits for."""
        self.check_all(
            "sleep = txrpyc.async_(conn.modules.time.sleep)\nasked = [sleep(9) for _ in range(99)]\nfreeze()\n"
        )

    def test_closes_at_exit(self) -> None:
        """With a close at the exit."""
        self.check_all("atexit.register(conn.close)\nfreeze()\n")

    def test_closes_in_a_destructor(self) -> None:
        """With a destructor that closes, when modules are taken apart."""
        self.check_all("alive = Closes()\nfreeze()\n")

    def test_calls_in_a_destructor(self) -> None:
        """With a destructor that calls the peer, and is told that it is gone if a thread was serving."""
        for served in ("", SERVED):
            self.check(served + "alive = Calls(remote.getpid), Calls(txrpyc.async_(remote.getpid))\n")
            self.check(served + "alive = Calls(lambda ask=txrpyc.async_(remote.getpid): ask().wait())\n")
        self.check(SERVED + "alive = Calls(remote.getpid)\nfreeze()\n", True)

    def test_exit_in_a_callback(self) -> None:
        """With a function that the peer calls and that exits."""
        script = "conn._config['propagate_SystemExit_locally'] = True\nconn.eval('lambda f: f()')(sys.exit)\n"
        self.check(script)

    def test_server(self) -> None:
        """With a server of its own that is still serving."""
        self.check(
            "server = txrpyc.ThreadedServer(txrpyc.Service, hostname='127.0.0.1', port=0)\n"
            "server._start_in_thread()\n"
            "own = txrpyc.connect('127.0.0.1', server.port)\n"
            "own.ping()\n"
        )
