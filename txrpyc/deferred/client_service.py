"""A client that stays connected: `twisted.application.internet.ClientService` for RPyC.

Twisted's service connects, waits longer from failure to failure, and connects anew whenever the connection is lost.
Here each time is a new `Connection`, whose root was asked for before anybody gets it: nothing of the peer's outlives
the connection that it came by. A call is never made again: whether one that was cut off has run, only the peer knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from twisted.application.internet import ClientService as TwistedClientService
from twisted.application.internet import backoffPolicy
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import clientFromString
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txrpyc.deferred.connect import connect
from txrpyc.deferred.connection import Connection
from txrpyc.deferred.factory import ClientFactory
from txrpyc.deferred.service import VoidService

__all__ = ["ClientService", "ClientState"]


class ClientState(Enum):
    """What a `ClientService` is doing."""

    STOPPED = "stopped"
    """It was not started, or was stopped."""
    CONNECTING = "connecting"
    """It connects, or asks the peer for its root."""
    CONNECTED = "connected"
    """There is a connection that can be used."""
    WAITING = "waiting"
    """There is none; it waits for some time before it tries again."""


_Watcher = Callable[[ClientState], object]


class _Presence(Protocol):
    """Stands for a connection that can be used, in Twisted's service."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection


class _Way:
    """The transport of a presence, as far as Twisted's service needs one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def loseConnection(self) -> None:
        """Close the connection, behind what was sent."""
        self._connection.leave()


@implementer(IStreamClientEndpoint)
class _ReadyEndpoint:
    """Connects, and asks for the root; only then there is anything for Twisted's service to see."""

    def __init__(self, dial: Callable[[], Deferred[Connection]]) -> None:
        self._dial = dial
        self.connection: Connection | None = None

    def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        """Connect; give the presence of the connection, wrapped as the factory does it."""
        return self._dial().addCallback(self._present, factory)

    def _present(self, connection: Connection, factory: IProtocolFactory) -> Any:
        self.connection = connection
        presence: Any = factory.buildProtocol(None)  # type: ignore[arg-type]  # the address, which nobody looks at
        presence.makeConnection(_Way(connection))
        connection.when_lost().addCallback(lambda _reason: presence.connectionLost(Failure(ConnectionDone())))
        return presence


class ClientService(TwistedClientService):
    """Keeps a connection to a server, from `startService` to `stopService`. For the reactor's thread.

    Args:
        endpoint: a client endpoint, or its description: ``tcp:localhost:18812``.
        service: what this side offers: a `txrpyc.deferred.Service` class, of which each connection gets an instance,
            or an instance.
        config: settings that differ from the defaults.
        retry_policy: gives the seconds to wait before the next attempt, for the number of those that failed in a row;
            None takes Twisted's: a second, half as long again each time, a minute at most.
        reactor: the reactor; None means the installed one.
        timeout: seconds for each attempt; see `txrpyc.deferred.connect`.

    Attributes:
        state: what it is doing; see `watch`.

    Raises:
        ConfigurationError: an unknown setting, or a service that does not run in the reactor.
        ValueError: the description is wrong.
    """

    _logger = Logger()

    def __init__(
        self,
        endpoint: str | IStreamClientEndpoint,
        service: Any = VoidService,
        config: Mapping[str, Any] | None = None,
        retry_policy: Callable[[int], float] | None = None,
        reactor: Any = None,
        timeout: float | None = None,
    ) -> None:
        reactor = ClientFactory(service, config, reactor).reactor  # complains here, not when it connects
        target = clientFromString(reactor, endpoint) if isinstance(endpoint, str) else endpoint
        self._connect: Callable[[], Deferred[Connection]] = lambda: connect(target, service, config, reactor, timeout)
        self._reactor = reactor
        self.state = ClientState.STOPPED
        self._latest: Connection | None = None
        self._watchers: list[_Watcher] = []
        self._news: list[ClientState] = []
        self._policy = retry_policy or backoffPolicy()
        ready = _ReadyEndpoint(self._dial)
        presences = Factory.forProtocol(lambda: _Presence(ready.connection))  # type: ignore[arg-type]
        presences.noisy = False
        super().__init__(ready, presences, retryPolicy=self._wait, clock=reactor)

    # For programs.

    @property
    def connection(self) -> Connection | None:
        """The connection that can be used; None while there is none."""
        return self._latest if self._latest is not None and self._latest.protocol.lost is None else None

    def whenConnected(self, failAfterFailures: int | None = None) -> Deferred[Connection]:  # type: ignore[override]
        """Give a Deferred that fires with a connection that can be used: at once if there is one, else when there is.

        Args:
            failAfterFailures: fail with the reason when so many attempts in a row have failed; None waits for ever.

        It fails with `CancelledError` if the service is stopped, or not running.
        """
        if self.connection is not None:
            return succeed(self.connection)
        connected: Deferred[Any] = super().whenConnected(failAfterFailures)
        # Not inside of Twisted's state machine, which would not stand being stopped there.
        return connected.addBoth(self._soon, self._outcome, failAfterFailures)

    def watch(self, watcher: Callable[[ClientState], object]) -> Callable[[], None]:
        """Call a function with each new state, in order, soon after it began, and with the present one at once; give a
        function that ends that. What it raises is logged.
        """
        self._announce()
        self._watchers.append(watcher)
        self._tell(watcher, self.state)
        return lambda: self._watchers.remove(watcher) if watcher in self._watchers else None

    def stopService(self) -> Deferred[None]:
        """Close the connection, and make no more; fires when it is gone."""
        if self.connection is not None:
            self.connection.protocol.outflow.flush()  # what was asked just before still goes out
        stopped: Deferred[None] = super().stopService()
        self._set(ClientState.STOPPED)
        return stopped.addCallback(self._soon, lambda result: result)

    def _soon(self, result: Any, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        return deferLater(self._reactor, 0, function, result, *args)

    def _outcome(self, result: Any, fail_after: int | None) -> Any:
        if isinstance(result, Failure):
            return result
        # Lost this very moment, Twisted's service may not have known.
        return result.connection if result.connection.protocol.lost is None else self.whenConnected(fail_after)

    # For Twisted's service.

    def _wait(self, failures: int) -> float:
        self._set(ClientState.WAITING)
        return self._policy(failures)

    def _dial(self) -> Deferred[Connection]:
        self._set(ClientState.CONNECTING)
        return self._connect().addCallback(self._ready)

    def _ready(self, connection: Connection) -> Connection:
        self._latest = connection
        self._set(ClientState.CONNECTED)
        return connection

    def _set(self, state: ClientState) -> None:
        if state is not ClientState.STOPPED and not self.running:
            return  # it was stopped on the way
        if state is not self.state:
            self.state = state
            self._news.append(state)
            self._reactor.callLater(0, self._announce)

    def _announce(self) -> None:
        news, self._news = self._news, []
        for state in news:
            for watcher in tuple(self._watchers):
                self._tell(watcher, state)

    def _tell(self, watcher: _Watcher, state: ClientState) -> None:
        try:
            watcher(state)
        except Exception:
            self._logger.failure("a watcher of {service} failed", service=self)
