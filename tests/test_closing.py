"""Closing: from wherever it is done, it takes no longer than its grace, raises nothing, and leaves nothing behind."""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import threading
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any
from unittest import skipUnless

from twisted.trial.unittest import SynchronousTestCase

import txrpyc
from tests.peers import Peer
from txrpyc.blocking.connection import _CLOSE_GRACE

SOAK = os.environ.get("TXRPYC_SOAK") == "1"

TIMES = 1000 if SOAK else 100
"""How often what may go wrong by chance is done."""

MOST = _CLOSE_GRACE + 2
"""Seconds that closing may take, on a busy machine."""

PATIENCE = 30.0
"""Seconds for what must happen soon."""


def left() -> tuple[int, int]:
    """Give how many threads and descriptors this process has."""
    return threading.active_count(), len(os.listdir("/proc/self/fd"))


LEFT_THERE = "__import__('threading').active_count(), len(__import__('os').listdir('/proc/self/fd'))"
"""The same for the process that evaluates it."""


@skipUnless(os.path.exists("/proc/self/fd"), "descriptors are counted in /proc, which Linux has")
class ClosingTests(SynchronousTestCase):
    """Against a classic server in another process."""

    def setUp(self) -> None:
        self.server = Peer(sys.executable, "txrpyc_classic_server.py")
        self.addCleanup(self.server.stop)
        self.connect().close()
        self.before = left()
        self.before_there = self.ask_there()

    def connect(self) -> Any:
        return txrpyc.classic.connect("127.0.0.1", self.server.port)

    def ask_there(self) -> tuple[int, int]:
        with self.connect() as conn:
            there: tuple[int, int] = conn.eval(LEFT_THERE)
        return there

    def until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = monotonic() + PATIENCE
        while not holds():
            self.assertLess(monotonic(), deadline, what)
            sleep(0.01)

    def close(self, conn: Any) -> None:
        """Close a connection, in time."""
        began = monotonic()
        conn.close()
        self.assertLess(monotonic() - began, MOST)

    def assert_nothing_left(self, there: bool = True) -> None:
        """Neither a thread nor a descriptor more than before, here and at the server."""
        gc.collect()
        # What holds frames back, and who serves a connection that has ended, go within a moment.
        self.until(lambda: left() <= self.before, f"more than {self.before}: {threading.enumerate()}")
        if there:
            self.until(lambda: self.ask_there() <= self.before_there, f"more than {self.before_there} at the server")

    def test_both_at_once(self) -> None:
        """Both sides close at the same time."""
        for _ in range(TIMES):
            conn = self.connect()
            txrpyc.async_(conn.root.getconn().close)()
            self.close(conn)
        self.assert_nothing_left()

    def test_by_the_peer(self) -> None:
        """The peer closes, in the middle of a call or between two; what is asked then says that it is gone."""
        for _ in range(TIMES // 2):
            conn = self.connect()
            self.assertIn(type(self.end_of(conn.root.getconn().close)), (type(None), txrpyc.ConnectionLost))
            while not conn.closed:
                self.end_of(conn.ping)
            self.assertIsInstance(self.end_of(conn.ping), EOFError)
            self.close(conn)
        self.assert_nothing_left()

    def end_of(self, call: Callable[[], object]) -> BaseException | None:
        """Give the EOFError that a call ends with, if it does."""
        try:
            call()
        except EOFError as error:
            return error
        return None

    def test_twice(self) -> None:
        """A second time, and in eight threads at once, is as once."""
        for background in (False, True):
            for _ in range(TIMES // 10):
                conn = self.connect()
                serving = txrpyc.BgServingThread(conn) if background else None
                wrong: list[BaseException] = []
                self.at_once(lambda conn=conn: self.close(conn), wrong)
                self.close(conn)
                self.close(conn)
                self.assertEqual(wrong, [])
                if serving is not None:
                    serving.stop()
        self.assert_nothing_left()

    def at_once(self, call: Callable[[], object], wrong: list[BaseException], count: int = 8) -> None:
        """Call something in some threads; take what they raise."""

        def run() -> None:
            try:
                call()
            except BaseException as error:
                wrong.append(error)

        threads = [threading.Thread(target=run) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
            self.assertFalse(thread.is_alive())

    def test_in_a_callback(self) -> None:
        """A callback of a result, or a function that the peer calls, closes."""
        for background in (False, True):
            for _ in range(TIMES // 10):
                conn = self.connect()
                serving = txrpyc.BgServingThread(conn) if background else None
                result = txrpyc.async_(conn.modules.os.getpid)()
                result.add_callback(lambda _result, conn=conn: self.close(conn))
                result.wait()
                self.until(lambda conn=conn: conn.closed, "the callback was not called")
                if serving is not None:
                    serving.stop()
                conn = self.connect()
                serving = txrpyc.BgServingThread(conn) if background else None
                call = conn.eval("lambda function: function()")
                self.assertIsInstance(
                    self.end_of(lambda conn=conn, call=call: call(lambda: self.close(conn))), EOFError
                )
                if serving is not None:
                    serving.stop()
        self.assert_nothing_left()

    def test_in_a_signal_handler(self) -> None:
        """A handler closes, wherever the main thread is in a call or a thread serves; the call ends with EOFError."""
        for number in range(TIMES):
            conn = self.connect()
            serving = txrpyc.BgServingThread(conn) if number % 2 else None
            length = conn.builtins.len
            wrong: list[BaseException] = []

            def handle(_number: int, _frame: Any, conn: Any = conn, wrong: list[BaseException] = wrong) -> None:
                try:
                    self.close(conn)
                except BaseException as error:
                    wrong.append(error)

            was = signal.signal(signal.SIGALRM, handle)
            signal.setitimer(signal.ITIMER_REAL, 0.0005 + random.random() * 0.002)
            try:
                began = monotonic()
                while self.end_of(lambda length=length: length("abc")) is None:
                    pass
                self.assertLess(monotonic() - began, MOST + 1)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, was)
            self.close(conn)
            self.assertEqual(wrong, [])
            self.assertIsNotNone(conn.protocol.lost)
            if serving is not None:
                serving.stop()
        self.assert_nothing_left()

    def test_in_a_destructor(self) -> None:
        """A destructor, which the garbage collector runs in the middle of anything, closes."""

        class Closes:
            def __init__(self, conn: Any) -> None:
                self.me, self.conn = self, conn

            def __del__(self) -> None:
                try:
                    outer.close(self.conn)
                except BaseException as error:
                    wrong.append(error)

        outer, wrong = self, list[BaseException]()
        threshold = gc.get_threshold()
        self.addCleanup(gc.set_threshold, *threshold)
        for number in range(TIMES // 2):
            conn = self.connect()
            serving = txrpyc.BgServingThread(conn) if number % 2 else None
            new = conn.builtins.object
            gc.disable()
            Closes(conn)
            gc.set_threshold(random.randrange(1, 200))
            gc.enable()
            began = monotonic()
            kept: list[Any] = []  # what is made and dropped again does not bring a collection about
            while self.end_of(lambda new=new, kept=kept: kept.append([new() for _ in range(3)])) is None:
                pass
            del kept
            gc.set_threshold(*threshold)
            self.assertLess(monotonic() - began, PATIENCE)
            self.close(conn)
            self.assertEqual(wrong, [])
            if serving is not None:
                serving.stop()
        self.assert_nothing_left()

    def test_by_another_thread(self) -> None:
        """Calls of eight threads, long ones as well, end with EOFError when another thread closes."""
        for number in range(TIMES // 25):
            conn = self.connect()
            serving = txrpyc.BgServingThread(conn) if number % 2 else None
            work = [conn.eval("lambda: None"), conn.modules.time.sleep]
            calling = threading.Semaphore(0)

            def call(conn: Any = conn, work: list[Any] = work, calling: Any = calling) -> None:
                calling.release()
                while True:
                    work[0]()

            def end(conn: Any = conn, calling: Any = calling) -> None:
                for _ in range(7):
                    calling.acquire()
                self.close(conn)
                conn.ping()

            wrong: list[BaseException] = []
            order = iter([call] * 7 + [end])
            self.at_once(lambda order=order: next(order)(), wrong)
            self.assertEqual([type(error) for error in wrong], [txrpyc.ConnectionLost] * 8)
            if serving is not None:
                serving.stop()
        self.assert_nothing_left()

    def test_frozen(self) -> None:
        """A peer that is stopped costs no more than the grace, even if it left much that was sent to it unread."""
        for background in (False, True):
            for backlog in (0, 20 << 20):
                conn = self.connect()
                serving = txrpyc.BgServingThread(conn) if background else None
                length = txrpyc.timed(conn.builtins.len, 0.2)
                self.server.process.send_signal(signal.SIGSTOP)
                os.waitid(os.P_PID, self.server.process.pid, os.WSTOPPED)  # it takes a moment
                try:
                    self.assertRaises(txrpyc.AsyncResultTimeout, lambda: length(bytes(backlog)).value)  # noqa: B023
                    self.close(conn)
                finally:
                    self.server.process.send_signal(signal.SIGCONT)
                self.assertIsNotNone(conn.protocol.lost)
                if serving is not None:
                    serving.stop()
                conn = length = serving = None  # whose descriptors are counted
        self.assert_nothing_left()
