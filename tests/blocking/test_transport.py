"""The transport over a socket that was connected already."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path
from typing import Any
from unittest import SkipTest

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import SynchronousTestCase

from tests.blocking.test_private_reactor import descriptors
from txrpyc.blocking.private_reactor import PrivateReactor
from txrpyc.blocking.transport import SocketTransport


class Noting(Protocol):
    """Notes what comes."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def connectionMade(self) -> None:
        self.seen.append("made")

    def dataReceived(self, data: bytes) -> None:
        self.seen.append(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.seen.append(reason.type)


class TransportTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.private = PrivateReactor()
        self.addCleanup(self.private.dispose)
        self.protocol = Noting()

    def adopt(self, sock: socket.socket) -> SocketTransport:
        transport = SocketTransport(sock, self.protocol, self.private.reactor)
        self.addCleanup(sock.close)
        return transport

    def connected(self, family: int, address: Any) -> tuple[socket.socket, socket.socket]:
        """Connect to an address of our own; give both ends, who connected first."""
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            try:
                listener.bind(address)
            except OSError as error:
                raise SkipTest(str(error)) from error
            listener.listen()
            ours = socket.socket(family, socket.SOCK_STREAM)
            ours.connect(listener.getsockname())
            theirs = listener.accept()[0]
        self.addCleanup(theirs.close)
        return ours, theirs

    def test_life(self) -> None:
        """It reads at once, sends everything before it closes, and closes the socket itself."""
        before = descriptors()
        ours, theirs = socket.socketpair()
        transport = self.adopt(ours)
        theirs.send(b"hello")
        self.private.step(None)
        transport.write(b"good bye")
        transport.loseConnection()
        self.private.step(None)
        self.assertEqual(self.protocol.seen, ["made", b"hello", ConnectionDone])
        self.assertEqual(theirs.recv(100), b"good bye")
        self.assertEqual(theirs.recv(100), b"")
        theirs.close()
        self.assertEqual(descriptors(), before)

    def test_not_connected(self) -> None:
        """A socket that is not connected raises, and the protocol does not get to know."""
        with socket.socket() as sock:
            self.assertRaises(OSError, SocketTransport, sock, self.protocol, self.private.reactor)
        self.assertEqual(self.protocol.seen, [])
        self.private.step(0)

    def test_addresses(self) -> None:
        """It knows both addresses; that of the peer also when it has gone. Short writes of TCP are not delayed."""
        for family, name, kind in ((socket.AF_INET, "127.0.0.1", IPv4Address), (socket.AF_INET6, "::1", IPv6Address)):
            ours, theirs = self.connected(family, (name, 0))
            transport = self.adopt(ours)
            self.assertEqual(transport.getHost(), kind("TCP", *ours.getsockname()[:2]))
            self.assertEqual(transport.getPeer(), kind("TCP", *theirs.getsockname()[:2]))
            transport.setTcpNoDelay(True)
            self.assertTrue(transport.getTcpNoDelay())
            peer = transport.getPeer()
            transport.loseConnection()
            self.private.step(None)
            self.assertEqual(transport.getPeer(), peer)

    def test_unix(self) -> None:
        """A unix socket's address is a path, or nothing; and it has no short writes to delay."""
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "socket")
            ours, theirs = self.connected(socket.AF_UNIX, path)
        for sock, peer in ((ours, path), (theirs, None)):
            transport = self.adopt(sock)
            self.assertEqual(transport.getPeer(), UNIXAddress(peer))
            transport.setTcpNoDelay(True)
        self.assertEqual(transport.getHost(), UNIXAddress(path))
