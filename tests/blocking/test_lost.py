"""Connections that end: who waits is told, and nothing is left behind."""

from __future__ import annotations

import gc
import socket
import threading

import txrpyc
from tests.blocking.kinds import PATIENCE, TXRPYC, UNIT, BlockingTestCase, Waiting, with_each_kind
from tests.blocking.test_private_reactor import descriptors
from txrpyc import BgServingThread, ConnectionLost, async_


class LostBehaviour:
    def setUp(self) -> None:
        super().setUp()
        self.peer = self.own_peer()
        self.conn = self.classic(self.peer)
        self.wait, _open_gate = self.gate(self.conn, self.peer)

    def kill(self) -> None:
        self.peer.process.kill()
        self.peer.stop()

    def test_after(self) -> None:
        """After the peer's death everything that asks it raises an EOFError, each time."""
        self.kill()
        for _ in range(2):
            self.assertRaises(EOFError, self.conn.eval, "1 + 1")
            self.assertRaises(EOFError, repr, self.wait)
            self.assertRaises(EOFError, self.conn.ping)
            self.assertRaises(EOFError, self.conn.serve)
        self.assertTrue(self.conn.closed)
        self.assertRaises(EOFError, self.conn.fileno)

    def test_meanwhile(self) -> None:
        """Every thread that waits for an answer gets an EOFError, and so does every result."""
        results = [async_(self.wait)() for _ in range(3)]
        waiting = [Waiting(self.wait), Waiting(lambda: results[0].value)]
        self.until(lambda: self.conn.protocol.waiting >= 4)
        self.kill()
        for waiter in waiting:
            self.assertRaises(EOFError, waiter.result)
        for result in results:
            self.assertTrue(result.error)
            self.assertRaises(ConnectionLost, getattr, result, "value")

    def test_meanwhile_in_the_background(self) -> None:
        """It is so while a `BgServingThread` serves."""
        serving = BgServingThread(self.conn)
        self.addCleanup(serving.stop)
        result = async_(self.wait)()
        told = threading.Event()
        result.add_callback(lambda result: told.set())
        waiting = Waiting(self.wait)
        self.until(lambda: self.conn.protocol.waiting >= 2)
        self.kill()
        self.assertRaises(EOFError, waiting.result)
        self.assertTrue(told.wait(PATIENCE))

    def test_close(self) -> None:
        """Closing twice, or after the peer's death, does nothing more; what is asked later raises an EOFError."""
        self.conn.close()
        self.conn.close()
        self.assertRaises(EOFError, self.conn.eval, "1 + 1")
        self.assertRaises(EOFError, getattr, self.conn, "root")
        other = self.classic(self.peer)
        self.kill()
        other.close()
        other.close()

    def test_nothing_left(self) -> None:
        """A connection that was closed, or whose peer died, leaves neither a descriptor nor a thread."""
        gc.collect()
        before = descriptors(), set(threading.enumerate())
        for end in (lambda conn: conn.close(), lambda conn: self.kill_and_look(conn)):
            conn = txrpyc.classic.connect("127.0.0.1", self.peer.port)
            serving = BgServingThread(conn)
            conn.eval("1 + 1")
            end(conn)
            serving.stop()
        if before[0] is not None:
            # The streams of the peer that died are closed as well.
            self.assertLessEqual(len(descriptors()), len(before[0]))
        self.assertLessEqual(set(threading.enumerate()), before[1])

    def kill_and_look(self, conn: txrpyc.Connection) -> None:
        self.kill()
        self.assertRaises(EOFError, conn.ping)


globals().update(with_each_kind(LostBehaviour))


class HereTests(BlockingTestCase):
    kind = TXRPYC

    def test_many(self) -> None:
        """Connections that come and go leave no descriptor."""
        self.classic()
        gc.collect()
        before = descriptors()
        for _ in range(20):
            self.classic().close()
        self.assertEqual(descriptors(), before)

    def test_refused(self) -> None:
        """Neither do connections that were never made."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        before = descriptors()
        for _ in range(5):
            self.assertRaises(ConnectionRefusedError, txrpyc.connect, "127.0.0.1", port)
        self.assertEqual(descriptors(), before)

    def test_wrong_settings(self) -> None:
        """Neither do those that were made with a setting that cannot be, or whose `on_connect` failed."""

        class Failing(txrpyc.Service):
            def on_connect(self, conn: txrpyc.Connection) -> None:
                raise ZeroDivisionError

        port = self.own_peer().port
        before = descriptors()
        self.assertRaises(ValueError, txrpyc.connect, "127.0.0.1", port, config={"compression": "maybe"})
        self.assertRaises(ZeroDivisionError, txrpyc.connect, "127.0.0.1", port, Failing)
        gc.collect()
        self.assertEqual(descriptors(), before)

    def silent(self) -> tuple[txrpyc.Connection, socket.socket]:
        """Give a connection, and the other end of its socket."""
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        conn = txrpyc.connect_stream(txrpyc.SocketStream(ours))
        self.addCleanup(conn.drop)
        return conn, theirs

    def test_silent_peer(self) -> None:
        """Closing does not wait for ever for a peer that is silent, and fails the calls that wait for it."""
        conn, _theirs = self.silent()
        waiting = Waiting(lambda: conn.ping(timeout=None))
        self.until(lambda: conn.protocol.waiting)
        conn.close()
        self.assertTrue(conn.closed)
        self.assertRaises(EOFError, waiting.result)

    def test_drop(self) -> None:
        """Dropping a connection, from any thread, fails the calls that wait."""
        conn, _theirs = self.silent()
        waiting = Waiting(lambda: conn.ping(timeout=None))
        self.until(lambda: conn.protocol.waiting)
        conn.drop()
        self.assertRaises(EOFError, waiting.result)
        conn, theirs = self.silent()
        conn.drop()
        self.assertEqual(theirs.recv(1), b"")

    def test_peer_that_does_not_read(self) -> None:
        """A deadline holds, and an asynchronous call returns, while the peer takes nothing of a long message."""
        conn, _theirs = self.silent()
        conn._config["sync_request_timeout"] = UNIT
        self.assertRaises(TimeoutError, conn.ping, b"x" * (10 << 20), timeout=UNIT)
        self.assertRaises(TimeoutError, getattr, conn, "root")

    def test_garbage(self) -> None:
        """A peer that does not speak RPyC ends the connection, and the error says so."""
        conn, theirs = self.silent()
        theirs.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        error = self.assertRaises(ConnectionLost, conn.ping)
        self.assertIn("does not speak RPyC", str(error))

    def test_half_a_message(self) -> None:
        """A deadline holds while half a message has come, and the other half is taken when it comes."""
        conn, theirs = self.silent()
        theirs.sendall(b"\0\0\0\x20\0")
        self.assertRaises(TimeoutError, conn.ping, "data", timeout=0.05)
        self.assertFalse(conn.closed)
        theirs.close()
        self.assertRaises(EOFError, conn.ping)
