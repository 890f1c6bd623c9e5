"""The transport of a connection whose socket was connected, or accepted, by somebody else."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import tcp
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.python.failure import Failure

from txrpyc.blocking.little_reactor import LittleReactor

__all__ = ["SocketTransport"]

_DONE = Failure(CONNECTION_DONE)

_INTERNET: dict[int, type[IPv4Address | IPv6Address]] = {
    socket.AF_INET: IPv4Address,
    socket.AF_INET6: IPv6Address,
}


class SocketTransport(tcp.Connection):
    """Takes a connected stream socket over, and closes it in the end.

    Unlike what ``adoptStreamConnection`` makes, it works on the socket itself, and asks the system for no more than is
    needed.

    Args:
        sock: the socket.
        protocol: is connected to this at once.
        reactor: the reactor to run in.

    Raises:
        OSError: the socket is not connected (any more).
    """

    def __init__(self, sock: socket.socket, protocol: Any, reactor: LittleReactor) -> None:
        super().__init__(sock, protocol, reactor)
        self.logstr = type(protocol).__name__
        self._reactor = reactor
        self._family = sock.family
        self._peer = self._address(sock.getpeername())
        self.connected = 1
        self.startReading()  # type: ignore[no-untyped-call]
        protocol.makeConnection(self)

    def _address(self, name: Any) -> IAddress:
        kind = _INTERNET.get(self._family)
        return kind("TCP", *name[:2]) if kind is not None else UNIXAddress(name or None)

    def getHost(self) -> IAddress:
        """Give the address of this side."""
        return self._address(self.socket.getsockname())

    def getPeer(self) -> IAddress:
        """Give the address of the other side, also after the connection is lost."""
        return self._peer

    def doRead(self) -> BaseException | None:  # type: ignore[override]  # Twisted declares None, and gives this
        """Read what is there, and have the protocol handle it; give why nothing more can come, if so."""
        try:
            data = self.socket.recv(self.bufferSize)
        except BlockingIOError:
            return None
        except OSError:
            return CONNECTION_LOST
        if not data:
            return CONNECTION_DONE
        self.protocol.dataReceived(data)
        return None

    def loseConnection(self) -> None:
        """Close once everything is sent: if nothing is left, without waiting for room to send it."""
        queued = self.producer is not None or self._reactor.writes(self)
        if queued or self.TLS or self.disconnecting or not self.connected:
            super().loseConnection()  # type: ignore[no-untyped-call]
        else:
            self.disconnecting = 1
            self.stopReading()  # type: ignore[no-untyped-call]
            self._reactor.callLater(0, self.connectionLost, _DONE)

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Send at once what is short, too; other sockets than TCP's always do."""
        if self._family in _INTERNET:
            super().setTcpNoDelay(enabled)
