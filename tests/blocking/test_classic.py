"""Classic mode: the peer's modules, builtins and namespace, and its code run for us."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import txrpyc
from tests.blocking.kinds import RPYC_6, TXRPYC, UNIT, BlockingTestCase, with_each_kind
from txrpyc.classic import ClassicService, SlaveService


class ClassicBehaviour:
    def setUp(self) -> None:
        super().setUp()
        self.conn = self.classic()

    def test_modules(self) -> None:
        """Modules of the peer are found by attribute and by name, dotted ones too."""
        self.assertNotEqual(self.conn.modules.os.getpid(), os.getpid())
        self.assertEqual(self.conn.modules.os.path.join("a", "b"), "a/b")
        self.assertEqual(self.conn.modules["xml.dom.minidom"].__name__, "xml.dom.minidom")
        self.assertIn("os", self.conn.modules)
        self.assertNotIn("there_is_no_such_module", self.conn.modules)
        self.assertRaises(AttributeError, getattr, self.conn.modules, "there_is_no_such_module")
        self.assertRaises(ImportError, self.conn.modules.__getitem__, "there_is_no_such_module")

    def test_sleep(self) -> None:
        """A call returns when the peer's function has."""
        clock = self.conn.modules.time.monotonic
        before = clock()
        self.assertIsNone(self.conn.modules.time.sleep(UNIT))
        self.assertGreaterEqual(clock() - before, UNIT)

    def test_builtins(self) -> None:
        """The peer's builtins work on the peer's objects."""
        numbers = self.conn.builtins.list((1, 2, 3))
        self.assertEqual(self.conn.builtins.sum(numbers), 6)
        self.assertEqual(self.conn.builtin.len(numbers), 3)

    def test_execute_and_eval(self) -> None:
        """Code runs at the peer, in a namespace that both sides see."""
        self.conn.execute("import sys\ndef double(x): return 2 * x\nnumber = double(21)")
        self.assertEqual(self.conn.eval("number"), 42)
        self.assertEqual(self.conn.namespace["number"], 42)
        self.assertEqual(self.conn.namespace["double"]("ab"), "abab")
        self.conn.namespace["word"] = "from here"
        self.assertEqual(self.conn.eval("word.upper()"), "FROM HERE")
        self.assertRaises(SyntaxError, self.conn.execute, "no code")

    def test_namespace_is_the_connections(self) -> None:
        """Another connection has a namespace of its own."""
        self.conn.execute("mine = 1")
        self.assertRaises(NameError, self.classic().eval, "mine")

    def test_values(self) -> None:
        """Every type that travels by value arrives as what it was."""
        values = (
            None, NotImplemented, ..., True, 0, -(1 << 70), 1.5, float("inf"), 2j, "", "ä€\0", b"\0\xff", (1, ("a",)),
            frozenset((1, 2)), slice(1, None, 2),
        )  # fmt: skip
        echo = self.conn.eval("lambda value: (value, type(value).__name__)")
        for value in values:
            self.assertEqual(echo(value), (value, type(value).__name__))

    def test_local_functions(self) -> None:
        """The peer calls what it was given, with positional and named arguments."""
        apply = self.conn.eval("lambda f, *args, **kwargs: f(*args, **kwargs)")
        self.assertEqual(apply(lambda a, b=0, *, c: (a, b, c), 1, b=2, c=3), (1, 2, 3))

    def test_identity(self) -> None:
        """An object that travels there and back is itself, at both sides."""
        here, echo = object(), self.conn.eval("lambda value: value")
        self.assertIs(echo(here), here)
        there = self.conn.eval("[]")
        self.assertIs(echo(there), there)
        self.assertTrue(self.conn.eval("lambda a, b: a is b")(there, there))

    def test_ping_and_repr(self) -> None:
        """A connection can be pinged, and tells whether it is open."""
        self.conn.ping()
        self.conn.ping("data", timeout=30)
        self.assertIn("open", repr(self.conn))
        self.conn.close()
        self.assertIn("closed", repr(self.conn))
        self.assertTrue(self.conn.closed)

    def test_context(self) -> None:
        """A connection closes at the end of its ``with``."""
        with self.classic() as conn:
            self.assertFalse(conn.closed)
        self.assertTrue(conn.closed)


globals().update(with_each_kind(ClassicBehaviour))


class UnixBehaviour:
    def test_unix_connect(self) -> None:
        """A service on a unix socket is served like one on a port."""
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder, "socket"))
            peer = self.kind.start("service_server.py", path)
            self.addCleanup(peer.stop)
            conn = self.keep(txrpyc.unix_connect(path))
            self.assertEqual(conn.root.add(1, 2), 3)
            self.assertRaises(FileNotFoundError, txrpyc.unix_connect, f"{path}-missing")


globals().update(with_each_kind(UnixBehaviour, (TXRPYC, RPYC_6)))


class HereTests(BlockingTestCase):
    """Both sides in this process."""

    def test_connect_thread(self) -> None:
        """A classic connection to a thread of this process sees this process."""
        conn = self.keep(txrpyc.classic.connect_thread())
        self.assertEqual(conn.modules.os.getpid(), os.getpid())
        self.assertEqual(conn.eval("1 + 1"), 2)

    def test_unix_connect(self) -> None:
        """`txrpyc.classic.unix_connect` finds a classic server on a unix socket."""
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder, "socket"))
            server = txrpyc.ThreadedServer(SlaveService, socket_path=path)
            self.addCleanup(server._start_in_thread().join)
            self.addCleanup(server.close)
            self.assertEqual(self.keep(txrpyc.classic.unix_connect(path)).eval("6 * 7"), 42)

    def test_both_directions(self) -> None:
        """A classic client offers what it asks for: the server may use its modules as well."""
        seen = []

        class Curious(ClassicService):
            def on_connect(self, conn: txrpyc.Connection) -> None:
                super().on_connect(conn)
                seen.append(conn.modules.os.getpid())

        conn = self.keep(txrpyc.connect_thread(ClassicService, remote_service=Curious))
        while not seen:
            conn.serve()
        self.assertEqual(seen, [os.getpid()])

    def test_refused(self) -> None:
        """Connecting to a port where nobody listens raises what a socket does."""
        server = txrpyc.ThreadedServer(SlaveService, hostname="127.0.0.1")
        server.close()
        self.assertRaises(ConnectionRefusedError, txrpyc.classic.connect, "127.0.0.1", server.port)
