"""Bound methods: one round trip a call, and otherwise netrefs like any other."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import txrpyc
from txrpyc.blocking.bound_method import BoundMethod
from txrpyc.blocking.connection import Connection
from txrpyc.core.consts import Verb


class Counter:
    """What the service gives: an object with a method, made anew for each call."""

    def __init__(self) -> None:
        self.exposed_step = 1

    def exposed_count(self, start: int) -> int:
        """Count one step."""
        return start + self.exposed_step

    def hidden(self) -> None:
        """Not exposed."""


class Shop(txrpyc.Service):
    """Gives counters, and takes methods back."""

    def exposed_make(self) -> Counter:
        """Make one."""
        return Counter()

    def exposed_name_of(self, method: Any) -> str:
        """Tell the name of a method of this side's, to show that it arrives as itself."""
        return str(method.__name__)


class Counted(Connection):
    """A connection that keeps the verbs that it sent."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.verbs: list[int] = []
        send = self.protocol.send

        def counting(answer: Any, verb: int, arguments: tuple[Any, ...], later: bool = False) -> None:
            self.verbs.append(verb)
            send(answer, verb, arguments, later)

        self.protocol.send = counting  # type: ignore[method-assign]


class CountedService(txrpyc.VoidService):
    """Makes such connections."""

    _protocol = Counted


class BoundMethodTests(SynchronousTestCase):
    """Against a service in a thread of this process."""

    def setUp(self) -> None:
        """Connect, and learn the two classes."""
        self.conn: Any = txrpyc.connect_thread(CountedService, {}, Shop, {})
        self.addCleanup(self.conn.close)
        self.assertEqual(self.conn.root.make().count(1), 2)

    def verbs(self) -> list[int]:
        """Give and forget the verbs that were sent."""
        sent, self.conn.verbs[:] = list(self.conn.verbs), []
        return sent

    def test_one_round_trip(self) -> None:
        """A call of a method of a new object of a known class is one request."""
        self.verbs()
        self.assertEqual(self.conn.root.make().count(5), 6)
        self.assertEqual(self.verbs(), [Verb.CALLATTR, Verb.CALLATTR])

    def test_attributes_are_asked_for(self) -> None:
        """What is no method is asked for each time; what is not exposed is refused as before."""
        counter = self.conn.root.make()
        self.verbs()
        self.assertEqual((counter.step, counter.step), (1, 1))
        self.assertEqual(self.verbs(), [Verb.GETATTR, Verb.GETATTR])
        self.assertFalse(hasattr(counter, "hidden"))
        self.assertFalse(hasattr(counter, "missing"))
        self.assertTrue(hasattr(counter, "count"))

    def test_passed_on(self) -> None:
        """Passed to the peer, it arrives as the peer's own method."""
        method = self.conn.root.make().count
        self.assertIs(type(method), BoundMethod)
        self.assertEqual(self.conn.root.name_of(method), "exposed_count")

    def test_async(self) -> None:
        """It can be called through async_, and kept after its owner."""
        call = txrpyc.async_(self.conn.root.make().count)
        self.assertEqual([call(number).value for number in range(3)], [1, 2, 3])

    def test_shown_and_compared(self) -> None:
        """It shows itself, compares and documents itself as the peer's method does."""
        counter = self.conn.root.make()
        self.assertIn("bound method Counter.exposed_count", repr(counter.count))
        self.assertEqual(counter.count, counter.count)
        self.assertNotEqual(counter.count, self.conn.root.make().count)
        self.assertEqual(counter.count.__doc__, "Count one step.")
        self.assertTrue(callable(counter.count))
