"""The outflow: order, what the socket does not take, and that nobody ever waits for anybody."""

from __future__ import annotations

import errno
import gc
import hashlib
import socket
import threading
from time import monotonic
from typing import Any

from twisted.internet import reactor, tcp
from twisted.internet.defer import gatherResults
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.deferred.pairs import Line
from txrpyc.outflow import Outflow

MIB = 1 << 20


class Socket(tcp.Connection):
    """A plain transport whose socket takes as much as `room` says; it notes what it takes."""

    def __init__(self, room: float = float("inf")) -> None:
        self.room = room
        self.taken: list[bytes] = []
        self.buffered: list[bytes] = []
        self.pulled_from: Any = None
        self.meanwhile: Any = lambda: None
        self.socket = self

    def sendmsg(self, pieces: Any) -> int:
        return self.send(b"".join(pieces))

    def send(self, data: Any) -> int:
        self.meanwhile()
        size = int(min(self.room, len(data)))
        self.room -= size
        if size:
            self.taken.append(bytes(data[:size]))
        elif data:
            raise BlockingIOError(errno.EAGAIN, "full")
        return size

    def write(self, data: bytes) -> None:
        self.buffered.append(data)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert self.pulled_from is None and not streaming
        self.pulled_from = producer
        producer.resumeProducing()

    def unregisterProducer(self) -> None:
        self.pulled_from = None

    def drain(self) -> None:
        """Take all, as a reactor does when the socket has room again."""
        self.room = float("inf")
        while self.pulled_from is not None:
            self.taken += self.buffered
            self.buffered.clear()
            self.pulled_from.resumeProducing()

    @property
    def data(self) -> bytes:
        return b"".join(self.taken)


class OutflowTests(SynchronousTestCase):
    def attach(self, room: float = float("inf"), threaded: bool = False) -> None:
        self.soon: list[Any] = []
        self.socket = Socket(room)
        self.outflow = Outflow(self.soon.append, threaded)
        self.outflow.attach(self.socket)

    def test_direct(self) -> None:
        """While nothing is queued, frames go to the socket at once, and those of one call in one write."""
        self.attach()
        self.outflow.write([b"one", b"two"])
        self.outflow.write([])
        self.outflow.write([b"three"])
        self.assertEqual(self.socket.taken, [b"onetwo", b"three"])

    def test_partial(self) -> None:
        """What the socket does not take is pulled by the transport; later frames go behind it."""
        self.attach(room=4)
        self.outflow.write([b"onetwo"])
        self.assertEqual((self.socket.taken, self.outflow.handed_over), ([b"onet"], True))
        self.outflow.write([b"three"])
        self.assertEqual(self.socket.taken, [b"onet"])
        self.socket.drain()
        self.assertEqual((self.socket.data, self.outflow.handed_over), (b"onetwothree", False))

    def test_direct_again(self) -> None:
        """After the transport has drained, frames go straight to the socket again, any number of times."""
        self.attach(room=0)
        for number in range(3):
            self.outflow.write([b"queued%d" % number])
            self.socket.drain()
            self.outflow.write([b"direct%d" % number])
            self.assertEqual(self.socket.buffered, [])
            self.socket.room = 0
        self.assertEqual(self.socket.data, b"queued0direct0queued1direct1queued2direct2")

    def test_pieces(self) -> None:
        """The transport is given no more than a MiB at once, and small frames together."""
        self.attach(room=0)
        frames = [bytes([n % 256]) * size for n, size in enumerate([5 * MIB + 3, 10, 20, 2 * MIB, *[1000] * 3000])]
        self.outflow.write(frames)
        self.socket.drain()
        self.assertTrue(self.socket.data == b"".join(frames))
        self.assertTrue(max(map(len, self.socket.taken)) <= MIB)
        self.assertTrue(len(self.socket.taken) < 20)

    def test_corked(self) -> None:
        """What is written while it is corked is one write at the end, of the outermost."""
        self.attach()
        corked = self.outflow.cork(True)
        for _ in range(3):
            self.outflow.write([b"x"])
        again = self.outflow.cork(True)
        self.outflow.uncork(again)
        self.assertEqual(self.socket.taken, [])
        self.outflow.uncork(corked)
        self.assertEqual(self.socket.taken, [b"xxx"])

    def test_later(self) -> None:
        """What may be sent later goes with what is written next, or soon, by the flusher."""
        self.attach(threaded=True)
        self.outflow.write_later([b"one"])
        self.outflow.write_later([b"two"])
        self.outflow.write([b"three"])
        self.assertEqual(self.socket.data, b"onetwothree")
        sent = threading.Event()
        self.socket.meanwhile = sent.set
        self.outflow.write_later([b"four"])
        self.assertTrue(sent.wait(30))
        self.outflow.flush()
        self.assertEqual(self.socket.data, b"onetwothreefour")

    def test_later_and_long(self) -> None:
        """What is held back does not wait for more without an end."""
        self.attach(threaded=True)
        deadline = monotonic() + 30
        while not self.socket.taken and monotonic() < deadline:
            self.outflow.write_later([b"x"])
        self.assertTrue(self.socket.taken)

    def test_lost(self) -> None:
        """What is written after the loss is dropped, whoever noticed it."""

        def breaks() -> None:
            raise OSError(errno.EBADF, "closed")

        self.attach(room=0)
        self.outflow.write([bytes(MIB), b"one"])
        self.outflow.lose()
        self.outflow.write([b"two"])
        self.socket.drain()
        self.assertEqual(self.socket.data, bytes(MIB))
        self.attach()
        self.socket.meanwhile = breaks
        self.outflow.write([b"one"])
        self.socket.meanwhile = lambda: None
        self.outflow.write([b"two"])
        self.assertEqual(self.socket.taken, [])

    def test_stopped(self) -> None:
        """A transport that is lost while it drains takes no more."""
        self.attach(room=0)
        self.outflow.write([b"one"])
        self.outflow.lose()
        self.outflow.write([b"two"])
        self.assertEqual(self.socket.taken, [])

    def test_attach(self) -> None:
        """What was written before there was a transport goes first; what `detach` finds is forgotten."""
        self.outflow = Outflow(None, False)  # type: ignore[arg-type]
        self.outflow.write([b"lost"])
        self.outflow.detach()
        self.outflow.write([b"first"])
        for _twice in range(2):
            self.socket = Socket()
            self.outflow.attach(self.socket)
            self.outflow.write([b"second"])
            self.assertEqual(self.socket.data, b"firstsecond")
            self.outflow.detach()
            self.outflow.write([b"first"])

    def test_written_while_writing(self) -> None:
        """A write in the middle of a write, by a destructor say, neither waits nor cuts in."""
        self.attach()
        left = [b"b", b"a"]

        class Dying:
            def __del__(dying) -> None:
                self.outflow.write([b"<dead>"])

        def meanwhile() -> None:
            if left:
                circle: Any = Dying()
                circle.itself = circle
                del circle
                gc.collect()
                self.outflow.write([left.pop()])

        self.socket.meanwhile = meanwhile
        self.outflow.write([b"onetwo"])
        self.assertEqual(self.socket.data, b"onetwo<dead>a<dead>b")

    def test_another_thread(self) -> None:
        """Who finds another thread writing leaves its frames to that one, and goes on."""
        self.attach(threaded=True)
        corked = self.outflow.cork(True)
        other = threading.Thread(target=self.outflow.write, args=([b"theirs"],))
        other.start()
        other.join(30)
        self.assertFalse(other.is_alive())
        self.assertEqual(self.socket.taken, [])
        self.outflow.uncork(corked)
        self.assertEqual(self.socket.taken, [b"theirs"])

    def test_handed_to_the_reactor(self) -> None:
        """With threads, a transport's own methods are called in the reactor's thread only."""
        self.attach(threaded=True)
        for transport in (Socket(room=0), Line(None, True)):
            self.outflow.attach(transport)
            self.outflow.write([b"one"])
            self.outflow.write([b"two"])
            self.assertEqual((len(self.soon), transport.__dict__.get("buffered") or []), (1, []))
            self.soon.pop()()
            if isinstance(transport, Socket):
                transport.drain()
                self.assertEqual(transport.data, b"onetwo")
            else:
                self.assertEqual(transport.writes, [b"onetwo"])
            self.assertFalse(self.outflow.handed_over)

    def test_own_queue(self) -> None:
        """A transport that is not a plain socket gets everything by `write`, at once where there are no threads."""
        self.attach()
        line = Line(None, True)
        self.outflow.attach(line)
        self.outflow.write([b"one", b"two"])
        self.outflow.write([b"three"])
        self.assertEqual(line.writes, [b"onetwo", b"three"])

    def test_tls(self) -> None:
        """A plain transport that has started TLS is none any more: its socket is not to be written to."""
        encrypted = Socket()
        encrypted.TLS = True
        self.attach()
        self.outflow.attach(encrypted)
        self.outflow.write([b"secret"])
        self.assertEqual((encrypted.taken, encrypted.buffered), ([], [b"secret"]))


class RealSocketTests(TestCase):
    """With a real socket, the tests' reactor, and a reader in a thread."""

    def setUp(self) -> None:
        self.theirs, ours = socket.socketpair()
        self.addCleanup(self.theirs.close)
        ours.setblocking(False)
        protocols: list[Protocol] = []

        class Adopted(Factory):
            noisy = False

            def buildProtocol(self, addr: Any) -> Protocol:
                protocols.append(Protocol())
                return protocols[-1]

        reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, Adopted())
        ours.close()
        self.outflow = Outflow(reactor.callFromThread, True)
        self.outflow.attach(protocols[0].transport)
        self.addCleanup(protocols[0].transport.abortConnection)

    def read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            data += self.theirs.recv(min(1 << 16, size - len(data))) or b"?" * size
        return bytes(data)

    async def test_order(self) -> None:
        """Each thread's frames arrive in its order and none is cut, however many threads write at once."""
        frame, frames, threads = 100, 3000, 8

        def write(thread: int) -> None:
            for number in range(frames):
                self.outflow.write([bytes([thread]) + number.to_bytes(4, "big") + bytes([thread]) * (frame - 5)])

        writing = gatherResults([deferToThread(write, thread) for thread in range(threads)])
        data = await deferToThread(self.read, frame * frames * threads)
        await writing
        seen = [0] * threads
        for start in range(0, len(data), frame):
            thread = data[start]
            self.assertEqual(int.from_bytes(data[start + 1 : start + 5], "big"), seen[thread])
            self.assertEqual(data[start + 5 : start + frame], bytes([thread]) * (frame - 5))
            seen[thread] += 1
        self.assertEqual(seen, [frames] * threads)

    async def test_slow_reader(self) -> None:
        """A hundred MiB arrive intact at a reader that takes them bit by bit, and what is written behind them."""

        def digest() -> tuple[str, bytes]:
            sha = hashlib.sha256()
            for _ in range(100):
                sha.update(self.read(MIB))
            return sha.hexdigest(), self.read(3)

        data = hashlib.shake_256(b"seed").digest(MIB) * 90
        small = [data[n : n + 1024] for n in range(0, 10 * MIB, 1024)]
        self.outflow.write([data])
        for frame in small:
            self.outflow.write([frame])
        self.outflow.write([b"end"])
        self.assertTrue(self.outflow.handed_over)
        expected = hashlib.sha256(data + b"".join(small)).hexdigest()
        self.assertEqual(await deferToThread(digest), (expected, b"end"))
