"""The wrappers around callable netrefs: `async_`, `timed`, `buffiter`."""

from __future__ import annotations

import gc
import time
import weakref

from twisted.trial.unittest import SynchronousTestCase

from tests.blocking.kinds import UNIT, with_each_kind
from txrpyc import AsyncResult, AsyncResultTimeout, async_, buffiter, timed


class AsyncBehaviour:
    def setUp(self) -> None:
        super().setUp()
        self.conn = self.classic()

    def test_returns_at_once(self) -> None:
        """The call gives its result's handle while the peer is still at it."""
        wait, open_gate = self.gate(self.conn)
        result = async_(wait)()
        self.assertIsInstance(result, AsyncResult)
        self.assertFalse(result.ready)
        open_gate()
        self.assertEqual(result.value, "open")

    def test_sleep(self) -> None:
        """RPyC's own example: a sleep at the peer that nobody waits for."""
        before = time.monotonic()
        result = async_(self.conn.modules.time.sleep)(3 * UNIT)
        self.assertFalse(result.ready)
        self.assertIsNone(result.value)
        self.assertGreaterEqual(time.monotonic() - before, 3 * UNIT)

    def test_repr(self) -> None:
        """The wrapper shows what it wraps."""
        self.assertEqual(repr(async_(self.conn.modules.time.sleep)), "async_(<built-in function sleep>)")

    def test_cached(self) -> None:
        """The wrapper of a netref is the same as long as somebody holds it, and no longer."""
        sleep = self.conn.modules.time.sleep
        wrapper = async_(sleep)
        self.assertIs(async_(sleep), wrapper)
        self.assertIs(async_(wrapper), wrapper)
        reference = weakref.ref(wrapper)
        del wrapper
        gc.collect()
        self.assertIsNone(reference())

    def test_unkept(self) -> None:
        """The wrapper, the function and the result's handle need not be kept."""
        self.assertEqual(async_(self.conn.eval("lambda n: n + 1"))(1).value, 2)
        self.conn.execute("seen = []")
        async_(self.conn.eval("seen.append"))("kept")
        gc.collect()
        self.assertEqual(self.conn.eval("seen[0]"), "kept")

    def test_arguments(self) -> None:
        """Positional and named arguments arrive, objects too."""
        result = async_(self.conn.eval("lambda a, b=0, *rest, c: (a, b, rest, c())"))(1, 2, 3, c=lambda: "called")
        self.assertEqual(result.value, (1, 2, (3,), "called"))

    def test_cannot_be_called(self) -> None:
        """A netref of what cannot be called is a TypeError that names it and its class."""
        error = self.assertRaises(TypeError, async_, self.conn.eval("[1, 2]"))
        self.assertIn("[1, 2]", str(error))
        self.assertIn("list", str(error))

    def test_timed_in_time(self) -> None:
        """What takes three of six units of time comes."""
        sleep = timed(self.conn.modules.time.sleep, 6 * UNIT)
        result = sleep(3 * UNIT)
        self.assertIsNone(result.value)
        self.assertFalse(result.expired)

    def test_timed_too_late(self) -> None:
        """What takes ten of six units of time raises `AsyncResultTimeout` after the six."""
        sleep = timed(self.conn.modules.time.sleep, 6 * UNIT)
        before = time.monotonic()
        result = sleep(10 * UNIT)
        self.assertRaises(AsyncResultTimeout, getattr, result, "value")
        self.assertTrue(6 * UNIT <= time.monotonic() - before < 10 * UNIT)
        self.assertTrue(result.expired)

    def test_timed_repr(self) -> None:
        """The wrapper shows what it wraps, and its seconds."""
        sleep = self.conn.modules.time.sleep
        self.assertEqual(repr(timed(sleep, 6)), "timed(<built-in function sleep>, 6)")

    def test_timed_without_end(self) -> None:
        """A time of None never expires."""
        wait, open_gate = self.gate(self.conn)
        result = timed(wait, None)()
        open_gate()
        self.assertEqual(result.value, "open")

    def test_buffiter(self) -> None:
        """All items come, in order, fetched in chunks."""
        numbers = self.conn.eval("list(range(57))")
        self.assertEqual(list(buffiter(numbers, chunk=3, max_chunk=11)), list(range(57)))
        self.assertEqual(list(buffiter(self.conn.eval("iter('')"))), [])
        self.assertRaises(ValueError, next, buffiter(numbers, factor=0))

    def test_expires_while_the_peer_calls(self) -> None:
        """A wait ends at its deadline also while the peer keeps calling."""
        self.conn.execute("def call_on(f):\n    while f(): pass")
        end = time.monotonic() + 10 * UNIT
        nosy = timed(self.conn.namespace["call_on"], UNIT)(lambda: time.monotonic() < end)
        self.assertRaises(AsyncResultTimeout, getattr, nosy, "value")
        self.assertLess(time.monotonic(), end)
        end = 0


globals().update(with_each_kind(AsyncBehaviour))


class WrongArgumentTests(SynchronousTestCase):
    def test_not_a_netref(self) -> None:
        """What is no netref is a TypeError that shows it."""
        for wrap in (async_, lambda value: timed(value, 1)):
            error = self.assertRaises(TypeError, wrap, print)
            self.assertIn(repr(print), str(error))
            self.assertIn("netref", str(error))
