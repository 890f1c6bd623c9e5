"""Connecting to a classic server."""

from __future__ import annotations

from typing import Any

from txrpyc.blocking import connect as factory
from txrpyc.blocking.channel import Channel, SocketStream
from txrpyc.classic.services import DEFAULT_SERVER_PORT, ClassicService, SlaveService

__all__ = ["connect", "connect_channel", "connect_stream", "connect_thread", "unix_connect"]


def connect(host: str, port: int = DEFAULT_SERVER_PORT, ipv6: bool = False, keepalive: bool = False) -> Any:
    """Connect to a classic server's TCP port. Raises as `txrpyc.connect`.

    Returns:
        The connection, with `modules`, `builtins`, `eval`, `execute` and `namespace`: the peer's.
    """
    return factory.connect(host, port, ClassicService, ipv6=ipv6, keepalive=keepalive)


def unix_connect(path: str) -> Any:
    """Connect to a classic server's unix socket. See `connect`."""
    return factory.unix_connect(path, ClassicService)


def connect_stream(stream: SocketStream) -> Any:
    """Make a classic connection over a stream. See `connect`."""
    return factory.connect_stream(stream, ClassicService)


def connect_channel(channel: Channel) -> Any:
    """Make a classic connection over a channel. See `connect`."""
    return factory.connect_channel(channel, ClassicService)


def connect_thread() -> Any:
    """Serve classic mode in a thread of this process, and connect to that."""
    return factory.connect_thread(ClassicService, remote_service=SlaveService)
