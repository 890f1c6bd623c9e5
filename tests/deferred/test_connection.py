"""A connection: getting ready, giving up waiting, closing; and what those who wait learn."""

from __future__ import annotations

import itertools
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout

from tests.deferred.pairs import Pair, PairTestCase, verbs
from txrpyc.core.consts import Verb
from txrpyc.deferred import Service, remotely
from txrpyc.errors import ConfigurationError, ConnectionLost, EncodingError, PingError


class Slow(Service):
    """A service that answers when it is told to."""

    def __init__(self) -> None:
        self.owed: list[Deferred[Any]] = []

    def exposed_later(self, *_arguments: Any) -> Deferred[Any]:
        self.owed.append(Deferred())
        return self.owed[-1]

    def exposed_endless(self) -> Any:
        return itertools.count()

    def public(self) -> str:
        return "public"

    def exposed_now(self) -> str:
        return "now"


class Thing:
    """Something to be lent."""


class ConnectionTestCase(PairTestCase):
    def setUp(self) -> None:
        self.slow = Slow()
        self.joined(self.slow)
        self.near, self.far = self.pair.near, self.pair.far

    def later(self, *arguments: Any) -> Any:
        """Call what is not answered yet."""
        return self.begin(lambda: self.near.root.later(*arguments))


class GivingUpTests(ConnectionTestCase):
    def assert_clean(self) -> None:
        """The late answer arrives; nothing is left of it, and the connection goes on."""
        self.assertEqual(self.near.protocol.waiting, 0)
        self.slow.owed.pop().callback(Thing())
        self.assertEqual(self.pair.lent, 2)
        self.pair.settle()
        self.assertEqual(self.pair.lent, 1)
        self.assertEqual(len(self.near.protocol.session.borrowed), 1)
        self.assertEqual(self.result(lambda: self.near.root.now()), "now")

    def test_cancel(self) -> None:
        """A cancelled call fails, and what its late answer brings is given back."""
        call = self.later()
        call.cancel()
        self.failureResultOf(call, CancelledError)
        self.assert_clean()

    def test_timeout(self) -> None:
        """A call that is given a timeout fails when that has passed."""
        call = self.later().addTimeout(5, self.pair.clock)
        self.pair.clock.advance(4.9)
        self.assertNoResult(call)
        self.pair.clock.advance(0.2)
        self.failureResultOf(call, DeferredTimeout)
        self.assert_clean()

    def test_late_error(self) -> None:
        """A late error is dropped."""
        self.later().addErrback(lambda failure: failure.trap(CancelledError)).cancel()
        self.slow.owed.pop().errback(ValueError())
        self.pair.settle()
        self.assertEqual(self.result(lambda: self.near.root.now()), "now")

    def test_in_time(self) -> None:
        """An answer in time ends the timeout."""
        call = self.later().addTimeout(5, self.pair.clock)
        self.slow.owed.pop().callback(7)
        self.pair.settle()
        self.assertEqual(self.successResultOf(call), 7)
        self.assertEqual(self.pair.clock.getDelayedCalls(), [])

    def test_coroutine(self) -> None:
        """Cancelling what waits for a path or in a coroutine stops it where it is."""
        for work in (lambda: self.near.root.later.name.more(1), lambda: remotely.len(self.near.root.later.x)):
            deferred = work()
            self.assertEqual(self.near.protocol.waiting, 1)
            deferred.cancel()
            self.failureResultOf(deferred, CancelledError)
            self.assertEqual(self.near.protocol.waiting, 0)
            self.pair.settle()
            self.assertEqual(self.pair.lent, 1)

    def test_iteration(self) -> None:
        """Cancelling what iterates stops it, and gives the iterator back."""

        async def read() -> None:
            async for _item in self.near.root.endless():
                await self.near.root.later()

        reading = self.begin(read)
        self.assertEqual((len(self.slow.owed), self.pair.lent), (1, 2))
        reading.cancel()
        self.failureResultOf(reading, CancelledError)
        self.pair.settle()
        self.assert_clean()

    def test_many(self) -> None:
        """Of many calls, those that are not cancelled get their answers."""
        calls = [self.near.root.later(number) for number in range(100)]
        self.pair.settle()
        for call in calls[::2]:
            call.addErrback(lambda failure: failure.trap(CancelledError)).cancel()
        for number, owed in enumerate(self.slow.owed):
            owed.callback(number)
        self.pair.settle()
        self.assertEqual([self.successResultOf(call) for call in calls[1::2]], list(range(1, 100, 2)))


class LossTests(ConnectionTestCase):
    def test_loss(self) -> None:
        """Everything that waits fails once, saying why; so does everything asked later. Nothing stays lent."""
        calls = [self.later(Thing()) for _ in range(3)]
        lost = self.near.when_lost()
        self.far.protocol.transport.loseConnection()
        self.pair.settle()
        for call in [*calls, self.near.root.now(), self.near.ping(), remotely.len(self.near.root.thing)]:
            error = self.failureResultOf(call, ConnectionLost).value
            self.assertIn("connection was closed", str(error))
        self.assertIsInstance(self.successResultOf(lost), ConnectionLost)
        self.assertIsInstance(self.successResultOf(self.near.when_lost()), ConnectionLost)
        self.assertTrue(self.near.closed and self.far.closed)
        self.assertEqual(len(self.pair.clients.connections) + len(self.pair.servers.connections), 0)

    def test_nothing_is_lent_afterwards(self) -> None:
        """What is passed in a call that comes too late, and in an answer that does, is not kept."""
        call = self.later()
        self.near.protocol.abort()
        self.pair.settle()
        for failed in (call, self.near.root.later(Thing())):
            self.failureResultOf(failed, ConnectionLost)
        self.slow.owed.pop().callback(Thing())
        for side in (self.near, self.far):
            self.assertEqual(len(side.protocol.session.lent), 0)

    def test_errback_asks_again(self) -> None:
        """Who asks again when its call fails is told at once, and only once."""
        retried: list[Any] = []
        self.later().addErrback(lambda _failure: retried.append(self.near.root.now()))
        self.near.protocol.abort()
        self.pair.settle()
        self.failureResultOf(retried.pop(), ConnectionLost)

    def test_close(self) -> None:
        """`close` tells the peer, and fires when the connection is gone; also the second time."""
        call = self.later()
        closing = self.begin(self.near.close)
        self.assertIsNone(self.successResultOf(closing))
        self.assertEqual(verbs(self.pair.near_line.messages())[-1], Verb.CLOSE)
        self.failureResultOf(call, ConnectionLost)
        self.assertIsNone(self.successResultOf(self.near.close()))
        self.assertEqual(self.pair.clock.getDelayedCalls(), [])

    def test_close_of_a_deaf_peer(self) -> None:
        """A peer that takes no note of a close is given two seconds."""
        closing = self.near.close()
        self.pair.clock.advance(1.9)
        self.assertFalse(self.pair.near_line.disconnecting)
        self.pair.clock.advance(0.2)
        self.assertTrue(self.pair.near_line.disconnecting)
        self.pair.settle()
        self.assertIsNone(self.successResultOf(closing))


class UseTests(ConnectionTestCase):
    def test_ping(self) -> None:
        """A ping comes back, with any data that can be sent; if not the same, that is a PingError."""
        for data in ("ping", b"", (1, None), bytes(5000)):
            self.assertIsNone(self.result(lambda data=data: self.near.ping(data)))
        self.error(lambda: self.near.ping(float("nan")), PingError)

    def test_not_ready(self) -> None:
        """Before the root is there, asking for it says what to wait for; all who wait are told."""
        self.pair = Pair(Slow)
        error = self.assertRaises(ConnectionLost, lambda: self.pair.near.root)
        self.assertIn("when_ready", str(error))
        waiting = [self.pair.near.when_ready() for _ in range(2)]
        self.pair.settle()
        for ready in waiting:
            self.assertIs(self.successResultOf(ready), self.pair.near)
        self.assertEqual(verbs(self.pair.near_line.messages()), [Verb.GETROOT])

    def test_never_ready(self) -> None:
        """If the connection is lost before, waiting for the root fails."""
        self.pair = Pair(Slow)
        waiting = [self.pair.near.when_ready() for _ in range(2)]
        self.pair.far.protocol.abort()
        self.pair.near_line.stream.clear()
        self.pair.settle()
        for ready in [*waiting, self.pair.near.when_ready()]:
            self.failureResultOf(ready, ConnectionLost)

    def test_unsendable(self) -> None:
        """What cannot be sent fails that call, or is the error that the caller gets; the connection goes on."""
        self.error(lambda: self.near.root.later("\udc80"), EncodingError)
        self.error(lambda: self.near.root.later(10**5000), EncodingError)
        call = self.later()
        self.slow.owed.pop().callback(("\udc80", Thing()))
        self.pair.settle()
        self.assertIn("surrogate", str(self.failureResultOf(call, ValueError).value))
        self.assertEqual(self.pair.lent, 1)
        self.assertEqual(self.near.protocol.waiting, 0)
        self.assertEqual(self.result(lambda: self.near.root.now()), "now")

    def test_unawaited_arguments(self) -> None:
        """A path, a call or a coroutine as an argument is refused with a hint: it should have been awaited."""
        for argument in (self.near.root.thing, Deferred(), self.later()):
            for given in (argument, (1, argument)):
                error = self.error(lambda given=given: self.near.root.later(given), EncodingError)
                self.assertIn("await", str(error))

    def test_rules(self) -> None:
        """The rules can be changed while the connection is there."""
        self.error(lambda: self.near.root.public(), AttributeError)
        self.far.rules = self.far.rules.changed(allow_public_attrs=True)
        self.assertEqual(self.result(lambda: self.near.root.public()), "public")
        self.assertRaises(ConfigurationError, self.far.rules.changed, nonsense=True)

    def test_facts(self) -> None:
        """A connection tells its peer, and in its repr whether it is open."""
        self.assertIs(self.near.peer, self.pair.near_line.getPeer())
        self.assertIn("open", repr(self.near))
        self.near.protocol.abort()
        self.pair.settle()
        self.assertIn("closed", repr(self.near))
