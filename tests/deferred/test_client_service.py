"""A client that stays connected: what it does when the connection is lost, or cannot be had."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.peers import Peer, python_of
from txrpyc.core.consts import Verb
from txrpyc.core.envelope import Dialect
from txrpyc.deferred import ClientService, ClientState, ServerFactory, Service
from txrpyc.errors import ConfigurationError, ConnectionLost

STOPPED, CONNECTING, CONNECTED, WAITING = ClientState


class Counter(Service):
    """Each connection has one of its own."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.number = type(self).made

    def exposed_number(self) -> int:
        return self.number

    def exposed_never(self) -> Deferred[None]:
        return Deferred()


class ClientServiceTests(TestCase):
    timeout = 120

    async def serve(self, port: int = 0) -> None:
        self.factory = ServerFactory(Counter)
        self.port: Any = await serverFromString(reactor, f"tcp:{port}:interface=127.0.0.1").listen(self.factory)
        self.addCleanup(self.end_server)

    async def end_server(self) -> None:
        await maybeDeferred(self.port.stopListening)
        await self.factory.close_all()

    def client(self, **options: Any) -> ClientService:
        """Make a client that is never far from its next attempt, and note its states."""
        place = f"tcp:127.0.0.1:{self.port.getHost().port}"
        client = ClientService(place, retry_policy=options.pop("retry_policy", lambda failures: 0.001), **options)
        self.states: list[ClientState] = []
        client.watch(self.states.append)
        self.addCleanup(client.stopService)
        return client

    def drop_all(self) -> None:
        for connection in tuple(self.factory.connections):
            connection.protocol.abort()

    async def until(self, client: ClientService, state: ClientState) -> None:
        reached: Deferred[None] = Deferred()
        stop = client.watch(lambda now: now is state and not reached.called and reached.callback(None))
        await reached
        stop()

    async def test_drops(self) -> None:
        """A hundred drops are a hundred new connections, each with a root of its own."""
        await self.serve()
        client = self.client()
        client.startService()
        numbers = set()
        for _ in range(100):
            connection = await client.whenConnected()
            self.assertIs(client.connection, connection)
            numbers.add(await connection.root.number())
            self.drop_all()
            await connection.when_lost()
        await client.whenConnected()
        await deferLater(reactor, 0)
        self.assertEqual(len(numbers), 100)
        # Waiting and connecting in between, each time, and nothing else.
        self.assertEqual(self.states, [STOPPED, *[CONNECTING, CONNECTED, WAITING] * 100, CONNECTING, CONNECTED])

    async def test_calls_are_not_repeated(self) -> None:
        """A call that was cut off fails, and is not made again."""
        await self.serve()
        client = self.client()
        client.startService()
        connection = await client.whenConnected()
        call = connection.root.never()
        self.drop_all()
        await self.assertFailure(call, ConnectionLost)
        self.assertIsNone(client.connection)
        again = await client.whenConnected()
        self.assertIsNot(again, connection)
        self.assertEqual(again.protocol.received, 1)  # the root, and nothing else
        await self.assertFailure(connection.root.number(), ConnectionLost)

    async def test_server_comes_back(self) -> None:
        """While there is no server it tries again, and waits as the policy says; then it is connected."""
        await self.serve()
        asked: list[int] = []

        def policy(failures: int) -> float:
            asked.append(failures)
            return 0.001

        client = self.client(retry_policy=policy)
        port = self.port.getHost().port
        await self.end_server()
        client.startService()
        await self.assertFailure(client.whenConnected(failAfterFailures=3), ConnectionRefusedError)
        self.assertEqual(asked[:3], [1, 2, 3])
        await self.serve(port)
        connection = await client.whenConnected()
        await connection.root.number()
        self.assertEqual(self.states[1:4], [CONNECTING, WAITING, CONNECTING])

    async def test_stop(self) -> None:
        """When it is stopped the connection is closed, behind what was asked, and there is no other."""
        await self.serve()
        client = self.client()
        client.startService()
        connection = await client.whenConnected()
        calls = [connection.root.number() for _ in range(3)]
        await client.stopService()
        self.assertEqual((client.state, client.connection), (STOPPED, None))
        for call in calls:
            await self.assertFailure(call, ConnectionLost)
        await self.assertFailure(client.whenConnected(), CancelledError)
        await deferLater(reactor, 0.05)
        self.assertEqual(self.states, [STOPPED, CONNECTING, CONNECTED, STOPPED])
        client.startService()
        await client.whenConnected()
        self.assertEqual(client.state, CONNECTED)

    async def test_stop_on_the_way(self) -> None:
        """It can be stopped while it connects, and while it waits."""
        await self.serve()
        client = self.client(retry_policy=lambda failures: 1000)
        client.startService()
        waiting = client.whenConnected()
        await client.stopService()
        await self.assertFailure(waiting, CancelledError)
        await self.end_server()
        client.startService()
        await self.until(client, WAITING)
        await client.stopService()
        self.assertEqual(client.state, STOPPED)

    async def test_older_peer(self) -> None:
        """A server of rpyc 5 is spoken to in its dialect, each time."""
        peer = Peer(python_of("5.3.1"), "rpyc_offered_server.py")
        self.addCleanup(peer.stop)
        client = ClientService(f"tcp:127.0.0.1:{peer.port}", retry_policy=lambda failures: 0.001)
        self.addCleanup(client.stopService)
        client.startService()
        for _ in range(3):
            connection = await client.whenConnected()
            self.assertEqual(connection.protocol.session.dialect, Dialect.V5)
            await connection.request(Verb.PING, "there")
            connection.protocol.abort()
            await connection.when_lost()

    async def test_watchers(self) -> None:
        """A watcher that fails harms nobody; one that has ended hears nothing more."""
        await self.serve()
        client = self.client()
        heard: list[ClientState] = []
        fail = client.watch(lambda state: 1 / 0)
        end = client.watch(heard.append)
        end()
        end()
        client.startService()
        await client.whenConnected()
        await deferLater(reactor, 0)
        await deferLater(reactor, 0)
        self.assertTrue(self.flushLoggedErrors(ZeroDivisionError))
        self.assertEqual((heard, self.states[-1]), ([STOPPED], CONNECTED))
        fail()

    def test_wrong(self) -> None:
        """What cannot work is refused at once."""
        self.assertRaises(ConfigurationError, ClientService, "tcp:127.0.0.1:1", config={"unknown": 1})
        self.assertRaises(ConfigurationError, ClientService, "tcp:127.0.0.1:1", service=object)
        self.assertRaises(ValueError, ClientService, "nonsense:1")
