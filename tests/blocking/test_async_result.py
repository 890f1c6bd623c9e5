"""`AsyncResult`: a call that is under way, and ends exactly once."""

from __future__ import annotations

import threading
import time

from tests.blocking.kinds import PATIENCE, UNIT, Waiting, with_each_kind
from txrpyc import AsyncResult, AsyncResultTimeout, BgServingThread, async_

_FAR = 1000.0


class AsyncResultBehaviour:
    def setUp(self) -> None:
        super().setUp()
        self.conn = self.classic()
        self.seen: list[object] = []

    def pending(self) -> tuple[AsyncResult, object]:
        """Give a result that is pending, and a function that lets it end."""
        wait, open_gate = self.gate(self.conn)
        return async_(wait)(), open_gate

    def failing(self) -> AsyncResult:
        return async_(self.conn.eval("lambda: {}['gone']"))()

    # What it tells.

    def test_value(self) -> None:
        """A result becomes ready, holds its value, and gives it as often as it is asked."""
        result, open_gate = self.pending()
        self.assertEqual((result.ready, result.error, result.expired), (False, False, False))
        open_gate()
        self.until(lambda: result.ready)
        self.assertEqual((result.error, result.expired), (False, False))
        self.assertEqual((result.value, result.value), ("open", "open"))

    def test_wait(self) -> None:
        """Waiting gives nothing, and may be repeated."""
        result = async_(self.conn.eval("lambda: 5"))()
        self.assertIsNone(result.wait())
        self.assertIsNone(result.wait())
        self.assertTrue(result.ready)

    def test_object(self) -> None:
        """The value may be an object of the peer's."""
        numbers = async_(self.conn.builtins.list)((1, 2)).value
        numbers.append(3)
        self.assertEqual(list(numbers), [1, 2, 3])

    def test_error(self) -> None:
        """An exception is raised by the value, with its builtin class and the peer's traceback; not by waiting."""
        result = self.failing()
        result.wait()
        self.assertEqual((result.ready, result.error, result.expired), (True, True, False))
        error = self.assertRaises(KeyError, getattr, result, "value")
        self.assertEqual(error.args, ("gone",))
        self.assertIn("Remote Traceback", str(error))
        self.assertIn("<lambda>", str(error))
        self.assertRaises(KeyError, getattr, result, "value")

    def test_repr(self) -> None:
        """The repr tells the state: pending, ready, error or expired."""
        result, open_gate = self.pending()
        self.assertIn("AsyncResult", repr(result))
        self.assertIn("(pending)", repr(result))
        open_gate()
        result.wait()
        self.assertIn("(ready)", repr(result))
        failing = self.failing()
        failing.wait()
        self.assertIn("(error)", repr(failing))
        expired, _open_gate = self.pending()
        expired.set_expiry(0)
        self.assertIn("(expired)", repr(expired))

    # Expiry.

    def test_expiry(self) -> None:
        """After its time a result is expired, and both waiting and the value raise `AsyncResultTimeout`."""
        result, _open_gate = self.pending()
        before = time.monotonic()
        result.set_expiry(UNIT)
        self.assertFalse(result.expired)
        self.assertIsInstance(self.assertRaises(AsyncResultTimeout, result.wait), TimeoutError)
        self.assertGreaterEqual(time.monotonic() - before, UNIT)
        self.assertRaises(AsyncResultTimeout, getattr, result, "value")
        self.assertEqual((result.ready, result.error, result.expired), (False, False, True))

    def test_expiry_changed(self) -> None:
        """A later time, or none at all, replaces the former."""
        result, open_gate = self.pending()
        result.set_expiry(UNIT / 10)
        result.set_expiry(_FAR)
        result.set_expiry(UNIT / 10)
        result.set_expiry(None)
        time.sleep(UNIT / 5)
        self.assertFalse(result.expired)
        open_gate()
        self.assertEqual(result.value, "open")

    def test_expiry_after_the_end(self) -> None:
        """What has ended does not expire."""
        result = async_(self.conn.eval("lambda: 5"))()
        result.wait()
        result.set_expiry(0)
        self.assertFalse(result.expired)
        self.assertEqual(result.value, 5)

    def test_late_reply(self) -> None:
        """A reply that comes after the expiry changes nothing."""
        result, open_gate = self.pending()
        result.add_callback(lambda result: self.seen.append(result.expired))
        result.set_expiry(0)
        self.assertTrue(result.expired)
        open_gate()
        self.assertEqual(self.conn.eval("'after'"), "after")
        self.assertEqual((result.ready, result.expired, self.seen), (False, True, [True]))
        self.assertRaises(AsyncResultTimeout, getattr, result, "value")

    def test_sync_timeout(self) -> None:
        """A call that takes longer than the setting `sync_request_timeout` raises `AsyncResultTimeout` as well."""
        wait, open_gate = self.gate(self.conn)
        self.conn._config["sync_request_timeout"] = UNIT
        self.assertRaises(AsyncResultTimeout, wait)
        open_gate()
        self.conn._config["sync_request_timeout"] = None
        self.assertEqual(wait(), "open")

    # Callbacks.

    def test_callbacks(self) -> None:
        """Callbacks are called once, in the order in which they were added, with the result."""
        result, open_gate = self.pending()
        for number in range(3):
            result.add_callback(lambda result, number=number: self.seen.append((number, result)))
        open_gate()
        result.wait()
        self.assertEqual(self.seen, [(0, result), (1, result), (2, result)])

    def test_callback_after_the_end(self) -> None:
        """A callback that is added after the end is called at once."""
        result = async_(self.conn.eval("lambda: 5"))()
        result.wait()
        result.add_callback(lambda result: self.seen.append(result.value))
        self.assertEqual(self.seen, [5])

    def test_callback_for_error(self) -> None:
        """Callbacks are called for an exception."""
        result = self.failing()
        result.add_callback(lambda result: self.seen.append(result.error))
        result.wait()
        self.assertEqual(self.seen, [True])

    def test_callback_for_expiry(self) -> None:
        """Callbacks are called for an expiry, by who waits for it."""
        result, _open_gate = self.pending()
        result.add_callback(lambda result: self.seen.append(result.expired))
        result.set_expiry(UNIT)
        self.assertRaises(AsyncResultTimeout, result.wait)
        self.assertEqual(self.seen, [True])

    def test_callback_for_expiry_in_the_background(self) -> None:
        """A `BgServingThread` calls them when the time has come, though nobody looks and nothing arrives."""
        result, _open_gate = self.pending()
        expired = threading.Event()
        serving = BgServingThread(self.conn)
        self.addCleanup(serving.stop)
        result.add_callback(lambda result: expired.set())
        result.set_expiry(UNIT)
        self.assertTrue(expired.wait(PATIENCE))
        self.assertTrue(result.expired)

    def test_callback_for_loss(self) -> None:
        """Callbacks are called when the connection is lost; the result is an error, and an EOFError."""
        peer = self.own_peer()
        self.conn = self.classic(peer)
        wait, _open_gate = self.gate(self.conn, peer)
        result = async_(wait)()
        result.add_callback(lambda result: self.seen.append((result.ready, result.error)))
        peer.stop()
        result.wait()
        self.assertEqual(self.seen, [(True, True)])
        self.assertRaises(EOFError, getattr, result, "value")

    def test_callback_raises(self) -> None:
        """A callback that raises is logged; the others are called, and the connection goes on."""
        result, open_gate = self.pending()
        result.add_callback(lambda result: 1 // 0)
        result.add_callback(lambda result: self.seen.append(result.value))
        open_gate()
        result.wait()
        self.assertEqual(self.seen, ["open"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.conn.eval("1 + 1"), 2)

    def test_callback_calls(self) -> None:
        """A callback may call the peer, and wait."""
        result = async_(self.conn.eval("lambda: 5"))()
        result.add_callback(lambda result: self.seen.append(self.conn.eval(f"{result.value} * 2")))
        result.wait()
        self.assertEqual(self.seen, [10])

    # Many of them.

    def test_many_waiters(self) -> None:
        """Several threads may wait for one result."""
        result, open_gate = self.pending()
        waiting = [Waiting(lambda: result.value) for _ in range(5)]
        open_gate()
        self.assertEqual([waiter.result() for waiter in waiting], ["open"] * 5)

    def test_out_of_order(self) -> None:
        """Many results can be under way, and be asked for in any order."""
        double = async_(self.conn.eval("lambda n: 2 * n"))
        results = [double(number) for number in range(100)]
        self.assertEqual([result.value for result in reversed(results)], [2 * n for n in reversed(range(100))])


globals().update(with_each_kind(AsyncResultBehaviour))
