"""Garbage collections, which may come at any point, in any thread: netrefs are given back, and nothing gets stuck."""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import txrpyc
from tests.peers import Peer
from txrpyc.protocol import RPyCProtocol

SOAK = os.environ.get("TXRPYC_SOAK") == "1"

THINGS = 1_000_000 if SOAK else 20_000
"""How many netrefs live for a short time."""

THREADS = 8
PATIENCE = 30.0
"""Seconds for what must happen soon."""


class Logs:
    """Logs when it dies, which a garbage collection brings about."""

    def __init__(self, logger: logging.Logger) -> None:
        self.me, self.logger = self, logger

    def __del__(self) -> None:
        self.logger.warning("died")


class Writes(logging.Handler):
    """Writes what is logged over a connection."""

    def __init__(self, write: Callable[[str], object]) -> None:
        super().__init__()
        self.write = write
        self.written = 0
        self.wrong: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.write(record.getMessage())
            self.written += 1
        except BaseException as error:
            self.wrong.append(error)


class GarbageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = Peer(sys.executable, "things_server.py")
        self.addCleanup(self.server.stop)
        # Each batch of releases is asked for once, when the first of it has died.
        self.batches: list[None] = []
        schedule = RPyCProtocol._schedule_releases

        def counted(protocol: RPyCProtocol) -> None:
            self.batches.append(None)
            schedule(protocol)

        self.patch(RPyCProtocol, "_schedule_releases", counted)
        self.conn = self.connect()
        self.addCleanup(gc.set_threshold, *gc.get_threshold())

    def connect(self) -> Any:
        conn = txrpyc.connect("127.0.0.1", self.server.port)
        self.addCleanup(conn.close)
        return conn

    def in_threads(self, call: Callable[[], object]) -> None:
        """Call something in all threads, while garbage is collected all the time; nothing is raised, all end."""
        wrong: list[BaseException] = []

        def run() -> None:
            try:
                call()
            except BaseException as error:
                wrong.append(error)

        threads = [threading.Thread(target=run, daemon=True) for _ in range(THREADS)]
        gc.set_threshold(1)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(3600 if SOAK else 60)
        gc.set_threshold(700)
        self.assertFalse([thread for thread in threads if thread.is_alive()])
        self.assertEqual(wrong, [])

    def check_short_lived(self, each: int) -> int:
        """Make and drop netrefs, so many by each call; give how often some of them were given back."""
        unraisable: list[Any] = []
        self.patch(sys, "unraisablehook", unraisable.append)
        conn, borrowed = self.conn, self.conn.protocol.session.borrowed
        make = conn.root.make
        self.batches.clear()

        def work() -> None:
            for _ in range(THINGS // THREADS // each):
                assert len(make(each)) == each

        self.in_threads(work)
        batches = len(self.batches)
        self.until(lambda: not conn.root.things())
        self.until(lambda: conn.ping() or len(borrowed) == 2)  # the service and its method
        self.assertEqual(unraisable, [])
        make = None
        conn.close()
        self.assertEqual((len(borrowed), len(conn.protocol.session.lent)), (0, 0))
        return batches

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = monotonic() + PATIENCE
        while not holds():
            self.assertLess(monotonic(), deadline)
            sleep(0.01)

    def test_many_at_once(self) -> None:
        """What eight threads drop is given back, all of it, by at most a twentieth as many writes as it is objects."""
        self.assertLess(self.check_short_lived(250) * 20, THINGS)

    def test_many_at_once_in_the_background(self) -> None:
        """The same with a BgServingThread."""
        serving = txrpyc.BgServingThread(self.conn)
        self.addCleanup(serving.stop)
        self.assertLess(self.check_short_lived(250) * 20, THINGS)

    def test_one_by_one(self) -> None:
        """Objects that come one by one are given back, too, with the next request if there is one."""
        self.check_short_lived(1)

    def log(self, handler: logging.Handler) -> None:
        """Have eight threads call, and garbage log when it dies."""
        logger = logging.Logger(self.id())  # nobody else's
        logger.addHandler(handler)
        make = self.conn.root.make

        def work() -> None:
            for _ in range(100):
                Logs(logger)
                make(3)

        self.in_threads(work)
        gc.collect()

    def test_destructors_log(self) -> None:
        """Destructors log, in the middle of anything."""
        said: list[str] = []
        handler = Writes(said.append)
        self.log(handler)
        self.assertEqual((len(said), handler.wrong), (100 * THREADS, []))

    def test_log_over_the_connection(self) -> None:
        """A handler writes over the connection that it is told about, in an asynchronous call."""
        handler = Writes(txrpyc.async_(self.conn.root.write))
        self.log(handler)
        self.assertEqual(handler.wrong, [])
        self.assertEqual((handler.written, self.conn.root.written()), (100 * THREADS, 100 * THREADS))

    def test_handler_waits(self) -> None:
        """A handler writes over the connection, and waits, while that logs what is asked over it and fails."""
        for background in (False, True):
            conn = self.connect()
            write = conn.root.write
            serving = txrpyc.BgServingThread(conn) if background else None
            logger = logging.Logger(self.id(), logging.DEBUG)  # nobody else's
            handler = Writes(write)
            logger.addHandler(handler)
            conn._config["logger"] = logger

            def work(logger: logging.Logger = logger) -> None:
                for _ in range(50):
                    logger.warning("busy")

            self.in_threads(work)
            self.assertEqual((handler.wrong, conn.root.written()), ([], 50 * THREADS))
            if serving is not None:
                serving.stop()
