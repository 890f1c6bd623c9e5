"""The little reactor: descriptors and timers, as Twisted's do it."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IReactorFDSet, IReactorTime
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from txrpyc.blocking import little_reactor
from txrpyc.blocking.little_reactor import LittleReactor, SelectPoller


class End:
    """An end of a socket pair that notes what it is called for."""

    def __init__(self, sock: socket.socket, reactor: LittleReactor) -> None:
        self.sock = sock
        self.reactor = reactor
        self.seen: list[object] = []
        self.answer: Callable[[], object] = lambda: None

    def fileno(self) -> int:
        return self.sock.fileno()

    def doRead(self) -> object:
        self.seen.append(self.sock.recv(100))
        return self.answer()

    def doWrite(self) -> object:
        self.seen.append("room")
        return self.answer()

    def connectionLost(self, reason: Failure) -> None:
        self.sock.close()
        self.reactor.removeReader(self)
        self.reactor.removeWriter(self)
        self.seen.append(reason.type)


class ReactorTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = LittleReactor()
        ours, self.theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(self.theirs.close)
        self.end = End(ours, self.reactor)

    def turn(self) -> None:
        self.reactor.call_due(None)
        self.reactor.handle(self.reactor.poll(0))


class DescriptorTests(ReactorTestCase):
    def test_interfaces(self) -> None:
        """It is what Twisted's transports expect."""
        verifyObject(IReactorFDSet, self.reactor)
        verifyObject(IReactorTime, self.reactor)

    def test_reads(self) -> None:
        """A reader is called for input, until it is removed; adding it twice makes no difference."""
        self.reactor.addReader(self.end)
        self.reactor.addReader(self.end)
        self.turn()
        self.theirs.send(b"x")
        self.turn()
        self.reactor.removeReader(self.end)
        self.theirs.send(b"y")
        self.turn()
        self.assertEqual(self.end.seen, [b"x"])

    def test_writes(self) -> None:
        """A writer is called when there is room, until it is removed."""
        self.reactor.addWriter(self.end)
        self.turn()
        self.reactor.removeWriter(self.end)
        self.turn()
        self.assertEqual(self.end.seen, ["room"])

    def test_both(self) -> None:
        """What reads and writes is called for both at once, and goes on with one when the other is removed."""
        self.reactor.addReader(self.end)
        self.reactor.addWriter(self.end)
        self.theirs.send(b"x")
        self.turn()
        self.reactor.removeWriter(self.end)
        self.theirs.send(b"y")
        self.turn()
        self.assertEqual(self.end.seen, [b"x", "room", b"y"])

    def test_all(self) -> None:
        """All can be told, and removed at once."""
        self.reactor.addReader(self.end)
        self.reactor.addWriter(self.end)
        self.assertEqual((self.reactor.getReaders(), self.reactor.getWriters()), ([self.end], [self.end]))
        self.assertEqual(self.reactor.removeAll(), [self.end])
        self.assertEqual((self.reactor.getReaders(), self.reactor.getWriters()), ([], []))
        self.theirs.send(b"x")
        self.turn()
        self.assertEqual(self.end.seen, [])

    def test_ends(self) -> None:
        """A descriptor that says why it is of no use any more is told so, and forgotten."""
        self.reactor.addReader(self.end)
        self.reactor.addWriter(self.end)
        self.end.answer = ConnectionDone
        self.theirs.send(b"x")
        self.turn()
        self.turn()
        self.assertEqual(self.end.seen, [b"x", ConnectionDone])
        self.assertEqual(self.reactor.removeAll(), [])

    def test_removed_by_another(self) -> None:
        """What another descriptor removes in the same turn is not called."""
        other, far = socket.socketpair()
        self.addCleanup(other.close)
        self.addCleanup(far.close)
        ends = [self.end, End(other, self.reactor)]
        for end in ends:
            self.reactor.addReader(end)
            end.answer = lambda: self.reactor.removeAll() and None
        self.theirs.send(b"x")
        far.send(b"x")
        self.turn()
        self.assertEqual(sorted(map(len, (end.seen for end in ends))), [0, 1])

    def test_closed_by_another(self) -> None:
        """Nor is it disconnected, whatever was to be told of it."""
        self.reactor.addWriter(self.end)
        self.reactor.handle([(self.end.fileno() + 1, select.POLLHUP), (self.end.fileno() + 1, select.POLLIN)])
        self.assertEqual(self.end.seen, [])

    def test_patient(self) -> None:
        """It can wait for any time."""
        self.reactor.addWriter(self.end)
        self.assertEqual(len(self.reactor.poll(1e12)), 1)

    def test_failing(self) -> None:
        """A descriptor that raises is closed, and logged; the others go on."""
        self.end.answer = lambda: {}["missing"]
        self.reactor.addReader(self.end)
        self.theirs.send(b"x")
        self.turn()
        self.assertEqual(self.end.seen, [b"x", KeyError])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)


class Pipe:
    """An end of a pipe whose other end is closed."""

    def __init__(self, number: int, reactor: LittleReactor) -> None:
        self.number = number
        self.reactor = reactor
        self.lost: list[Any] = []

    def fileno(self) -> int:
        return self.number

    def doRead(self) -> object:
        raise AssertionError("there is nothing to read")

    doWrite = doRead

    def connectionLost(self, reason: Failure) -> None:
        self.reactor.removeReader(self)
        self.reactor.removeWriter(self)
        os.close(self.number)
        self.lost.append(reason.type)


class HangUpTests(SynchronousTestCase):
    def test_reader(self) -> None:
        """A reader with nothing to read any more learns that the other end was closed."""
        reading, writing = os.pipe()
        os.close(writing)
        self.assertEqual(self.lost_by(reading, LittleReactor.addReader), [ConnectionDone])

    def test_writer(self) -> None:
        """What only writes learns that nobody reads it."""
        reading, writing = os.pipe()
        os.close(reading)
        self.assertEqual(self.lost_by(writing, LittleReactor.addWriter), [ConnectionLost])

    def lost_by(self, number: int, add: Callable[[LittleReactor, Any], None]) -> list[Any]:
        reactor = LittleReactor()
        end = Pipe(number, reactor)
        add(reactor, end)
        reactor.handle(reactor.poll(0))
        return end.lost


class WithSelectTests(DescriptorTests):
    """The same, where there is no poll()."""

    def setUp(self) -> None:
        self.patch(little_reactor, "_make_poller", SelectPoller)
        super().setUp()

    def test_waits(self) -> None:
        """It waits no longer than it may, and as long as it must."""
        self.reactor.addReader(self.end)
        self.assertEqual(self.reactor.poll(0.001), [])
        self.theirs.send(b"x")
        self.assertEqual(self.reactor.poll(None), [(self.end.fileno(), select.POLLIN)])


class TimerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 0.0
        self.reactor = LittleReactor()
        self.reactor.seconds = lambda: self.now  # type: ignore[method-assign]
        self.seen: list[object] = []

    def test_in_order(self) -> None:
        """Timers are called when they are due, the soonest first, with their arguments."""
        self.reactor.callLater(2, self.seen.append, "second")
        self.reactor.callLater(1, self.seen.append, "first")
        self.assertEqual(self.reactor.call_due(None), 1.0)
        self.assertEqual(self.reactor.call_due(0.5), 0.5)
        self.now = 1.5
        self.assertEqual(self.reactor.call_due(None), 0.0)
        self.assertEqual(self.seen, ["first"])
        self.assertEqual(self.reactor.call_due(None), 0.5)
        self.now = 2.0
        self.reactor.call_due(None)
        self.assertEqual(self.seen, ["first", "second"])
        self.assertIsNone(self.reactor.call_due(None))

    def test_cancelled(self) -> None:
        """A cancelled timer is not called, nor waited for."""
        self.reactor.callLater(2, self.seen.append, "second")
        self.reactor.callLater(1, self.seen.append, "first").cancel()
        self.assertEqual(len(self.reactor.getDelayedCalls()), 1)
        self.assertEqual(self.reactor.call_due(None), 2.0)

    def test_moved(self) -> None:
        """A timer can be set to another time, sooner or later."""
        for moved in (1, 9):
            self.reactor.callLater(4, self.seen.append, "other")
            self.reactor.callLater(5, self.seen.append, moved).reset(moved)
        self.assertEqual(self.reactor.call_due(None), 1.0)
        for self.now in (1.0, 4.0, 5.0, 9.0):
            self.reactor.call_due(None)
        self.assertEqual(self.seen, [1, "other", "other", 9])

    def test_set_by_a_timer(self) -> None:
        """A timer that is set for at once by another is called before anything is waited for."""
        self.reactor.callLater(0, self.reactor.callLater, 0, self.seen.append, "at once")
        while self.reactor.call_due(None) == 0.0:
            pass
        self.assertEqual(self.seen, ["at once"])

    def test_failing(self) -> None:
        """One that fails is logged, and the others are called; a KeyboardInterrupt reaches the caller."""
        self.reactor.callLater(0, {}.__getitem__, "missing")
        self.reactor.callLater(0, self.seen.append, "called")
        self.reactor.call_due(None)
        self.assertEqual(self.seen, ["called"])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

        def interrupted() -> None:
            raise KeyboardInterrupt

        self.reactor.callLater(0, interrupted)
        self.assertRaises(KeyboardInterrupt, self.reactor.call_due, None)

    def test_many_cancelled(self) -> None:
        """Cancelled timers do not pile up."""
        for _ in range(1000):
            self.reactor.callLater(1000, self.fail).cancel()
        self.assertLess(len(self.reactor._timers), 200)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_close(self) -> None:
        """After closing there are no timers, and none is active."""
        call = self.reactor.callLater(1, self.fail)
        self.reactor.close()
        self.assertFalse(call.active())
        self.assertIsNone(self.reactor.call_due(None))
