"""The heartbeat: finding out that a peer is gone although nobody says so, as its machine died or its cable was cut.

Off unless `ping_interval` is set. Then, while a connection is quiet:

1. If nothing is under way, the peer gets a ping, and loses the connection when it does not answer in time. So it must
   be one that answers while it is idle: a server, or a client with a `BgServingThread`.
2. If it owes us an answer it may just be busy, so only its kernel is asked: one that has acknowledged nothing for
   three intervals, though it should have, is gone (`TCP_INFO`, on Linux).

A connection is looked at while its reactor runs: always for a Twisted program and a server, with a `BgServingThread`,
and while somebody waits for an answer.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any, Final

from txrpyc.core.consts import PING
from txrpyc.peer import plain_socket
from txrpyc.protocol import RPyCProtocol

__all__ = ["Heartbeat", "silence"]

_INTERVALS: Final = 3
"""How many of them a peer's kernel may be silent."""

_PING: Final = "are you there?"

# Linux's struct tcp_info, as far as it is read here: eight numbers of a byte each, the first of which are the state and
# such, then words of four bytes; and where in those the unacknowledged segments are, and the milliseconds since the
# last acknowledgement came.
_WORDS: Final = struct.Struct("8B14I")
_UNACKED: Final = 8 + 4
_LAST_ACK: Final = 8 + 12


def silence(transport: Any) -> float | None:
    """Give for how many seconds the peer's kernel has owed us an acknowledgement; None if it does not, or that cannot
    be known.
    """
    sock = plain_socket(transport)
    if sock is None or not hasattr(socket, "TCP_INFO"):
        return None
    try:
        words = _WORDS.unpack(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _WORDS.size))
    except (OSError, struct.error):
        return None  # no TCP, or gone already, or a system that tells less
    return words[_LAST_ACK] / 1000 if words[_UNACKED] else None


class _Echo:
    """Takes the answer to a ping."""

    sequence: int | None = None

    def deliver(self, value: Any) -> None:
        pass

    def deliver_error(self, error: BaseException) -> None:
        pass


class Heartbeat:
    """Watches one connection, from now until it is lost. In the reactor's thread.

    Args:
        protocol: the connection's, whose rules have the interval and the patience.
        call_later: calls a function in the reactor's thread after some seconds; gives a function that cancels that.
    """

    def __init__(
        self, protocol: RPyCProtocol, call_later: Callable[[float, Callable[[], None]], Callable[[], None]]
    ) -> None:
        self._protocol = protocol
        self._call_later = call_later
        self._seen: tuple[int, int] = (0, 0)
        self._echo: _Echo | None = None
        self._waited = 0.0
        self._step = 0.0
        self._again(protocol.session.rules.ping_interval or 0.0)
        protocol.when_lost().addCallback(lambda _reason: self._cancel())

    def _again(self, seconds: float) -> None:
        self._step = seconds
        self._cancel = self._call_later(seconds, self._look)

    def _look(self) -> None:
        protocol = self._protocol
        interval = protocol.session.rules.ping_interval
        if protocol.lost is not None or not interval:
            return
        seen = protocol.received, protocol.session.buffered
        if seen != self._seen:
            self._seen = seen
            self._echo = None
        elif protocol.transport is not None and not self._still_there(interval):
            return
        patience = protocol.session.rules.ping_patience or interval
        self._again(min(interval, patience) if self._echo is not None else interval)

    def _still_there(self, interval: float) -> bool:
        """Look at a connection that has been quiet since the last time; tell whether it goes on."""
        protocol = self._protocol
        silent = silence(protocol.transport)
        if silent is not None and silent >= _INTERVALS * interval:
            protocol.cut(f"the peer's system has not answered for {silent:.1f} seconds")
            return False
        patience = protocol.session.rules.ping_patience or interval
        if self._echo is None:
            if not protocol.waiting:
                self._echo = _Echo()
                self._waited = 0.0
                protocol.send(self._echo, PING, (_PING,))
            return True
        self._waited += self._step
        if protocol.waiting <= 1 and self._waited >= patience:
            protocol.cut(f"the peer has not answered a ping for {patience:g} seconds")
            return False
        return True
