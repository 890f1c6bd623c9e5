"""Deadlines of the Deferred face, by `addTimeout`: they hold within a tenth, and the connection works afterwards."""

from __future__ import annotations

import builtins
import contextlib
import gc
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import Any
from unittest import SkipTest

from twisted.internet import reactor
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IHostnameResolver
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from zope.interface import implementer

from tests.core.cores import Side, frame
from tests.deferred.network import NetworkTestCase
from tests.lateness import BLOB, Stopwatch, full_port, late_server, stopped
from txrpyc.core.consts import REPLY, Verb
from txrpyc.deferred import ClientService, connect

SECONDS = 0.3


class Thing:
    pass


class CallTests(NetworkTestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        self.server = late_server()
        endpoint = f"tcp:127.0.0.1:{self.server.port}"
        self.other = await self.dial(endpoint)
        self.conn = await self.dial(endpoint, config={"high_water": 1 << 30})
        self.root = self.conn.root
        self.before = await self.sizes()

    async def sizes(self) -> tuple[int, ...]:
        """Give how much this side and the other have lent and borrowed."""
        gc.collect()
        tables = await self.root.tables()
        session = self.conn.protocol.session
        return len(session.lent), len(session.borrowed), *tables

    async def check(
        self, call: Callable[[], Deferred[Any]], trouble: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        """Call while there is trouble; the deadline holds, the connection works, and nothing is left."""
        for watch in Stopwatch(self, SECONDS):
            with trouble():
                late = call()
                with watch.measure():
                    await self.assertFailure(late.addTimeout(SECONDS, reactor), TimeoutError)
            await self.other.root.open(self.id())
            self.assertEqual(await self.root.length("abc"), 3)
            await self.other.root.shut(self.id())
        del late
        await self.nothing_left()

    async def nothing_left(self) -> None:
        """Wait until all that was lent and borrowed is given back."""
        while await self.sizes() != self.before:
            pass
        self.assertEqual(self.conn.protocol.waiting, 0)
        self.assertEqual(list(self.conn.protocol.outflow._frames), [])

    async def test_busy(self) -> None:
        """A busy peer; what its late answers refer to is given back."""
        await self.check(lambda: self.root.late(self.id(), Thing()))

    async def test_way(self) -> None:
        """A call of something that is asked for first, while the peer is stopped."""
        await self.check(lambda: self.root.late.nothing("abc"), lambda: stopped(self.server.process))

    async def test_stopped(self) -> None:
        """A stopped peer."""
        await self.check(lambda: self.root.length("abc"), lambda: stopped(self.server.process))

    async def test_full(self) -> None:
        """A stopped peer and 100 MiB, of which the rest is sent when it goes on; and a call behind that."""
        await self.check(lambda: self.root.length(BLOB), lambda: stopped(self.server.process))

        def behind() -> Deferred[Any]:
            self.root.length(BLOB).addErrback(lambda failure: self.fail(failure))
            return self.root.length("abc")

        await self.check(behind, lambda: stopped(self.server.process))

    async def test_held_back(self) -> None:
        """Calls that were not even sent, as too much was, are never sent, and their arguments are not kept."""
        conn = await self.dial(f"tcp:127.0.0.1:{self.server.port}")
        with stopped(self.server.process):
            first = conn.root.length(BLOB)
            while not conn.protocol.outflow.full:
                await deferLater(reactor, 0)
            for watch in Stopwatch(self, SECONDS):
                calls = [conn.root.late(self.id(), Thing()).addTimeout(SECONDS, reactor) for _ in range(1000)]
                with watch.measure():
                    for call in calls:
                        await self.assertFailure(call, TimeoutError)
            del call, calls
            gc.collect()
            self.assertEqual([found for found in gc.get_objects() if type(found) is Thing], [])
        self.assertEqual(await first, len(BLOB))
        self.assertEqual((await conn.root.length("abc"), conn.protocol.waiting), (3, 0))

    async def test_many(self) -> None:
        """10,000 deadlines leave nothing pending, and their late answers no references."""
        calls = [self.root.late(self.id(), Thing()).addTimeout(0.01, reactor) for _ in range(10_000)]
        for call in calls:
            await self.assertFailure(call, TimeoutError)
        del call, calls
        self.assertEqual(self.conn.protocol.waiting, 0)
        await self.other.root.open(self.id())
        await self.nothing_left()


class Answering(Protocol):
    """Answers each request with its number; with half a frame from when `half` is set."""

    def connectionMade(self) -> None:
        self.side = Side(inspects=False)
        self.half = False
        self.rest = b""

    def dataReceived(self, data: bytes) -> None:
        for event in self.side.session.receive_data(data):
            answer = frame(REPLY, event.sequence, (1, event.sequence))  # type: ignore[attr-defined]
            if self.half:
                answer, self.rest = answer[:9], answer[9:]
            self.transport.write(answer)  # type: ignore[union-attr]


class FrameTests(NetworkTestCase):
    async def test_half_a_frame(self) -> None:
        """A peer that stops in the middle of a frame, the rest of which is taken when it comes."""
        peer = Answering()
        factory = Factory.forProtocol(lambda: peer)
        port: Any = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(factory)
        self.addCleanup(port.stopListening)
        connection = await connect(f"tcp:127.0.0.1:{port.getHost().port}")
        self.addCleanup(connection.protocol.abort)
        for watch in Stopwatch(self, SECONDS):
            peer.half = True
            call = connection.request(Verb.GETROOT)
            with watch.measure():
                await self.assertFailure(call.addTimeout(SECONDS, reactor), TimeoutError)
            peer.half = False
            peer.transport.write(peer.rest)  # type: ignore[union-attr]
            self.assertGreater(await connection.request(Verb.GETROOT), 1)
        self.assertEqual(connection.protocol.waiting, 0)


@implementer(IHostnameResolver)
class NoResolver:
    """A name server that does not answer."""

    def resolveHostName(self, receiver: Any, *question: Any, **more: Any) -> None:
        receiver.resolutionBegan(None)


class ConnectTests(NetworkTestCase):
    async def check(self, endpoint: str) -> None:
        for watch in Stopwatch(self, SECONDS):
            with watch.measure():
                await self.assertFailure(connect(endpoint, timeout=SECONDS), builtins.TimeoutError)

    def silent(self) -> socket.socket:
        """Give a listener whose system accepts, and which says nothing."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        return listener

    def assert_hung_up(self, listener: socket.socket) -> None:
        """The peer is not left with a connection that nobody uses."""
        accepted, _address = listener.accept()
        with accepted:
            accepted.settimeout(30)
            with contextlib.suppress(ConnectionResetError):
                while accepted.recv(1000):
                    pass

    async def test_no_answer(self) -> None:
        """A port that does not answer at all."""
        await self.check(f"tcp:127.0.0.1:{full_port(self)}")

    async def test_silent(self) -> None:
        """A port that accepts and says nothing."""
        listener = self.silent()
        await self.check(f"tcp:127.0.0.1:{listener.getsockname()[1]}")
        await deferToThread(self.assert_hung_up, listener)

    async def test_kept(self) -> None:
        """The attempts of a ClientService have a deadline, too."""
        listener = self.silent()
        service = ClientService(f"tcp:127.0.0.1:{listener.getsockname()[1]}", timeout=SECONDS)
        service.startService()
        self.addCleanup(service.stopService)
        for watch in Stopwatch(self, SECONDS):
            with watch.measure():
                await self.assertFailure(service.whenConnected(1), builtins.TimeoutError)

    async def test_name_server(self) -> None:
        """A name server that does not answer."""
        installed = reactor.installNameResolver(NoResolver())  # type: ignore[attr-defined]
        self.addCleanup(reactor.installNameResolver, installed)  # type: ignore[attr-defined]
        await self.check("tcp:some.host:18812")

    async def test_tls(self) -> None:
        """A TLS handshake that stalls."""
        if find_spec("OpenSSL") is None:
            raise SkipTest("this needs pyOpenSSL: pip install 'txrpyc[tls]'")
        listener = self.silent()
        await self.check(f"tls:localhost:{listener.getsockname()[1]}")
        await deferToThread(self.assert_hung_up, listener)
