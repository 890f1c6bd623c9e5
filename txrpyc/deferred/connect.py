"""Connecting, in Twisted programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from txrpyc.deferred.connection import Connection
from txrpyc.deferred.factory import ClientFactory
from txrpyc.deferred.service import VoidService
from txrpyc.protocol import RPyCProtocol

__all__ = ["connect"]


def connect(
    endpoint: str | IStreamClientEndpoint,
    service: Any = VoidService,
    config: Mapping[str, Any] | None = None,
    reactor: Any = None,
    timeout: float | None = None,
) -> Deferred[Connection]:
    """Connect to a server, of whichever version of rpyc's wire.

    Args:
        endpoint: a client endpoint, or its description: ``tcp:localhost:18812``, ``unix:/run/x``,
            ``tls:example.org:18821``.
        service: what this side offers: a `txrpyc.deferred.Service` class, or an instance.
        config: settings that differ from the defaults.
        reactor: the reactor; None means the installed one.
        timeout: seconds for all of it: the name, the endpoint's connection, a handshake, and the peer's root; None
            means for ever, but for the endpoint's own limits.

    Returns:
        A Deferred that fires with the connection, its `root` being there. It fails with what the endpoint fails
        with, with `ConnectionLost` if the peer hangs up, with `TimeoutError` when the time is over, or with the error
        that asking for its root gave. Cancelling it drops the connection.

    Raises:
        ConfigurationError: an unknown setting, or a service that does not run in the reactor.
        ValueError: the description is wrong.
    """
    factory = ClientFactory(service, config, reactor)
    target = clientFromString(factory.reactor, endpoint) if isinstance(endpoint, str) else endpoint
    connection = factory.new_connection()
    same = _Same(connection.protocol)
    second: Deferred[Any] | None = None

    def redial() -> None:
        nonlocal second
        second = target.connect(same).addErrback(refused)

    def refused(failure: Failure) -> None:
        assert failure.value is not None
        connection.protocol.finding.redial_failed(failure.value)

    def drop(failure: Failure) -> Failure:
        connection.protocol.finding.redial = _give_up
        connection.protocol.abort()
        if second is not None:
            second.cancel()
        return failure

    connection.protocol.finding.redial = redial
    opening: Deferred[Any] = target.connect(same)
    opening.addCallback(lambda _protocol: connection.when_ready())
    opening.addErrback(drop)
    if timeout is not None:
        opening.addTimeout(timeout, factory.reactor, _too_late)
    return opening


def _too_late(outcome: Any, seconds: float) -> Any:
    if not isinstance(outcome, Failure):
        return outcome
    # What a cancelled Deferred fails with depends on the endpoint.
    raise TimeoutError(f"there was no connection after {seconds:g} seconds")


def _give_up() -> None:
    raise ConnectionAbortedError("it was not waited for any more")


class _Same(Factory):
    """Gives one protocol for each of its transports, one after the other."""

    noisy = False

    def __init__(self, protocol: RPyCProtocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: Any) -> RPyCProtocol:
        """Give the protocol."""
        return self._protocol
