"""In a Twisted program: results that are awaited, and blocking calls that are refused in the reactor's thread."""

from __future__ import annotations

import contextlib
import faulthandler
import sys
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

import txrpyc
from tests.blocking.kinds import PATIENCE, TXRPYC, UNIT, Kind, with_each_kind
from txrpyc import AsyncResultTimeout, async_
from txrpyc.errors import WrongThread


class ReactorTestCase(TestCase):
    kind: Kind = TXRPYC

    def setUp(self) -> Deferred[None]:
        faulthandler.dump_traceback_later(3 * PATIENCE, exit=True, file=sys.__stderr__)
        self.addCleanup(faulthandler.cancel_dump_traceback_later)
        return ensureDeferred(self.prepare())

    async def prepare(self) -> None:
        await deferLater(reactor, 0)  # only now the reactor runs
        self.peer = self.kind.start_classic()
        self.addCleanup(self.peer.stop)
        self.conn = await self.connect()
        self.wait, self.open_gate = await deferToThread(self.make_gate)

    async def connect(self) -> Any:
        conn = await deferToThread(txrpyc.classic.connect, "127.0.0.1", self.peer.port)
        self.addCleanup(deferToThread, conn.close)
        return conn

    def make_gate(self) -> tuple[Any, Callable[[], None]]:
        other = txrpyc.classic.connect("127.0.0.1", self.peer.port)
        self.conn.execute("import builtins, threading\nbuiltins.gate = threading.Event()")

        def open_gate() -> None:
            with contextlib.suppress(EOFError):  # the peer may be dead by now
                other.eval("gate.set()")
            other.close()

        self.addCleanup(deferToThread, open_gate)
        return async_(self.conn.eval("lambda: gate.wait() and 'open'")), open_gate


class AwaitBehaviour:
    async def test_await(self) -> None:
        """A result is awaited in the reactor's thread, while the reactor goes on."""
        result = self.wait()
        await deferToThread(self.open_gate)
        self.assertEqual(await result, "open")
        self.assertEqual(await result, "open")

    async def test_deferred(self) -> None:
        """A result gives a Deferred that fires in the reactor's thread, each time a new one."""
        result = self.wait()
        first, second = result.deferred(), result.deferred(reactor)
        self.assertNoResult(first)
        await deferToThread(self.open_gate)
        self.assertEqual(await gatherResults([first, second]), ["open", "open"])

    async def test_error(self) -> None:
        """The Deferred fails with the peer's exception."""
        fail = await deferToThread(lambda: async_(self.conn.eval("lambda: {}['gone']")))
        with self.assertRaises(KeyError) as caught:
            await fail()
        self.assertIn("Remote Traceback", str(caught.exception))

    async def test_expiry(self) -> None:
        """The Deferred fails with `AsyncResultTimeout` when the result expires."""
        result = self.wait()
        result.set_expiry(UNIT)
        with self.assertRaises(AsyncResultTimeout):
            await result

    async def test_lost(self) -> None:
        """The Deferred fails with an EOFError when the connection is lost."""
        result = self.wait()
        awaited = result.deferred()
        self.peer.stop()
        with self.assertRaises(EOFError):
            await awaited
        self.assertTrue(result.error)

    async def test_cancelled(self) -> None:
        """A Deferred that is cancelled harms neither the result nor the others."""
        result = self.wait()
        cancelled, kept = result.deferred(), result.deferred()
        cancelled.cancel()
        await self.assertFailure(cancelled, CancelledError)
        await deferToThread(self.open_gate)
        self.assertEqual(await kept, "open")

    async def test_many(self) -> None:
        """Many can be awaited at once."""
        double = await deferToThread(lambda: async_(self.conn.eval("lambda n: 2 * n")))
        self.assertEqual(await gatherResults([double(n).deferred() for n in range(50)]), [2 * n for n in range(50)])


globals().update(with_each_kind(AwaitBehaviour, base=ReactorTestCase))


class WrongThreadTests(ReactorTestCase):
    def assert_refused(self, function: Callable[..., Any], *arguments: object) -> None:
        error = self.assertRaises(WrongThread, function, *arguments)
        self.assertRegex(str(error), "txrpyc.deferred|await")

    async def test_connect(self) -> None:
        """Connecting in the reactor's thread is refused, and the error says what to use."""
        self.assert_refused(txrpyc.connect, "127.0.0.1", self.peer.port)
        self.assert_refused(txrpyc.unix_connect, "nowhere")
        self.assert_refused(txrpyc.classic.connect, "127.0.0.1", self.peer.port)

    async def test_call(self) -> None:
        """Calling, reading an attribute, and everything else that waits for an answer is refused."""
        value = await deferToThread(self.conn.eval, "[1, 2]")
        self.assert_refused(self.conn.eval, "1 + 1")
        for function in (len, repr, iter, hash):
            self.assert_refused(function, value)
        self.assert_refused(getattr, value, "anything")

    async def test_wait(self) -> None:
        """Waiting for a result is refused as long as it is not there."""
        result = self.wait()
        self.assert_refused(result.wait)
        self.assert_refused(getattr, result, "value")
        await deferToThread(self.open_gate)
        await result
        self.assertEqual(result.value, "open")

    async def test_serving_and_closing(self) -> None:
        """So are serving and closing; the connection stays as it was."""
        for function in (self.conn.serve, self.conn.serve_all, self.conn.close, self.conn.ping):
            self.assert_refused(function)
        self.assertFalse(self.conn.closed)
        self.assertEqual(await deferToThread(self.conn.eval, "1 + 1"), 2)

    async def test_sending(self) -> None:
        """Sending a call and looking whether its result is there is no blocking, and allowed."""
        result = self.wait()
        self.assertIn("pending", repr(result))
        self.assertFalse(result.expired)
