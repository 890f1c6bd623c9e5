"""Blocking services in a Twisted server: the reactor holds the connections, worker threads run the methods."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from weakref import WeakSet

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from txrpyc.blocking.attended import Attended
from txrpyc.blocking.connection import Connection
from txrpyc.blocking.workers import Workers
from txrpyc.ending import Ending
from txrpyc.protocol import RPyCProtocol

__all__ = ["ResidentFactory"]

_GRACE = 3.0
"""Seconds that running methods get when the server ends, unless it is said otherwise."""

_FLUSH = 3.0
"""Seconds that a client gets to take what was sent to it."""

_PARTING = 3.0
"""Seconds that `on_disconnect` gets; and, before that, methods whose clients were told that they were cut off."""


class ResidentFactory(Factory):
    """For ``endpoint.listen``: serves a `txrpyc.Service` to each client that connects.

    A connection's requests are carried out one at a time and in order, by a worker thread that it holds only while
    it has some. A method that waits for its own client serves that meanwhile.

    One that waits for another client serves that one, in its own thread, as what it waits for may depend on it; but
    not beside a method of that other client's, unless that waits for yet another client, in a circle perhaps. So
    clients that call each other through their service go on, no matter how few workers there are. At the limit all
    else waits until one is free: what another connection of such a client asks, for example.

    Args:
        service: the class, of which each connection gets an instance, or an instance for all.
        config: settings for the connections.
        reactor: the reactor of the transports.
        limit: the most worker threads: so many methods can wait for something at once, besides those that are
            carried out by a thread whose own method waits for their client.
        concurrency: how many requests of one connection may be carried out at once.
        grace: seconds that running methods get when the server ends.
    """

    noisy = False

    def __init__(
        self,
        service: Any,
        config: Mapping[str, Any],
        reactor: Any,
        *,
        limit: int = 1000,
        concurrency: int = 1,
        grace: float = _GRACE,
    ) -> None:
        self._service = service
        self._config = dict(config)
        self._reactor = reactor
        self._workers = Workers(reactor, limit)
        self._concurrency = concurrency
        self._grace = grace
        self._ending: Ending | None = None
        # Weak: a connection may be lost, but still have to tell its service so, after a method that runs.
        self._connections: WeakSet[Connection] = WeakSet()

    def buildProtocol(self, addr: IAddress | None) -> RPyCProtocol:
        """Make a connection; give its protocol."""
        service = self._service() if isinstance(self._service, type) else self._service
        kind = getattr(type(service), "_protocol", Connection)
        if not issubclass(kind, Connection):
            kind = Connection  # a service made for rpyc
        attended = Attended(self._workers, self._concurrency)
        connection: Connection = kind.resident(service, self._config, self._reactor, attended)
        self._connections.add(connection)
        return connection.protocol

    def close_all(self) -> Deferred[None]:
        """Let running methods end, close all connections and let their services know; then end the workers. Fires when
        that is done, or its time is over. Called once more, it grants no more time.
        """
        if self._ending is None:
            self._ending = Ending(self._reactor, self._grace)
            return Deferred.fromCoroutine(self._end(self._ending))
        self._ending.hurry()
        for connection in tuple(self._connections):
            connection.protocol.abort()
        return succeed(None)

    async def _end(self, ending: Ending) -> None:
        connections = tuple(connection for connection in self._connections if not connection.serving.parted)
        gone = DeferredList([connection.protocol.when_lost() for connection in connections])
        await ending.end(connection for connection in connections if connection.protocol.lost is None)
        await ending.at_most(_FLUSH, gone)
        for connection in connections:
            if connection.protocol.lost is None:
                connection.drop()
        await ending.at_most(_PARTING, self._workers.when_idle())
        await ending.at_most(_PARTING, self._part(connections))
        self._workers.stop()

    def _part(self, connections: tuple[Connection, ...]) -> Deferred[None]:
        """Call `on_disconnect` where a method that does not end stands before it."""
        late = [connection for connection in connections if not connection.serving.parted]
        if not late:
            return succeed(None)
        parted: Deferred[None] = Deferred()

        def part() -> None:
            for connection in late:
                connection.serving.part()
            self._reactor.callFromThread(parted.callback, None)

        # In a thread of its own: the workers may all be at such methods.
        threading.Thread(target=part, name="txrpyc-part", daemon=True).start()
        return parted
