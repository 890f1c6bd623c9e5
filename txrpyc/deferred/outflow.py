"""The outflow of a connection that only the reactor's thread uses: it makes few writes of many frames.

1. The first frame goes straight to the socket, as it often is the only one.
2. What follows is collected, and is one write when a read has been handled; or, outside of that, in the reactor's next
   iteration. Twisted's own ``transport.write`` would keep all of it for as long. Then there is a first frame again.
3. Many frames do not wait: the peer can begin with them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import ITransport

from txrpyc.outflow import Outflow

__all__ = ["TurnOutflow"]

_MANY: Final = 64
"""Frames."""


class TurnOutflow(Outflow):
    """See the module.

    Args:
        in_reactor: runs a function soon in the reactor's thread; callable from any thread.
        later: runs a function in the reactor's next iteration.

    Attributes:
        reading: whether a read is being handled.
        straight: whether the next frame may go straight to the socket.
    """

    def __init__(
        self, in_reactor: Callable[[Callable[[], None]], None], later: Callable[[Callable[[], None]], None]
    ) -> None:
        super().__init__(in_reactor, False)
        self.reading = False
        self.straight = True
        self._later = later
        self._ending = False

    # For the protocol.

    def attach(self, transport: ITransport) -> None:
        """Write to this transport from now on, beginning with what has collected."""
        self.straight = False
        super().attach(transport)
        self.straight = True

    def lose(self) -> None:
        """Drop everything from now on: the connection is gone."""
        super().lose()
        self._socket = None

    def cork(self, several: bool) -> bool:
        """Collect what is written, until `uncork`: a read is being handled. If that is a single message, what follows
        from it is often a single frame.
        """
        self.reading = True
        if several:
            self.straight = False
        return True

    def uncork(self, corked: bool) -> None:
        """Send what has collected; the next frame is a first one: a read has been handled, or an iteration begins."""
        self.reading = False
        if self._frames:
            self.flush()
        self.straight = True

    # For everybody, in the reactor's thread.

    def send(self, frame: bytes) -> None:
        """Send a frame: what `write` does, faster."""
        if not self.straight or self.handed_over or self._socket is None:
            self.write([frame])
            return
        self.straight = False
        self.handed_over = True  # nobody is to write meanwhile, not even a destructor
        try:
            sent = self._socket.send(frame)
        except OSError:
            sent = 0  # trying again will tell why
        finally:
            self.handed_over = False
        if sent < len(frame):
            self._frames.appendleft(memoryview(frame)[sent:])
        if self._frames:
            self.flush()

    def write(self, frames: list[bytes]) -> None:
        """Send frames behind all others."""
        if self._lost or not frames:
            return
        self._frames.extend(frames)
        if self.handed_over:
            self._grown(self._backlog + sum(map(len, frames)))
        if self.straight or len(self._frames) >= _MANY:
            self.straight = False
            self.flush()
        elif not (self.reading or self._ending):
            self._ending = True
            self._later(self._end_later)

    def _end_later(self) -> None:
        self._ending = False
        self.uncork(True)
