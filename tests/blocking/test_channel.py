"""Connecting a stream to a TCP port."""

from __future__ import annotations

import socket
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txrpyc.blocking.channel import SocketStream


class ConnectTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]

    def check(self, host: str, port: Any) -> None:
        stream = SocketStream.connect(host, port)
        self.addCleanup(stream.close)
        self.assertEqual(stream.sock.getpeername(), ("127.0.0.1", self.port))
        assert stream.again is not None
        again = stream.again()
        self.addCleanup(again.close)
        self.assertEqual(again.sock.getpeername(), ("127.0.0.1", self.port))

    def test_numbers(self) -> None:
        """An address that is written in numbers is not looked up."""
        self.patch(socket, "getaddrinfo", None)
        self.check("127.0.0.1", self.port)

    def test_names(self) -> None:
        """A name is; a port may be written as text."""
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", self.port))]
        asked: list[tuple[Any, ...]] = []
        self.patch(socket, "getaddrinfo", lambda *question: asked.append(question) or found)
        self.check("some.host", self.port)
        self.check("127.0.0.1", str(self.port))
        self.assertEqual(
            [question[:2] for question in asked[::2]], [("some.host", self.port), ("127.0.0.1", str(self.port))]
        )

    def test_next_address(self) -> None:
        """If a name has several addresses, they are tried in turn; what the last raises is raised."""
        closed = socket.create_server(("127.0.0.1", 0))
        nobody = closed.getsockname()
        closed.close()
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address) for address in (nobody, ("127.0.0.1", self.port))]
        self.patch(socket, "getaddrinfo", lambda *question: found)
        self.check("some.host", self.port)
        found.pop()
        self.assertRaises(ConnectionRefusedError, SocketStream.connect, "some.host", self.port)
        found.clear()
        self.assertRaises(socket.gaierror, SocketStream.connect, "some.host", self.port)
