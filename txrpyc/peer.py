"""What can be known of the peer, and of the way to it."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import tcp
from twisted.internet.interfaces import IAddress

__all__ = ["acknowledge_at_once", "is_local", "peer_name", "plain_socket", "probe_when_idle"]

_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)


def is_local(address: IAddress | None) -> bool:
    """Tell whether an address is on this machine for sure: loopback, or not of a network at all."""
    host = getattr(address, "host", None)
    return not isinstance(host, str) or host == "::1" or host.startswith(("127.", "::ffff:127."))


def peer_name(address: IAddress | None) -> str:
    """Give an address for people: ``host:port``, the path of a unix socket, or that there is none."""
    host = getattr(address, "host", None)
    if host:
        return f"{host}:{getattr(address, 'port', '')}"
    name = getattr(address, "name", None)
    return name.decode("utf-8", "replace") if isinstance(name, bytes) and name else str(name or "an unnamed peer")


def plain_socket(transport: Any) -> socket.socket | None:
    """Give the socket of a transport whose bytes go over it as they are; None for any other, and for one that is
    lost.
    """
    # By class, not by attribute: a TLS wrapper forwards unknown attributes to the socket below it.
    if not isinstance(transport, tcp.Connection) or getattr(transport, "TLS", False):
        return None
    return getattr(transport, "socket", None)


def probe_when_idle(transport: Any, seconds: float) -> None:
    """Have the system probe the peer's after so many seconds of silence, and give it up after twice as many more.

    By itself it would begin after two hours, which is as good as never.
    """
    if not isinstance(transport, tcp.Connection):
        return
    every = max(1, round(seconds / 2))
    for name, value in (("TCP_KEEPIDLE", max(1, round(seconds))), ("TCP_KEEPINTVL", every), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            try:
                transport.socket.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
            except (OSError, AttributeError):
                return  # a unix socket, or gone already


def acknowledge_at_once(transport: Any) -> None:
    """Let the kernel acknowledge what comes next without its usual delay. Any thread may call.

    A server of rpyc does not set TCP_NODELAY. When it has answered a release, it holds the answer to the request
    behind it until the first is acknowledged, which would take 40 milliseconds.
    """
    if _QUICKACK is not None and isinstance(transport, tcp.Connection):
        try:
            transport.socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        except (OSError, AttributeError):
            pass  # a unix socket, or gone already
