"""What the verbs know of a connection, whichever face it is of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from txrpyc.core.config import Rules
from txrpyc.core.identity import Identity
from txrpyc.core.objects import LentTable
from txrpyc.protocol import RPyCProtocol

__all__ = ["Offering", "ServiceHost"]


class Offering(Protocol):
    """A connection, as far as it matters here."""

    service: Any
    protocol: RPyCProtocol


class ServiceHost:
    """The `txrpyc.core.verbs.Host` of a connection.

    Args:
        connection: the connection.
        ask_foreign: gives what another peer says of an object of its, for a proxy; None for any other value.
    """

    def __init__(self, connection: Offering, ask_foreign: Callable[[Any], Any | None]) -> None:
        self._connection = connection
        self._ask_foreign = ask_foreign

    @property
    def root(self) -> Any:
        """The service."""
        return self._connection.service

    @property
    def rules(self) -> Rules:
        """The rules as they are now."""
        return self._connection.protocol.session.rules

    @property
    def lent(self) -> LentTable:
        """What the peer may name."""
        return self._connection.protocol.session.lent

    def inspect_foreign(self, value: Any, identity: Identity) -> Any | None:
        """Ask the other peer, if the object is a proxy of its."""
        return self._ask_foreign(value)
