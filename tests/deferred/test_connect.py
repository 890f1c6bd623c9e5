"""`connect`: its arguments, its failures, and peers of either dialect."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, serverFromString
from twisted.internet.error import ConnectingCancelledError, ConnectionRefusedError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

import txrpyc
from tests.core.cores import frame
from tests.deferred.network import NetworkTestCase, real_server
from tests.deferred.pairs import Line
from txrpyc.core.consts import REPLY, REQUEST, Verb
from txrpyc.core.envelope import Dialect
from txrpyc.deferred import Connection, Service, connect, remotely
from txrpyc.errors import ConfigurationError, ConnectionLost


class Named(Service):
    """A client's service."""

    exposed_name = "client"


class Asking(Service):
    """A service whose clients are asked for their name as they come."""

    async def on_connect(self, conn: Connection) -> None:
        await conn.when_ready()
        self.exposed_client = await conn.root.name

    async def exposed_ask(self, other: Any) -> str:
        return await other.name


class ConnectTests(NetworkTestCase):
    async def test_description(self) -> None:
        """The endpoint may be a description; TCP and unix sockets work alike."""
        folder = TemporaryDirectory()  # of a short path, as a socket's must be
        self.addCleanup(folder.cleanup)
        for described in ("tcp:0:interface=127.0.0.1", f"unix:{folder.name}/socket"):
            connection = await self.dial(await self.serve(endpoint=described))
            self.assertIsInstance(connection, Connection)
            self.assertEqual(await connection.root.add(1, 2), 3)

    async def test_endpoint(self) -> None:
        """The endpoint may be an object."""
        port = int((await self.serve()).rpartition(":")[2])
        connection = await self.dial(TCP4ClientEndpoint(reactor, "127.0.0.1", port))
        self.assertEqual(await connection.root.add(1, 2), 3)
        self.assertEqual(connection.peer.port, port)

    async def test_service(self) -> None:
        """The client's service, a class or an instance, is what the server's connection has as root."""
        endpoint = await self.serve(Asking())
        instance = Named()
        instance.exposed_name = "instance"
        for service, name in ((Named, "client"), (instance, "instance")):
            connection = await self.dial(endpoint, service)
            self.assertEqual(await connection.root.ask(instance), "instance")
            self.assertEqual(await connection.root.client, name)

    async def test_config(self) -> None:
        """The settings are this side's rules."""
        connection = await self.dial(await self.serve(), config={"max_frame": 12345})
        self.assertEqual(connection.rules.max_frame, 12345)

    async def test_failing_greeting(self) -> None:
        """If the client's own `on_connect` fails that is logged, and there is no connection."""

        class Failing(Service):
            def on_connect(self, conn: Connection) -> None:
                raise ZeroDivisionError

        await self.assertFailure(connect(await self.serve(), Failing), ConnectionLost)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_refused(self) -> None:
        """A connection that cannot be made fails with the endpoint's error."""
        port = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(Factory())
        number = port.getHost().port
        await port.stopListening()
        await self.assertFailure(connect(f"tcp:127.0.0.1:{number}"), ConnectionRefusedError)

    async def test_hung_up(self) -> None:
        """A peer that hangs up at once, or does not speak RPyC, is ConnectionLost."""
        for greeting, word in ((b"", "closed"), (b"SSH-2.0-OpenSSH\r\n", "frame")):

            class Rude(Protocol):
                def connectionMade(self, greeting: bytes = greeting) -> None:
                    self.transport.write(greeting)
                    self.transport.loseConnection()

            port = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(Factory.forProtocol(Rude))
            self.addCleanup(port.stopListening)
            error = await self.assertFailure(connect(f"tcp:127.0.0.1:{port.getHost().port}"), ConnectionLost)
            self.assertIn(word, str(error))

    async def test_dialects(self) -> None:
        """A server of either major is found out, unless the configuration tells which it is."""
        for version in ("6.0.2", "5.3.1"):
            for told in (None, int(version[0])):
                connection = await self.dial(real_server(version), Named, {"protocol_version": told})
                self.assertEqual(await connection.root.add(1, 2), 3)
                self.assertEqual(await remotely.len(connection.root.thing), 3)
                self.assertIs(connection.protocol.session.dialect, Dialect(int(version[0])))
                await connection.close()

    async def test_wrong_dialect(self) -> None:
        """A server that is told to be of the other major hangs up, and that is ConnectionLost."""
        await self.assertFailure(connect(real_server("5.3.1"), config={"protocol_version": 6}), ConnectionLost)


class RefusedTests(SynchronousTestCase):
    def test_unknown_setting(self) -> None:
        """An unknown setting is an error that lists the known ones."""
        error = self.assertRaises(ConfigurationError, connect, "tcp:localhost:1", config={"alow_pickle": True})
        self.assertIn("alow_pickle", str(error))
        self.assertIn("allow_pickle", str(error))

    def test_blocking_service(self) -> None:
        """A service of the blocking face, or no service at all, is refused: its methods would block the reactor."""
        for service in (txrpyc.Service, txrpyc.Service(), txrpyc.VoidService, int, object()):
            error = self.assertRaises(ConfigurationError, connect, "tcp:localhost:1", service)
            self.assertIn("txrpyc.deferred.Service", str(error))

    def test_bad_description(self) -> None:
        """A description that Twisted cannot read is a ValueError."""
        self.assertRaises(ValueError, connect, "nonsense:localhost:1", reactor=Clock())

    def test_given_reactor(self) -> None:
        """The reactor that is given is the one that connects."""
        from twisted.internet.testing import MemoryReactorClock

        memory = MemoryReactorClock()
        connecting = connect("tcp:127.0.0.1:18812", reactor=memory)
        self.assertEqual([call[:2] for call in memory.tcpClients], [("127.0.0.1", 18812)])
        connecting.cancel()
        self.failureResultOf(connecting, ConnectingCancelledError)


class Dialled:
    """An endpoint whose connections are made by hand, to a peer that is played by hand."""

    def __init__(self) -> None:
        self.dials: list[tuple[Any, Deferred[Any]]] = []
        self.cancelled = 0

    def connect(self, factory: Any) -> Deferred[Any]:
        def cancel(_deferred: Any) -> None:
            self.cancelled += 1

        self.dials.append((factory, Deferred(cancel)))
        return self.dials[-1][1]

    def accept(self) -> Line:
        """Let the last dial succeed."""
        factory, made = self.dials[-1]
        self.protocol = factory.buildProtocol(None)
        line = Line(self.protocol, False)
        self.protocol.makeConnection(line)
        made.callback(self.protocol)
        return line


class RedialTests(SynchronousTestCase):
    """A server of rpyc 5 answers our first message in its own way, and hangs up."""

    def setUp(self) -> None:
        self.endpoint, self.clock = Dialled(), Clock()
        self.connecting = connect(self.endpoint, reactor=self.clock)
        self.first = self.endpoint.accept()
        (asked,) = self.first.messages()
        self.assertEqual((asked[0], asked[2][0]), (REQUEST, Verb.GETROOT))
        self.endpoint.protocol.dataReceived(frame(REQUEST, 7, (int(Verb.CLOSE), (2, ())), Dialect.V5))
        self.assertTrue(self.first.disconnecting)
        self.ping = self.endpoint.protocol.request(Verb.PING, "meanwhile")
        self.first.reportDisconnect()

    def redialled(self) -> None:
        self.clock.advance(0)
        self.assertEqual(len(self.endpoint.dials), 2)

    def test_redial(self) -> None:
        """All that was asked, also meanwhile, is asked again in the other dialect, once and in order."""
        self.redialled()
        self.endpoint.protocol.request(Verb.PING, "later")
        second = self.endpoint.accept()
        self.endpoint.protocol.request(Verb.PING, "last")
        self.clock.advance(0)
        data = b"".join(second.writes)
        self.assertEqual(data[5], 0x12)
        asked = second.messages()
        verbs = [body[0] for _message, _sequence, body in asked]
        self.assertEqual(verbs, [Verb.GETROOT, Verb.PING, Verb.PING, Verb.PING])
        self.assertEqual([sequence for _m, sequence, _b in asked], [0, 1, 2, 3])
        self.assertEqual(self.first.writes, [])
        self.endpoint.protocol.dataReceived(frame(REPLY, 0, (4, ("module.Class", 16, 32)), Dialect.V5))
        self.assertIsInstance(self.successResultOf(self.connecting), Connection)

    def test_redial_fails(self) -> None:
        """If the second connection cannot be made, everything that waits is told both reasons."""
        self.redialled()
        self.endpoint.dials[-1][1].errback(ConnectionRefusedError())
        for waiting in (self.connecting, self.ping):
            text = str(self.failureResultOf(waiting, ConnectionLost).value)
            self.assertIn("5.3", text)
            self.assertIn("refused", text)

    def test_cancelled(self) -> None:
        """Cancelling gives up the second connection, too."""
        self.redialled()
        self.connecting.cancel()
        self.failureResultOf(self.connecting, CancelledError)
        self.assertEqual(self.endpoint.cancelled, 1)
        self.failureResultOf(self.ping, ConnectionLost)

    def test_cancelled_between(self) -> None:
        """Cancelled between the two connections, it makes no second one."""
        self.connecting.cancel()
        self.failureResultOf(self.connecting, CancelledError)
        self.clock.advance(0)
        self.assertEqual(len(self.endpoint.dials), 1)
        self.failureResultOf(self.ping, ConnectionLost)


class CancelTests(SynchronousTestCase):
    def test_cancelled_later(self) -> None:
        """Cancelling drops a connection that was made, while its root is waited for."""
        endpoint = Dialled()
        connecting = connect(endpoint, reactor=Clock())
        line = endpoint.accept()
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.assertTrue(line.disconnecting)
        line.reportDisconnect()
