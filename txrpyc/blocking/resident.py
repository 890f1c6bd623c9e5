"""Blocking services in a Twisted server: the reactor holds the connections, worker threads run the methods."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from weakref import WeakSet

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from txrpyc.blocking.attended import Attended
from txrpyc.blocking.connection import Connection
from txrpyc.blocking.workers import Workers
from txrpyc.protocol import RPyCProtocol

__all__ = ["ResidentFactory"]

_GRACE = 3.0
"""Seconds that `close_all` waits for running methods, and again for `on_disconnect`."""


class ResidentFactory(Factory):
    """For ``endpoint.listen``: serves a `txrpyc.Service` to each client that connects.

    A connection's requests are carried out one at a time and in order, by a worker thread that it holds only while
    it has some. A method that waits for its own client serves that meanwhile.

    Args:
        service: the class, of which each connection gets an instance, or an instance for all.
        config: settings for the connections.
        reactor: the reactor of the transports.
        limit: the most worker threads: so many methods can wait for something at once.
        concurrency: how many requests of one connection may be carried out at once.
    """

    noisy = False

    def __init__(
        self, service: Any, config: Mapping[str, Any], reactor: Any, *, limit: int = 1000, concurrency: int = 1
    ) -> None:
        self._service = service
        self._config = dict(config)
        self._reactor = reactor
        self._workers = Workers(reactor, limit)
        self._concurrency = concurrency
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
        """Close all connections and let their services know; then end the workers. Fires when that is done, or its
        time is over.
        """
        connections = tuple(connection for connection in self._connections if not connection.serving.parted)
        gone = DeferredList([connection.protocol.when_lost() for connection in connections])
        for connection in connections:
            if connection.protocol.transport is not None:
                connection.protocol.transport.loseConnection()
        cut = self._reactor.callLater(_GRACE, self._cut, connections)
        done: Deferred[None] = gone.addCallback(lambda _result: cut.cancel() if cut.active() else None)
        done.addCallback(lambda _result: self._idle_within(_GRACE))
        done.addCallback(lambda _result: self._part(connections))
        done.addCallback(lambda _result: self._workers.stop())
        return done

    def _cut(self, connections: tuple[Connection, ...]) -> None:
        for connection in connections:
            connection.drop()

    def _part(self, connections: tuple[Connection, ...]) -> Deferred[None] | None:
        """Call `on_disconnect` where a method that does not end stands before it."""
        late = [connection for connection in connections if not connection.serving.parted]
        if not late:
            return None
        parted: Deferred[None] = Deferred()

        def part() -> None:
            for connection in late:
                connection.serving.part()
            self._reactor.callFromThread(parted.callback, None)

        # In a thread of its own: the workers may all be at such methods.
        threading.Thread(target=part, name="txrpyc-part", daemon=True).start()
        return parted.addTimeout(_GRACE, self._reactor, lambda _result, _timeout: None)

    def _idle_within(self, seconds: float) -> Deferred[None]:
        return self._workers.when_idle().addTimeout(seconds, self._reactor, lambda _result, _timeout: None)
