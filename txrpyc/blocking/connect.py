"""Making connections, for scripts. What goes wrong is raised here, in the caller's thread, as the socket raises it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from typing import Any

from txrpyc.blocking.channel import CONNECT_TIMEOUT, Channel, SocketStream
from txrpyc.blocking.connection import Connection
from txrpyc.blocking.reactor_thread import refuse_reactor_thread
from txrpyc.blocking.services import VoidService

__all__ = ["connect", "connect_channel", "connect_stream", "connect_thread", "unix_connect"]

_Config = Mapping[str, Any]


def connect_channel(channel: Channel, service: Any = VoidService, config: _Config = {}) -> Connection:  # noqa: B006
    """Make a connection over a channel.

    Args:
        channel: a `Channel` over a connected socket.
        service: what this side offers: a `Service` class, or an instance.
        config: settings that differ from `DEFAULT_CONFIG`.

    Raises:
        ConfigurationError: a setting has a value that it cannot have.
        WrongThread: this is the thread of a running reactor.
    """
    connection: Connection = service._connect(channel, config)
    return connection


def connect_stream(stream: SocketStream, service: Any = VoidService, config: _Config = {}) -> Connection:  # noqa: B006
    """Make a connection over a stream. See `connect_channel`."""
    return connect_channel(Channel(stream), service, config)


def connect(
    host: str,
    port: int,
    service: Any = VoidService,
    config: _Config = {},  # noqa: B006
    ipv6: bool = False,
    keepalive: bool = False,
    timeout: float | None = CONNECT_TIMEOUT,
) -> Connection:
    """Connect to a server's TCP port.

    Args:
        host: name or address.
        port: the port.
        service: what this side offers to the server: a `Service` class, or an instance.
        config: settings that differ from `DEFAULT_CONFIG`.
        ipv6: whether to use IPv6; otherwise IPv4.
        keepalive: without effect: TCP keepalive is always on.
        timeout: seconds for looking up the name and connecting; None means the operating system's own limits.

    Raises:
        OSError: what the socket raises: `ConnectionRefusedError`, `socket.gaierror`, `TimeoutError`.
        Other: as `connect_channel`.
    """
    refuse_reactor_thread("connect()", "use txrpyc.deferred.connect()")
    stream = SocketStream.connect(host, port, ipv6=ipv6, timeout=timeout, keepalive=keepalive)
    return connect_stream(stream, service, config)


def unix_connect(path: str, service: Any = VoidService, config: _Config = {}) -> Connection:  # noqa: B006
    """Connect to a server's unix socket. See `connect`."""
    refuse_reactor_thread("unix_connect()", "use txrpyc.deferred.connect()")
    return connect_stream(SocketStream.unix_connect(path), service, config)


def connect_thread(
    service: Any = VoidService,
    config: _Config = {},  # noqa: B006
    remote_service: Any = VoidService,
    remote_config: _Config = {},  # noqa: B006
) -> Connection:
    """Serve in a thread of this process, and connect to that.

    Args:
        service, config: this side's, as for `connect`.
        remote_service, remote_config: those of the side that is served by the thread.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)

    def serve() -> None:
        connect_stream(SocketStream(theirs), remote_service, remote_config).serve_all()

    threading.Thread(target=serve, name="txrpyc-connect_thread", daemon=True).start()
    return connect_stream(SocketStream(ours), service, config)
