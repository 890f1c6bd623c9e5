"""RPyC's Channel and SocketStream: what a connected socket is handed over in. The bytes are the protocol's
business, not theirs.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from txrpyc.errors import ConnectionLost

__all__ = ["CONNECT_TIMEOUT", "Channel", "SocketStream"]

CONNECT_TIMEOUT = 10.0
"""Seconds to wait for a connection to be made, with looking up the name, and trying each address of the host."""

_LEAST = 0.001
"""Seconds for an address, at least: none would mean not to wait."""


def _addresses(host: str, port: int, family: socket.AddressFamily, timeout: float | None) -> list[Any]:
    """Give the addresses of a host. One that is written in numbers is not looked up, which would take a while."""
    if type(host) is str and type(port) is int:
        with suppress(OSError):
            socket.inet_pton(family, host)
            return [(host, port)]
    return [found[-1] for found in _look_up(host, port, family, timeout)]


def _look_up(host: str, port: int, family: socket.AddressFamily, timeout: float | None) -> list[Any]:
    """Ask the system for a host's addresses. As nothing interrupts it, a thread does, which is left alone when the time
    is over.
    """
    if timeout is None:
        return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    found: SimpleQueue[tuple[list[Any], OSError | None]] = SimpleQueue()

    def look() -> None:
        try:
            found.put((socket.getaddrinfo(host, port, family, socket.SOCK_STREAM), None))
        except OSError as error:
            found.put(([], error.with_traceback(None)))

    threading.Thread(target=look, name="txrpyc-lookup", daemon=True).start()
    try:
        addresses, error = found.get(timeout=timeout)
    except Empty:
        raise TimeoutError(f"looking up {host!r} took longer than {timeout:g} seconds") from None
    if error is not None:
        raise error
    return addresses


class SocketStream:
    """A connected socket.

    Args:
        sock: the socket. The connection made over it closes it.
        again: makes another stream to the same peer; None if that is not known.
        accepted: whether the peer connected to us, and so may be expected to speak first.
    """

    def __init__(
        self, sock: socket.socket, again: Callable[[], SocketStream] | None = None, accepted: bool = False
    ) -> None:
        self.sock = sock
        self.again = again
        self.accepted = accepted

    @classmethod
    def connect(
        cls, host: str, port: int, ipv6: bool = False, timeout: float | None = CONNECT_TIMEOUT, keepalive: bool = False
    ) -> SocketStream:
        """Connect to a TCP port. Raises what the socket raises: `ConnectionRefusedError`, `socket.gaierror`,
        `TimeoutError`.

        Args:
            host, port: where to.
            ipv6: whether to use IPv6; otherwise IPv4.
            timeout: seconds for all of it; of what the lookup of the name has left, each address that the host has
                gets its share. None means the operating system's own limits.
            keepalive: without effect: TCP keepalive is always on.
        """
        family = socket.AF_INET6 if ipv6 else socket.AF_INET
        deadline = None if timeout is None else monotonic() + timeout
        addresses = _addresses(host, port, family, timeout)
        for index, address in enumerate(addresses):
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                if deadline is not None:
                    sock.settimeout(max(_LEAST, (deadline - monotonic()) / (len(addresses) - index)))
                sock.connect(address)
            except OSError:
                sock.close()
                if index + 1 == len(addresses):
                    raise
            else:
                return cls(sock, lambda: cls.connect(host, port, ipv6, timeout, keepalive))
        raise socket.gaierror(f"no address for {host!r}")

    @classmethod
    def unix_connect(cls, path: str, timeout: float | None = CONNECT_TIMEOUT) -> SocketStream:
        """Connect to a unix socket. Raises what the socket raises."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout)
            sock.connect(path)
        except OSError:
            sock.close()
            raise
        return cls(sock, lambda: cls.unix_connect(path, timeout))

    @property
    def closed(self) -> bool:
        """Whether the socket is closed."""
        return self.sock.fileno() < 0

    def fileno(self) -> int:
        """Give the socket's descriptor. Raises `ConnectionLost` if it is closed."""
        number = self.sock.fileno()
        if number < 0:
            raise ConnectionLost("the stream is closed")
        return number

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()


class Channel:
    """A stream, to be handed to a connection.

    Args:
        stream: the stream.
        compress: whether long messages may be compressed.
    """

    def __init__(self, stream: Any, compress: bool = True) -> None:
        self.stream = stream
        self.compress = compress

    @property
    def closed(self) -> bool:
        """Whether the stream is closed."""
        return bool(self.stream.closed)

    def fileno(self) -> int:
        """Give the stream's descriptor."""
        return int(self.stream.fileno())

    def close(self) -> None:
        """Close the stream."""
        self.stream.close()
