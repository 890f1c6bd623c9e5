"""The outflow of the Deferred face: what goes straight to the socket, what is collected, and when that is sent."""

from __future__ import annotations

import errno
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.deferred.pairs import Line
from tests.test_outflow import Socket
from txrpyc.deferred.outflow import TurnOutflow


class TurnTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.attach()

    def attach(self, room: float = float("inf")) -> None:
        self.clock = Clock()
        self.socket = Socket(room)
        self.outflow = TurnOutflow(lambda function: None, lambda function: self.clock.callLater(0, function))
        self.outflow.attach(self.socket)

    def test_first(self) -> None:
        """The first frame goes straight to the socket, and the next one, too, if a read was handled between them."""
        for number in b"123":
            self.outflow.send(bytes([number]))
            self.outflow.reading = True
            self.outflow.uncork(True)
        self.assertEqual(self.socket.taken, [b"1", b"2", b"3"])

    def test_collected(self) -> None:
        """Frames behind the first are one write in the next iteration, however they are written."""
        self.outflow.send(b"1")
        self.outflow.send(b"2")
        self.outflow.write([b"3", b"4"])
        self.outflow.send(b"5")
        self.assertEqual(self.socket.taken, [b"1"])
        self.clock.advance(0)
        self.assertEqual(self.socket.taken, [b"1", b"2345"])
        self.outflow.send(b"6")
        self.assertEqual(self.socket.taken[2:], [b"6"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_reading(self) -> None:
        """What comes of a read is sent at its end, without another iteration; of one message, the first at once."""
        self.outflow.reading = True
        for number in b"123":
            self.outflow.send(bytes([number]))
        self.assertEqual(self.socket.taken, [b"1"])
        self.outflow.uncork(True)
        corked = self.outflow.cork(True)
        for number in b"456":
            self.outflow.send(bytes([number]))
        self.outflow.uncork(corked)
        self.assertEqual(self.socket.taken, [b"1", b"23", b"456"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_many(self) -> None:
        """Many frames do not wait; all arrive in order."""
        for number in range(200):
            self.outflow.send(bytes([number]))
        self.assertTrue(100 < len(self.socket.data) < 200)
        self.assertTrue(len(self.socket.taken) < 10)
        self.clock.advance(0)
        self.assertEqual(self.socket.data, bytes(range(200)))

    def test_flush(self) -> None:
        """What has collected can be sent at any time."""
        self.outflow.send(b"1")
        self.outflow.send(b"2")
        self.outflow.flush()
        self.assertEqual(self.socket.taken, [b"1", b"2"])
        self.clock.advance(0)
        self.assertEqual(self.socket.taken, [b"1", b"2"])

    def test_partial(self) -> None:
        """What the socket does not take is pulled by the transport; later frames go behind it, then straight again."""
        for room in range(8):
            self.attach(room)
            for data in (b"one", b"two", b"three"):
                self.outflow.send(data)
            self.clock.advance(0)
            self.assertEqual(self.socket.data, b"onetwothree"[:room])
            self.socket.drain()
            self.assertEqual(self.socket.data, b"onetwothree")
            self.assertFalse(self.outflow.handed_over)
            self.outflow.uncork(True)
            self.outflow.send(b"four")
            self.assertEqual(self.socket.taken[-1], b"four")

    def test_lost(self) -> None:
        """What is written after the loss is dropped, whoever noticed it, and so is what has collected."""

        def breaks() -> None:
            raise OSError(errno.EBADF, "closed")

        self.outflow.send(b"1")
        self.outflow.send(b"2")
        self.outflow.lose()
        self.outflow.uncork(True)
        self.outflow.send(b"3")
        self.clock.advance(0)
        self.assertEqual(self.socket.taken, [b"1"])
        self.attach()
        self.socket.meanwhile = breaks
        self.outflow.send(b"1")
        self.socket.meanwhile = lambda: None
        self.outflow.uncork(True)
        self.outflow.send(b"2")
        self.assertEqual(self.socket.taken, [])

    def test_written_while_writing(self) -> None:
        """A write in the middle of a write, by a destructor say, does not cut in, even if only a part is taken."""
        for room in (2, float("inf")):
            self.attach(room)
            left = [b"b", b"a"]

            def meanwhile(left: list[bytes] = left) -> None:
                if left:
                    self.outflow.send(left.pop())

            self.socket.meanwhile = meanwhile
            self.outflow.send(b"onetwo")
            self.clock.advance(0)
            self.socket.drain()
            self.assertEqual(self.socket.data, b"onetwoab")

    def test_unattached(self) -> None:
        """What is written before there is a transport goes first; behind it, frames go straight."""
        outflow: Any = TurnOutflow(lambda function: None, lambda function: self.clock.callLater(0, function))
        outflow.send(b"1")
        outflow.send(b"2")
        self.clock.advance(0)
        outflow.attach(self.socket)
        outflow.send(b"3")
        self.assertEqual(self.socket.taken, [b"12", b"3"])

    def test_own_queue(self) -> None:
        """A transport that is not a plain socket gets the first frame at once, and the others together."""
        line = Line(None, True)
        self.outflow.attach(line)
        for number in b"1234":
            self.outflow.send(bytes([number]))
        self.assertEqual(line.writes, [b"1"])
        self.clock.advance(0)
        self.assertEqual(line.writes, [b"1", b"234"])
