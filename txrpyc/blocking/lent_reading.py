"""The input of a connection that lives in a reactor, lent to a thread: while the connection is busy, its requests are
then read, carried out and answered by one thread, and handed to nobody.

One party at a time reads. The reactor lends (`lend`) and takes back (`resume`), both in its own thread; in between,
the borrower alone calls `receive`. Everything else stays the reactor's: what the socket does not take at once,
timers, and the loss of the connection, which the borrower gives back to be found there.
"""

from __future__ import annotations

from collections.abc import Callable
from socket import socket

from twisted.logger import Logger

from txrpyc.blocking.hub import Hub
from txrpyc.peer import plain_socket
from txrpyc.protocol import RPyCProtocol

__all__ = ["LendingProtocol", "LentReading"]

_CHUNK = 1 << 16
"""Bytes that are read at once, as Twisted does."""


class LendingProtocol(RPyCProtocol):
    """The protocol of a connection whose reading can be lent: it tells when the reactor has read something.

    Attributes:
        on_read: called then, when all of that was handled.
    """

    on_read: Callable[[], None]

    take_in = RPyCProtocol.dataReceived
    """For the borrower: takes bytes."""

    def dataReceived(self, data: bytes) -> None:
        """Take bytes, from the reactor."""
        self.take_in(data)
        self.on_read()


class LentReading:
    """See the module.

    Args:
        protocol: the protocol of the connection.
        hub: its hub.
    """

    __slots__ = ("_hub", "_protocol", "_socket")

    _log = Logger()

    def __init__(self, protocol: LendingProtocol, hub: Hub) -> None:
        self._protocol = protocol
        self._hub = hub
        self._socket: socket | None = None

    # In the reactor's thread.

    def lend(self, on_stop: Callable[[], None]) -> int:
        """Stop the reactor from reading; give the descriptor to wait on, or -1 if this cannot be lent: the transport
        is no plain socket, or about to be closed, or it was lent and is not taken back yet.

        Args:
            on_stop: called, while it is lent, when the transport does not want to be read any more; above all before
                its descriptor is closed. Where a child process has inherited that, nobody could stop watching it
                afterwards.
        """
        if self._socket is not None or self._protocol.paused:
            return -1
        protocol, transport = self._protocol, self._protocol.transport
        sock = plain_socket(transport)
        if sock is None or protocol.lost is not None or transport.disconnecting or protocol.finding.holding:  # type: ignore[union-attr]
            return -1
        transport.stopReading()  # type: ignore[union-attr]
        transport.stopReading = on_stop  # type: ignore[union-attr]
        protocol.read_elsewhere = True
        self._socket = sock
        return sock.fileno()

    def resume(self) -> None:
        """Let the reactor read again, unless the connection is gone or about to be."""
        protocol, transport = self._protocol, self._protocol.transport
        protocol.read_elsewhere = False
        self._socket = None
        vars(transport).pop("stopReading", None)
        if protocol.paused:
            return
        if protocol.lost is None and plain_socket(transport) is not None and not transport.disconnecting:  # type: ignore[union-attr]
            transport.startReading()  # type: ignore[union-attr]

    # In the borrower's thread.

    def receive(self) -> bool:
        """Read what is there and let the protocol handle it; tell whether there can be more. After False only the
        reactor finds out what has become of the connection.
        """
        return self._hub.lead_once(self._receive)

    def _receive(self) -> bool:
        sock = self._socket
        if sock is None or self._protocol.paused:
            return False
        try:
            data = sock.recv(_CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        try:
            self._protocol.take_in(data)
        except Exception:
            if self._protocol.lost is None:
                self._log.failure("reading from {peer} failed; closing the connection", peer=self._protocol.peer_name)
                self._protocol.abort_soon()
            return False
        return True
