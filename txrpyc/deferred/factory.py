"""Factories, for plain ``endpoint.connect(factory)`` and ``endpoint.listen(factory)``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from txrpyc.core.config import make_rules
from txrpyc.deferred.connection import Connection
from txrpyc.deferred.service import Service, VoidService
from txrpyc.ending import Ending
from txrpyc.errors import ConfigurationError
from txrpyc.protocol import RPyCProtocol

__all__ = ["ClientFactory", "ServerFactory"]


_GRACE = 3.0
"""Seconds that running methods get when the server ends, unless it is said otherwise."""

_PARTING = 3.0
"""Seconds that clients get to take what was sent to them, and services to learn that they are gone."""


class _RPyCFactory(Factory):
    """Makes a connection for each transport.

    Args:
        service: what this side offers: a `txrpyc.deferred.Service` class, of which each connection gets an
            instance, or an instance for all.
        config: settings that differ from the defaults.
        reactor: the reactor of the transports; None means the installed one.

    Attributes:
        connections: those that are there now.

    Raises:
        ConfigurationError: the service is not one for the reactor, or a setting is unknown.
    """

    noisy = False

    def __init__(
        self, service: Any = VoidService, config: Mapping[str, Any] | None = None, reactor: Any = None
    ) -> None:
        offered = service if isinstance(service, type) else type(service)
        if not issubclass(offered, Service):
            raise ConfigurationError(
                f"{offered.__name__} is no subclass of txrpyc.deferred.Service, so its methods cannot run in the "
                "reactor; to serve a txrpyc.Service, use 'twistd txrpyc --service' or txrpyc.ThreadedServer"
            )
        make_rules(dict(config or {}))  # complains here rather than when somebody connects
        self._service = service
        self._config = config
        self.reactor = reactor if reactor is not None else _installed_reactor()
        self.connections: set[Connection] = set()

    def new_connection(self) -> Connection:
        """Make a connection that waits for its transport."""
        service = self._service() if isinstance(self._service, type) else self._service
        connection = Connection(service, self._config, self.reactor)
        self.connections.add(connection)
        connection.when_lost().addCallback(lambda _reason: self.connections.discard(connection))
        return connection

    def buildProtocol(self, addr: IAddress | None) -> RPyCProtocol:
        """Make a connection; give its protocol."""
        return self.new_connection().protocol


def _installed_reactor() -> Any:
    from twisted.internet import reactor

    return reactor


class ServerFactory(_RPyCFactory):
    """For ``endpoint.listen``. See the arguments of `ClientFactory`.

    Attributes:
        grace: seconds that running methods get when `close_all` is called.
    """

    grace = _GRACE
    _ending: Ending | None = None

    def new_connection(self) -> Connection:
        """Make a connection that waits for its transport, and, a moment, for the peer to speak first."""
        connection = super().new_connection()
        connection.protocol.finding.patience = self._call_later
        return connection

    def _call_later(self, seconds: float, function: Callable[[], None]) -> Callable[[], None]:
        delayed = self.reactor.callLater(seconds, function)
        return lambda: delayed.cancel() if delayed.active() else None

    def close_all(self) -> Deferred[Any]:
        """Let what runs end, and close all connections; give a Deferred that fires when they are gone and their
        services know, or the time for that is over. Called once more, it grants no more time.
        """
        if self._ending is None:
            self._ending = Ending(self.reactor, self.grace)
            return Deferred.fromCoroutine(self._end(self._ending))
        self._ending.hurry()
        for connection in tuple(self.connections):
            connection.protocol.abort()
        return succeed(None)

    async def _end(self, ending: Ending) -> None:
        connections = tuple(self.connections)
        parted: Deferred[Any] = DeferredList([connection.when_parted() for connection in connections])
        await ending.end(connections)
        await ending.at_most(_PARTING, parted)


class ClientFactory(_RPyCFactory):
    """For ``endpoint.connect``, which gives the protocol; ``ClientFactory.connection_of(protocol).when_ready()`` gives
    the connection.

    Args:
        service: what this side offers to the peer: a `txrpyc.deferred.Service` class, of which each connection gets
            an instance, or an instance.
        config: settings that differ from the defaults. A peer of rpyc 4.1 to 5.3 needs ``{"protocol_version": 5}``
            here; `txrpyc.deferred.connect` finds out by itself.
        reactor: the reactor of the transports; None means the installed one.
    """

    def connection_of(self, protocol: RPyCProtocol) -> Connection:
        """Give the connection that a protocol of this factory's belongs to. Raises LookupError if there is none
        (any more).
        """
        for connection in self.connections:
            if connection.protocol is protocol:
                return connection
        raise LookupError("that protocol is none of this factory's, or its connection is gone")
