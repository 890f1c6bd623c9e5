"""Deadlines of the blocking face: they hold within a tenth, never early, and the connection works afterwards."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from time import sleep
from typing import Any

import txrpyc
from tests.blocking.kinds import BlockingTestCase, Waiting
from tests.lateness import BLOB, Stopwatch, full_port, late_server, stopped
from txrpyc import AsyncResultTimeout, BgServingThread, async_, timed
from txrpyc.core.consts import Verb

SECONDS = 0.3
LONG = 0.4
"""Seconds, where 100 MiB are to be encoded in that time, too."""


class Thing:
    pass


def sync(conn: Any, method: Any, seconds: float, *args: Any) -> Any:
    """Call with a deadline of the connection's."""
    conn._config["sync_request_timeout"] = seconds
    try:
        return method(*args)
    finally:
        conn._config["sync_request_timeout"] = 30


def by_call(conn: Any, method: Any, seconds: float, *args: Any) -> Any:
    """Call with a deadline of the call's."""
    return timed(method, seconds)(*args).value


def by_result(conn: Any, method: Any, seconds: float, *args: Any) -> Any:
    """Give a call that was made a deadline."""
    result = async_(method)(*args)
    result.set_expiry(seconds)
    return result.wait()


def told(conn: Any, method: Any, seconds: float, *args: Any) -> Any:
    """Wait for the callback of a result that expires."""
    result = timed(method, seconds)(*args)
    called: list[Any] = []
    result.add_callback(lambda result: (called.append(result), conn.hub.notify()))
    conn.hub.wait(lambda: called)
    return result.value


Way = Callable[..., Any]
WAYS = (sync, by_call, by_result, told)


class CallTests(BlockingTestCase):
    """Calls, whose thread runs everything itself."""

    background = False

    def setUp(self) -> None:
        super().setUp()
        self.server = late_server()
        self.other = self.connect()
        self.conn = self.connect()
        if self.background:
            self.addCleanup(BgServingThread(self.conn).stop)
        self.late, self.length, self.tables = self.conn.root.late, self.conn.root.length, self.conn.root.tables
        self.length("")
        self.before = self.sizes()

    def connect(self) -> Any:
        return self.keep(txrpyc.connect("127.0.0.1", self.server.port))

    def sizes(self) -> tuple[int, ...]:
        """Give how much this side and the other have lent and borrowed."""
        gc.collect()
        session = self.conn.protocol.session
        return len(session.lent), len(session.borrowed), *self.tables()

    def busy(self) -> AbstractContextManager[None]:
        """Keep the gate shut for a while."""

        @contextmanager
        def shut() -> Iterator[None]:
            self.other.root.shut(self.id())
            try:
                yield
            finally:
                self.other.root.open(self.id())

        return shut()

    def stopped(self) -> AbstractContextManager[None]:
        return stopped(self.server.process)

    def check(
        self,
        ways: tuple[Way, ...],
        seconds: float,
        trouble: Callable[[], AbstractContextManager[None]],
        method: Any,
        *args: Any,
    ) -> None:
        """Call while there is trouble; the deadline holds, the connection works, and nothing is left."""
        for way in ways:
            for watch in Stopwatch(self, seconds):
                with trouble(), watch.measure():
                    self.assertRaises(AsyncResultTimeout, way, self.conn, method, seconds, *args)
                self.assertEqual(self.length("abc"), 3)
        self.until(lambda: self.sizes() == self.before)
        self.assert_nothing_pending()

    def assert_nothing_pending(self) -> None:
        self.assertEqual(self.conn.protocol.waiting, 0)
        self.assertEqual(self.conn._reactor.getDelayedCalls(), [])
        self.assertEqual(list(self.conn.protocol.outflow._frames), [])

    def test_busy(self) -> None:
        """A busy peer; what its late answers refer to is given back."""
        self.check(WAYS, SECONDS, self.busy, self.late, self.id(), Thing())

    def test_stopped(self) -> None:
        """A stopped peer."""
        self.check((sync, told), SECONDS, self.stopped, self.length, "abc")

    def test_full(self) -> None:
        """A stopped peer and 100 MiB, of which the rest is sent when it goes on."""
        self.check((sync, by_call), LONG, self.stopped, self.length, BLOB)

    def test_behind_what_is_full(self) -> None:
        """A call behind 100 MiB that were not taken; making an asynchronous call has the connection's deadline."""
        for watch in Stopwatch(self, LONG):
            with self.stopped():
                with watch.measure():
                    first = sync(self.conn, async_(self.length), LONG, BLOB)
                with watch.measure():
                    self.assertRaises(AsyncResultTimeout, sync, self.conn, self.length, LONG, "abc")
            self.assertEqual((self.length("abc"), first.value), (3, len(BLOB)))
        self.assert_nothing_pending()

    def test_silent(self) -> None:
        """A port that accepts and says nothing; when the server comes at last the connection works."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        config = {"sync_request_timeout": SECONDS}
        for watch in Stopwatch(self, SECONDS):
            conn = self.keep(txrpyc.connect(*listener.getsockname(), config=config))
            if self.background:
                self.addCleanup(BgServingThread(conn).stop)
            with watch.measure():
                self.assertRaises(AsyncResultTimeout, getattr, conn, "root")
            sock, _address = listener.accept()
            server = txrpyc.connect_stream(txrpyc.SocketStream(sock))
            serving = Waiting(server.serve_all)
            conn._config["sync_request_timeout"] = 30
            self.assertEqual(conn.root.get_service_name(), "VOID")
            conn.close()
            serving.result()

    def test_half_a_frame(self) -> None:
        """A peer that stops in the middle of a frame."""
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        conn = txrpyc.connect_stream(txrpyc.SocketStream(ours))
        self.addCleanup(conn.drop)
        if self.background:
            self.addCleanup(BgServingThread(conn).stop)
        theirs.sendall(b"\0\0\0\x20\0half")
        for watch in Stopwatch(self, SECONDS):
            with watch.measure():
                self.assertRaises(AsyncResultTimeout, sync, conn, conn.sync_request, SECONDS, Verb.GETROOT)
            with watch.measure():
                self.assertRaises(AsyncResultTimeout, conn.async_request(Verb.GETROOT, timeout=SECONDS).wait)
        self.assertEqual((conn.protocol.waiting, conn.closed), (0, False))

    def test_many(self) -> None:
        """10,000 deadlines leave nothing pending, and their late answers no references."""
        threads = threading.active_count()
        with self.busy():
            late = timed(self.late, 0.01)
            results = [late(self.id(), Thing()) for _ in range(10_000)]
            for result in results:
                self.assertRaises(AsyncResultTimeout, result.wait)
            for _ in range(20):
                self.assertRaises(AsyncResultTimeout, sync, self.conn, self.late, 0.01, self.id())
            self.assertEqual(self.conn.protocol.waiting, 0)
        del results, result
        self.until(lambda: self.sizes() == self.before)
        self.assert_nothing_pending()
        self.assertEqual(threading.active_count(), threads)


class BackgroundTests(CallTests):
    """The same while a `BgServingThread` serves."""

    background = True


class ConnectTests(BlockingTestCase):
    def check(self, host: str, port: int) -> None:
        for watch in Stopwatch(self, SECONDS):
            with watch.measure():
                self.assertRaises(TimeoutError, txrpyc.connect, host, port, timeout=SECONDS)

    def test_no_answer(self) -> None:
        """A port that does not answer at all."""
        self.check("127.0.0.1", full_port(self))

    def test_several_addresses(self) -> None:
        """A name with several such addresses, and a lookup that takes a part of the time."""
        address = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", full_port(self)))
        self.patch(socket, "getaddrinfo", lambda *question: sleep(SECONDS / 4) or [address] * 3)
        self.check("some.host", 1)

    def test_lookup(self) -> None:
        """A name server that does not answer."""
        answered = threading.Event()
        threads = threading.active_count()
        self.patch(socket, "getaddrinfo", lambda *question: answered.wait(60) and [])
        self.check("some.host", 1)
        answered.set()
        self.until(lambda: threading.active_count() == threads)

    def test_classic(self) -> None:
        """A classic connection, which asks for something at once, to a port that says nothing."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            for watch in Stopwatch(self, SECONDS):
                with watch.measure():
                    self.assertRaises(
                        AsyncResultTimeout,
                        txrpyc.connect,
                        *listener.getsockname(),
                        service=txrpyc.classic.ClassicService,
                        config={"sync_request_timeout": SECONDS},
                    )
