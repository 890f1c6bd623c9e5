"""What an address tells about the peer there."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress

__all__ = ["is_local", "peer_name"]


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
