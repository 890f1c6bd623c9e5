"""What was lent is given back: no object outlives its use at either side, and deleting one sends nothing by itself."""

from __future__ import annotations

import gc
import socket
import threading
from unittest import SkipTest

from tests.blocking.kinds import TXRPYC, UNIT, BlockingTestCase, with_each_kind
from txrpyc import AsyncResultTimeout, BgServingThread, async_, timed

_TXRPYC_TABLES = "lambda c: (len(c.protocol.session.lent), len(c.protocol.session.borrowed))"
_RPYC_TABLES = "lambda c: (len(c._local_objects._dict), len(c._proxy_cache))"


class Thing:
    pass


class RefcountBehaviour:
    def setUp(self) -> None:
        super().setUp()
        self.conn = self.classic()
        self.conn.execute("import gc\nclass Thing: pass\nmake = lambda n: tuple([Thing() for _ in range(n)])")
        self.make = self.conn.namespace["make"]
        self.take = self.conn.eval("lambda *things: len(things)")
        self.collect = self.conn.eval("gc.collect")
        self.far = self.conn.root.getconn()
        self.tables = self.conn.eval(_TXRPYC_TABLES if self.kind.version is None else _RPYC_TABLES)
        self.conn.builtins.len  # noqa: B018 (all that the tests use is known from here on)
        self.make(2), self.take(Thing(), Thing())
        self.before = self.sizes()

    def sizes(self) -> tuple[int, ...]:
        """Give how much this side and the other have lent and borrowed, garbage aside."""
        gc.collect()
        self.collect()
        session = self.conn.protocol.session
        return (len(session.lent), len(session.borrowed), *self.tables(self.far))

    def assert_nothing_left(self) -> None:
        self.until(lambda: self.sizes() == self.before)

    def test_results(self) -> None:
        """10,000 objects of the peer's have come and gone."""
        for _ in range(100):
            self.assertEqual(len(self.make(100)), 100)
        self.assert_nothing_left()

    def test_arguments(self) -> None:
        """10,000 objects of ours have gone and come back."""
        for _ in range(100):
            self.assertEqual(self.take(*[Thing() for _ in range(100)]), 100)
        self.assert_nothing_left()

    def test_single_results(self) -> None:
        """Objects that come one by one, while others are held, are given back one by one."""
        make = self.conn.eval("Thing")
        held = [make() for _ in range(100)]
        for _ in range(300):
            make()
        self.assertEqual(len(held), 100)
        del held, make
        self.assert_nothing_left()

    def test_same_object(self) -> None:
        """An object that came many times is given back as often."""
        self.conn.execute("thing = Thing()")
        get = self.conn.eval("lambda: thing")
        held = get()
        for _ in range(100):
            self.assertIs(get(), held)
        self.assertEqual(held.____refcount__, 101)
        del held, get
        self.assert_nothing_left()

    def test_callbacks(self) -> None:
        """Objects in callbacks are given back, in both directions."""
        call = self.conn.eval("lambda f, n: [f(Thing()) for _ in range(n)] and None")
        call(lambda thing: Thing(), 100)
        del call
        self.assert_nothing_left()

    def test_never_read(self) -> None:
        """Results that nobody reads are given back."""
        make = async_(self.make)
        for _ in range(50):
            make(100)
        del make
        self.assert_nothing_left()

    def test_late(self) -> None:
        """Results that come after their expiry are given back."""
        wait, open_gate = self.gate(self.conn)
        late = async_(self.conn.eval("lambda wait, make: wait() and make(1000)"))(wait, self.make)
        late.set_expiry(0)
        self.assertTrue(late.expired)
        open_gate()
        del wait
        self.assert_nothing_left()

    def test_expired(self) -> None:
        """So are those that expire while somebody waits."""
        wait, open_gate = self.gate(self.conn)
        late = timed(self.conn.eval("lambda wait, make: wait() and make(1000)"), UNIT)
        self.assertRaises(AsyncResultTimeout, getattr, late(wait, self.make), "value")
        open_gate()
        del wait, late
        self.assert_nothing_left()

    def test_errors(self) -> None:
        """Arguments of calls that fail are given back."""
        fail = self.conn.eval("lambda *things: 1 // 0")
        for _ in range(20):
            self.assertRaises(ZeroDivisionError, fail, *[Thing() for _ in range(50)])
        self.assertRaises(ZeroDivisionError, fail)  # rpyc holds the last traceback
        del fail
        self.assert_nothing_left()

    def test_in_threads(self) -> None:
        """Objects that die in several threads are given back, while a `BgServingThread` serves."""
        serving = BgServingThread(self.conn)
        self.addCleanup(serving.stop)

        def work() -> None:
            for _ in range(25):
                self.make(20)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assert_nothing_left()


globals().update(with_each_kind(RefcountBehaviour))


class _Noting:
    """A socket that notes what is sent, and how it is set."""

    def __init__(self, sock: socket.socket, sent: list[bytes]) -> None:
        self._sock = sock
        self._sent = sent
        self.options: list[tuple[int, ...]] = []

    def setsockopt(self, *option: int) -> None:
        self.options.append(option)
        self._sock.setsockopt(*option)

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)

    def send(self, data: bytes) -> int:
        self._sent.append(bytes(data))
        return self._sock.send(data)


class DeletingTests(BlockingTestCase):
    kind = TXRPYC

    def setUp(self) -> None:
        super().setUp()
        self.conn = self.classic()
        self.things = [self.conn.eval("lambda: 1") for _ in range(100)]
        self.writes: list[bytes] = []
        # The one place where bytes go from here to the socket.
        transport = self.conn.protocol.transport
        self.socket = transport.socket = _Noting(transport.socket, self.writes)
        self.conn.protocol.outflow.attach(transport)

    def test_nothing_is_sent_by_deleting(self) -> None:
        """Deleting 100 netrefs sends nothing; the next call takes along what is to be given back."""
        session = self.conn.protocol.session
        held = len(session.borrowed)
        self.things = None
        gc.collect()
        self.assertEqual(self.writes, [])
        self.assertEqual(self.conn.eval("1 + 1"), 2)
        self.assertEqual(len(self.writes), 1)
        self.assertEqual(len(session.borrowed), held - 100)

    def test_no_delay(self) -> None:
        """Where the system can, acknowledgements hurry after a release: rpyc's servers answer no sooner."""
        if not hasattr(socket, "TCP_QUICKACK"):
            raise SkipTest("acknowledgements cannot be hurried here")
        self.conn.eval("1 + 1")
        self.assertEqual(self.socket.options, [])
        self.things = None
        gc.collect()
        self.conn.eval("1 + 1")
        self.assertEqual(self.socket.options, [(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)])
