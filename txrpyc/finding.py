"""Finding out which of the two dialects a peer speaks.

1. Who connects speaks first, in the newer dialect. A peer of the older one cannot understand that, and says so in
   its own while it closes; then nothing has been carried out. With a `redial` a second connection is made, and
   everything is sent there again.
2. Who was connected to answers in kind. If it has something to say before the peer has spoken, that is held until
   the peer's first bytes tell the dialect, or, for a peer that stays silent, for a moment (`patience`).
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from twisted.internet.interfaces import ITransport

from txrpyc.core.envelope import Dialect
from txrpyc.core.session import Session
from txrpyc.errors import ProtocolError
from txrpyc.outflow import Outflow

__all__ = ["PATIENCE", "Finding", "Timer"]

PATIENCE = 0.2
"""Seconds from being connected that what a server says first is held: a client of the older dialect that speaks at
all has spoken by then, unless it is far away.
"""

Timer = Callable[[float, Callable[[], None]], Callable[[], None]]
"""Calls a function after some seconds, in the reactor's thread; gives a function that cancels it."""

_FLAG, _FIRST = 4, 5
"""Where in a frame the compression flag is, and the payload's first byte."""
_OLDER = 0x12
"""What a message of the older dialect begins with: brine's tag of a tuple of three."""


class Finding:
    """One connection's search. For the reactor's thread.

    Args:
        session: its session, which has the dialect.
        outflow: its outflow, which is attached to transports here.
        in_reactor: runs a function soon in the reactor's thread.
        failed: called with the reason if a second connection cannot be made.

    Attributes:
        redial: makes another connection to the same peer for this very protocol; None if that is not possible.
        patience: a timer, if this side was connected to; None if it speaks first.
        holding: whether what is to be sent is held until the peer has spoken; while it is, `see` shall be called.
        redialing: whether there is no transport, because another is being made.
    """

    def __init__(
        self,
        session: Session,
        outflow: Outflow,
        in_reactor: Callable[[Callable[[], None]], None],
        failed: Callable[[str], None],
    ) -> None:
        self.redial: Callable[[], None] | None = None
        self.patience: Timer | None = None
        self.redialing = False
        self.holding = False
        self._session = session
        self._outflow = outflow
        self._in_reactor = in_reactor
        self._failed = failed
        self._next = Dialect.V5
        self._seen = b""
        self._connected_at = 0.0
        self._held: Any = None
        self._stop_waiting: Callable[[], None] | None = None

    # For the protocol.

    def connected(self, transport: ITransport) -> bool:
        """Use a transport; tell whether it is the first."""
        if self.redialing:
            self.redialing = False
            self._change(self._next)
            self._outflow.attach(transport)
            return False
        if self.patience is None or self._session.dialect is not None:
            self._outflow.attach(transport)
        else:
            self._connected_at = monotonic()
            self._held = transport
            self.holding = True
            self._outflow.on_held = self._be_patient
            self._outflow.flush()
        return True

    def _be_patient(self) -> None:
        """There is something to say: wait for the peer to speak first, until its moment is over."""
        if self.holding and self._stop_waiting is None and self.patience is not None:
            gone = monotonic() - self._connected_at
            self._stop_waiting = self.patience(max(0.0, PATIENCE - gone), self._go_on)

    def see(self, data: bytes) -> None:
        """Look at what came, before the session does; while `holding`."""
        self._seen += data[: _FIRST + 1 - len(self._seen)]
        if len(self._seen) > _FIRST:
            if self._seen[_FIRST] == _OLDER and not self._seen[_FLAG]:
                self._change(Dialect.V5)
            self._go_on()

    def change(self, dialect: Dialect, abort: Callable[[], None]) -> None:
        """The peer speaks another dialect than we did: connect again, in that one.

        Raises:
            ProtocolError: that is not possible.
        """
        if self.redial is None:
            raise ProtocolError(
                "the peer speaks the wire of rpyc 4.1 to 5.3, and this connection cannot be made anew; "
                "connect with the configuration {'protocol_version': 5}"
            )
        self.redialing = True
        self._next = dialect
        self._outflow.detach()
        abort()

    def lost(self) -> bool:
        """Take note that the transport is gone; tell whether another is being made."""
        if self.redialing:
            self._in_reactor(self._redial)
        elif self.holding:
            self._go_on()
        return self.redialing

    def redial_failed(self, error: BaseException) -> None:
        """Take note that the second connection could not be made."""
        self.redialing = False
        self._failed(f"the peer speaks the wire of rpyc 4.1 to 5.3, and connecting to it again failed: {error}")

    def _change(self, dialect: Dialect) -> None:
        frames = self._session.change_dialect(dialect)
        self._outflow.detach()  # what was written since is among these, in the right dialect
        self._outflow.write(frames)

    def _go_on(self) -> None:
        transport, self._held = self._held, None
        self.holding = False
        stop, self._stop_waiting = self._stop_waiting, None
        if transport is not None:
            self._outflow.attach(transport)
        if stop is not None:
            stop()

    def _redial(self) -> None:
        assert self.redial is not None
        try:
            self.redial()
        except Exception as error:
            self.redial_failed(error)
