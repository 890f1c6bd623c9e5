"""Ends of every kind: expiry, interrupts, exits and names that clash harm nothing else."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from typing import Any

from twisted.internet.protocol import Protocol
from twisted.trial.unittest import SynchronousTestCase

import txrpyc
from tests.peers import Peer
from txrpyc.blocking.private_reactor import PrivateReactor
from txrpyc.blocking.transport import SocketTransport
from txrpyc.errors import AsyncResultTimeout

clash: Any = None
"""A name of this module that holds a netref of a class which has the same name at the peer."""


class Namesakes(txrpyc.Service):
    """Offers a class whose dotted name is that of `clash`."""

    def __init__(self) -> None:
        self.exposed_clash = type("clash", (), {"__module__": __name__, "exposed_x": lambda self: 1})


class NameTests(SynchronousTestCase):
    def test_namesake(self) -> None:
        """A program may keep a remote class under the name that the class has at the peer."""
        global clash
        conn = txrpyc.connect_thread(remote_service=Namesakes)
        self.addCleanup(conn.close)
        clash = conn.root.clash
        self.addCleanup(globals().__setitem__, "clash", None)
        self.assertEqual(clash().x(), 1)
        self.assertFalse(isinstance(5, clash))


class ResultEndTests(SynchronousTestCase):
    """Against a server in another process."""

    def setUp(self) -> None:
        """Connect."""
        self.server = Peer(sys.executable, "txrpyc_classic_server.py")
        self.addCleanup(self.server.stop)
        self.conn = txrpyc.classic.connect("127.0.0.1", self.server.port)
        self.addCleanup(self.conn.close)

    def expiring(self) -> tuple[Any, list[Any]]:
        """Give a result whose time is over, and what its callback was called with."""
        result = txrpyc.async_(self.conn.modules.time.sleep)(0.3)
        called: list[Any] = []
        result.add_callback(called.append)
        result.set_expiry(0)
        return result, called

    def test_callbacks_of_expiry(self) -> None:
        """Once expiry has been reported, in whichever way, the callback was called."""
        for look in ("expired", "ready", "error"):
            result, called = self.expiring()
            getattr(result, look)
            self.assertEqual(called, [result])
        result, called = self.expiring()
        self.assertIn("expired", repr(result))
        self.assertRaises(AsyncResultTimeout, result.wait)
        self.assertEqual(called, [result])

    def test_timed_with_a_full_buffer(self) -> None:
        """A timed call to a peer that reads nothing expires in its time, and later calls work."""
        length = txrpyc.timed(self.conn.builtins.len, 0.3)
        self.server.process.send_signal(signal.SIGSTOP)
        try:
            self.assertRaises(AsyncResultTimeout, lambda: length(b"x" * (30 << 20)).value)
        finally:
            self.server.process.send_signal(signal.SIGCONT)
        self.assertEqual(self.conn.eval("1 + 1"), 2)

    def test_exit_in_a_callback(self) -> None:
        """A callback that raises SystemExit is logged; the others are called, and the background thread goes on."""
        background = txrpyc.BgServingThread(self.conn)
        self.addCleanup(background.stop)
        called = threading.Event()
        result = txrpyc.async_(self.conn.modules.time.sleep)(0.1)
        result.add_callback(lambda _result: sys.exit(3))
        result.add_callback(lambda _result: called.set())
        self.assertTrue(called.wait(20))
        self.assertEqual(len(self.flushLoggedErrors(SystemExit)), 1)
        self.assertEqual(self.conn.eval("1 + 1"), 2)

    def test_exit_in_a_served_call(self) -> None:
        """A served call that ends the background thread has its callback called."""
        self.conn._config["propagate_SystemExit_locally"] = True
        ended = threading.Event()
        txrpyc.BgServingThread(self.conn, callback=ended.set)
        self.conn.execute("from txrpyc import async_")
        self.conn.eval("lambda f: async_(f)(3) and None")(sys.exit)
        self.assertTrue(ended.wait(20))
        self.flushLoggedErrors(SystemExit)


class InterruptTests(SynchronousTestCase):
    def test_interrupt_in_the_middle_of_input(self) -> None:
        """A KeyboardInterrupt in the middle of input reaches the program; the connection is closed."""
        private = PrivateReactor()
        self.addCleanup(private.dispose)
        lost: list[Any] = []

        class Interrupted(Protocol):
            def dataReceived(self, data: bytes) -> None:
                raise KeyboardInterrupt

            def connectionLost(self, reason: Any) -> None:
                lost.append(reason.type)

        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        SocketTransport(ours, Interrupted(), private.reactor)
        theirs.send(b"x")
        self.assertRaises(KeyboardInterrupt, private.step, 10)
        self.assertEqual(lost, [KeyboardInterrupt])
