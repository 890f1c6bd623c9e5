"""Values that cannot be sent, and objects that lie about themselves: one call fails, and nothing else."""

from __future__ import annotations

import sys

import txrpyc
from tests.blocking.kinds import TXRPYC, BlockingTestCase, with_each_kind
from tests.core.strange import STRANGE
from txrpyc import EncodingError

UNENCODABLE = {
    "a lone surrogate": "text\udc80",
    "one in a tuple": (1, ("text\udc80",)),
    "an int past the digit limit": 10**5000,
}


class UnencodableBehaviour:
    def setUp(self) -> None:
        super().setUp()
        self.conn = self.classic()
        self.echo = self.conn.eval("lambda *values: values[0]")

    def assert_works(self) -> None:
        self.assertEqual(self.echo("still here"), "still here")

    def test_argument(self) -> None:
        """An argument that cannot be sent fails that call here, by saying why."""
        for name, value in UNENCODABLE.items():
            error = self.assertRaises(EncodingError, self.echo, object(), value)
            self.assertIsInstance(error, ValueError, name)
            self.assertRegex(str(error), "surrogate|digits")
            self.assertRaises(EncodingError, txrpyc.async_(self.echo), value)
            self.assert_works()

    def test_nothing_stays_lent(self) -> None:
        """What was to be sent along with it is not lent."""
        before = len(self.conn.protocol.session.lent)
        self.assertRaises(EncodingError, self.echo, object(), "\udc80")
        self.assertEqual(len(self.conn.protocol.session.lent), before)

    def test_result_of_a_callback(self) -> None:
        """A callback's result that cannot be sent is an exception for the peer."""
        self.conn.execute(
            "def attempt(f):\n    try: return f()\n    except ValueError as error: return type(error).__name__"
        )
        attempt = self.conn.namespace["attempt"]
        for name, value in UNENCODABLE.items():
            self.assertEqual(attempt(lambda value=value: value), "ValueError", name)
            self.assert_works()

    def test_too_long(self) -> None:
        """What is longer than the limit fails that call here, and says how to raise it."""
        self.conn._config["max_frame"] = 10_000
        error = self.assertRaises(EncodingError, self.echo, b"x" * 10_001)
        self.assertIn("max_frame", str(error))
        self.assert_works()

    def test_strange_objects(self) -> None:
        """Objects whose ``__class__``, ``__name__`` or ``__repr__`` raises travel there and back."""
        for name, value in STRANGE.items():
            self.assertIs(self.echo(value), value, name)
            self.assert_works()

    def test_strange_objects_fail_their_own_calls(self) -> None:
        """What such an object raises when the peer looks at it is the peer's exception."""
        result = txrpyc.async_(self.conn.builtins.repr)(STRANGE["unprintable"])
        result.wait()
        self.assertTrue(result.error)
        self.assert_works()

    def test_strange_objects_of_callbacks(self) -> None:
        """A callback may give such objects, and raise with them."""
        call = self.conn.eval("lambda f: f() and None")

        def fail(value: object) -> None:
            raise LookupError(value)

        for name, value in STRANGE.items():
            self.assertIsNone(call(lambda value=value: (value,)), name)
            self.assertRaises(LookupError, call, lambda value=value: fail(value))
            self.assert_works()


globals().update(with_each_kind(UnencodableBehaviour))


class UnencodableResultBehaviour:
    """What the server cannot send. The real rpyc drops the connection then."""

    def setUp(self) -> None:
        super().setUp()
        self.conn = self.classic()

    def test_result(self) -> None:
        """A result that cannot be sent is an exception here, and the connection goes on."""
        for text in ("'text\\\udc80'", "10 ** 5000", "('\\\udc80', object())"):
            error = self.assertRaises(ValueError, self.conn.eval, text)
            self.assertRegex(str(error), "surrogate|digits")
            self.assertEqual(self.conn.eval("1 + 1"), 2)

    def test_too_long(self) -> None:
        """So is one that is longer than the server's limit."""
        self.conn.root.getconn().config["max_frame"] = 10_000
        error = self.assertRaises(ValueError, self.conn.eval, "b'x' * 10001")
        self.assertIn("max_frame", str(error))
        self.assertEqual(self.conn.eval("1 + 1"), 2)

    def test_strange_objects(self) -> None:
        """Objects of the server's that raise, whatever they are asked, arrive as netrefs."""
        self.conn.execute(f"import sys\nsys.path[:0] = {sys.path!r}\nfrom tests.core.strange import STRANGE")
        for name in STRANGE:
            held = self.conn.eval(f"STRANGE[{name!r}]")
            self.assertIsInstance(held, txrpyc.BaseNetref)
            self.assertTrue(self.conn.eval(f"lambda value: value is STRANGE[{name!r}]")(held))
        self.assertEqual(self.conn.eval("1 + 1"), 2)


globals().update(with_each_kind(UnencodableResultBehaviour, (TXRPYC,)))


class FrameLimitTests(BlockingTestCase):
    def test_received(self) -> None:
        """A message that is longer than our limit ends the connection, and says why."""
        peer_limit = self.keep(txrpyc.connect_thread(config={"max_frame": 10_000}, remote_service=_Long))
        error = self.assertRaises(EOFError, peer_limit.root.long)
        self.assertIn("max_frame", str(error))


class _Long(txrpyc.Service):
    def exposed_long(self) -> bytes:
        return b"x" * 20_000
