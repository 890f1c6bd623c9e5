"""The factories, with plain endpoints."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import DeferredList
from twisted.internet.endpoints import clientFromString
from twisted.trial.unittest import SynchronousTestCase

import txrpyc
from tests.deferred.network import NetworkTestCase, OfferedService, real_server
from txrpyc.deferred import ClientFactory, ServerFactory
from txrpyc.errors import ConfigurationError, ConnectionLost


class FactoryTests(NetworkTestCase):
    async def test_client(self) -> None:
        """A client factory gives the connection of the protocol that the endpoint gave, while it is there."""
        clients = ClientFactory()
        protocol = await clientFromString(reactor, await self.serve()).connect(clients)
        connection = await clients.connection_of(protocol).when_ready()
        self.assertEqual(await connection.root.add(1, 2), 3)
        self.assertEqual((len(clients.connections), len(self.factory.connections)), (1, 1))
        await connection.close()
        self.assertRaises(LookupError, clients.connection_of, protocol)

    async def test_old_peer(self) -> None:
        """A client factory speaks to rpyc 5 if it is told to; if not, the error says how."""
        endpoint = clientFromString(reactor, real_server("5.3.1"))
        clients = ClientFactory(config={"protocol_version": 5})
        connection = await clients.connection_of(await endpoint.connect(clients)).when_ready()
        self.assertEqual(await connection.root.add(1, 2), 3)
        await connection.close()
        clients = ClientFactory()
        waiting = clients.connection_of(await endpoint.connect(clients)).when_ready()
        error = await self.assertFailure(waiting, ConnectionLost)
        self.assertIn("'protocol_version': 5", str(error))

    async def test_close_all(self) -> None:
        """A server factory closes all its connections."""
        endpoint = await self.serve()
        connections = [await self.dial(endpoint) for _ in range(20)]
        self.assertEqual(len(self.factory.connections), 20)
        await self.factory.close_all()
        await DeferredList([connection.when_lost() for connection in connections])
        self.assertEqual(len(self.factory.connections), 0)

    async def test_many_connections(self) -> None:
        """A thousand calls on each of several connections do not mix."""
        endpoint = await self.serve()
        connections = [await self.dial(endpoint) for _ in range(5)]
        calls = [[connection.root.add(n, k) for n in range(1000)] for k, connection in enumerate(connections)]
        for k, answers in enumerate(calls):
            self.assertEqual([await answer for answer in answers], list(range(k, k + 1000)))


class RefusedTests(SynchronousTestCase):
    def test_service(self) -> None:
        """Only services of this face are taken; the message says what else serves the others."""
        for factory in (ServerFactory, ClientFactory):
            error = self.assertRaises(ConfigurationError, factory, txrpyc.Service)
            self.assertIn("twistd txrpyc", str(error))
            factory(OfferedService)
            factory(OfferedService())

    def test_settings(self) -> None:
        """An unknown setting is an error as soon as the factory is made."""
        for factory in (ServerFactory, ClientFactory):
            self.assertRaises(ConfigurationError, factory, OfferedService, {"nonsense": True})
