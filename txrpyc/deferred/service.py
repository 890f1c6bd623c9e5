"""Services of the Deferred face: their methods run in the reactor, and never wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from txrpyc.service import Offer

if TYPE_CHECKING:
    from txrpyc.deferred.connection import Connection

__all__ = ["Service", "VoidService"]


class Service(Offer):
    """What one side of a connection offers, in the reactor; to be subclassed. See `txrpyc.service.Offer` for the names.

    Exposed methods return values, Deferreds or coroutines (``async def``), and get the peer's objects as
    `RemoteObject`. They start in the order in which the requests came. A factory given the class makes an instance
    for each connection; given an instance, it offers that to all.
    """

    def on_connect(self, conn: Connection) -> Any:
        """Called once when a connection has been made. May return a Deferred or coroutine; if that fails, the
        connection is closed.

        Requests of the peer are served meanwhile; so it may ask the peer something.
        """

    def on_disconnect(self, conn: Connection) -> Any:
        """Called once when a connection is gone, and `on_connect` has ended. May return a Deferred or coroutine."""


class VoidService(Service):
    """A service that offers nothing."""
