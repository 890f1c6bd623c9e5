"""Services of the blocking face: their methods run in threads, and may wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from txrpyc.blocking.channel import Channel
from txrpyc.blocking.connection import Connection
from txrpyc.service import Offer, nothing

__all__ = ["Service", "VoidService"]


class _ClassOrInstance:
    """A method that may be called on the class as well, which is then made an instance of."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: Any, owner: type) -> Callable[..., Any]:
        return self._function.__get__(owner() if instance is None else instance, owner)  # type: ignore[no-any-return]


class Service(Offer):
    """What one side of a connection offers; to be subclassed. See `txrpyc.service.Offer` for the names.

    A server given the class makes an instance for each connection; given an instance, it offers that to all. A
    connection's requests are carried out one at a time and in order, in a thread; a method that waits for its own
    client serves that meanwhile.
    """

    _protocol: ClassVar[type[Connection]] = Connection

    @nothing
    def on_connect(self, conn: Connection) -> None:
        """Called when a connection has been made, before the peer's first request is served."""

    @nothing
    def on_disconnect(self, conn: Connection) -> None:
        """Called once when a connection is gone; nothing can be asked over it any more."""

    @_ClassOrInstance
    def _connect(self, channel: Channel, config: Mapping[str, Any] | None = None) -> Connection:
        """Make a connection over a channel that offers this service."""
        try:
            connection = self._protocol(self, channel, config)
        except BaseException:
            channel.close()
            raise
        try:
            self.on_connect(connection)
        except BaseException:
            connection.drop()
            raise
        return connection


class VoidService(Service):
    """A service that offers nothing."""
