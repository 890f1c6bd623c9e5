"""The one place that writes to a connection's transport, in order, from any thread.

What is owned here is the queue of frames and the right to send, which is a lock that nobody ever waits for: who
does not get it
leaves the frames to the holder, who looks again after giving it back. So a destructor, in the middle of anything,
may write.

1. While nothing is queued in the transport, a frame goes straight to the socket, by the thread that writes it.
   Twisted's ``transport.write`` would cost two system calls and an iteration of the reactor more.
2. What the socket does not take goes through the transport, in the reactor's thread, piece by piece as it drains, and
   everything later goes behind it.
3. Holding the lock (`corked`) collects frames, so that all answers to one read are one write.
4. Frames may be held back for others that are about to come (`write_later`), but not for longer than a moment.
5. A peer that does not take what it is sent makes it pile up. From `high_water` on the outflow is full, and says so;
   when half of that is left, it is not any more. It takes more all the same: it is for others to hold back.
6. After the connection is lost, frames are dropped.
"""

from __future__ import annotations

import errno
import threading
from collections import deque
from collections.abc import Callable, Sequence
from socket import socket
from time import monotonic
from typing import Any, Final

from twisted.internet.interfaces import ITransport

from txrpyc.flusher import flusher
from txrpyc.peer import plain_socket
from txrpyc.rest import Rest

__all__ = ["Outflow"]

_PIECE: Final = 1 << 20
"""Bytes that are handed to the transport at once, and joined for one direct write."""

_LONG: Final = 1 << 16
"""Bytes from which on a piece is not copied to be joined with others."""

_MOMENT: Final = 0.001
"""Seconds that frames are held back for others that are about to come."""

_Piece = bytes | memoryview

_FULL: Final = frozenset([errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR, errno.ENOBUFS])
"""What a socket says that takes nothing now."""


class Outflow:
    """See the module.

    Args:
        in_reactor: runs a function soon in the reactor's thread; callable from any thread.
        threaded: whether `write` is called from other threads than the reactor's.

    Attributes:
        handed_over: whether the socket was full, so that the reactor must run for the rest to be sent.
        on_held: called in the reactor's thread when there are frames but no transport; None calls nobody.
        high_water: bytes that may wait for the socket.
        full: whether there are more.
        on_full: called when that begins, in any thread, and when it ends, in the reactor's; None calls nobody.
    """

    def __init__(self, in_reactor: Callable[[Callable[[], None]], None], threaded: bool) -> None:
        self._in_reactor = in_reactor
        self._threaded = threaded
        self._frames: deque[_Piece] = deque()
        self._lock = threading.Lock()
        self._transport: Any = None
        self._socket: socket | None = None
        self.handed_over = False
        self.on_held: Callable[[], None] | None = None
        self.high_water = 1 << 62
        self.full = False
        self.on_full: Callable[[bool], None] | None = None
        self._backlog = 0  # bytes, while the socket is full
        self._lost = False
        self._held_since = 0.0

    # For the protocol.

    def attach(self, transport: ITransport) -> None:
        """Write to this transport from now on, beginning with what has collected."""
        self._transport = transport
        self.handed_over = False
        self._socket = plain_socket(transport)
        self.flush()

    def detach(self) -> None:
        """Forget the transport and what was not sent; collect until the next `attach`."""
        self._transport = self._socket = None
        self.handed_over = False
        self._frames.clear()
        self._shrunk(0)

    def lose(self) -> None:
        """Drop everything from now on: the connection is gone."""
        self._lost = True
        self._frames.clear()
        self._shrunk(0)

    def cork(self, several: bool) -> bool:
        """Collect what is written, by any thread, until `uncork` is called with what this gives.

        Args:
            several: whether more than one message is about to be handled.
        """
        return self._lock.acquire(blocking=False)

    def uncork(self, corked: bool) -> None:
        """Send what has collected."""
        if corked:
            self._lock.release()
        if self._frames:
            self.flush()

    # For everybody.

    @property
    def is_kept(self) -> bool:
        """Whether there are frames that somebody is about to send: another thread, or this one, which a signal handler
        or a destructor has interrupted.
        """
        return bool(self._frames) and not self.handed_over

    def write(self, frames: list[bytes]) -> None:
        """Send frames behind all others. Any thread may call, also inside a garbage collection; never waits."""
        if self._lost or not frames:
            return
        if len(frames) > 1 and sum(map(len, frames)) < _LONG:
            frames = [b"".join(frames)]
        if len(frames) == 1 and self._socket is not None and not self._frames and self._lock.acquire(blocking=False):
            # The commonest: nothing is before it. Looked at again, now that nobody else can send.
            try:
                if self._frames or self.handed_over:
                    self._frames.append(frames[0])
                else:
                    self._send_pieces(frames)
            finally:
                self._lock.release()
            if not self._frames:
                return
        else:
            self._frames.extend(frames)
        if self.handed_over:
            self._grown(self._backlog + sum(map(len, frames)))
        self.flush()

    def write_later(self, frames: list[bytes]) -> None:
        """Send frames with what is written next, or in a moment: for who is about to write more. Else as `write`."""
        if self._lost:
            return
        now = monotonic()
        if not self._frames:
            self._held_since = now
        self._frames.extend(frames)
        if self.handed_over:
            self._grown(self._backlog + sum(map(len, frames)))
        # Each time, and not before: it may look at once, and others may send what was there.
        flusher.watch(self)
        if now - self._held_since > _MOMENT:
            self._held_since = now
            self.flush()

    def flush(self) -> None:
        """Send what has collected, as far as that is this thread's to do."""
        if self._transport is None and self._frames and self.on_held is not None:
            self._in_its_thread(self.on_held)
        while self._frames and self._transport is not None and not self.handed_over:
            if not self._lock.acquire(blocking=False):
                return
            try:
                if not self.handed_over:
                    self._send()
            finally:
                self._lock.release()

    def _send(self) -> None:
        if self._socket is None:
            self._hand_over(self._write_all)
            return
        while self._frames and not self.handed_over:
            self._send_pieces(self._next_pieces())

    def _send_pieces(self, pieces: Sequence[_Piece]) -> None:
        """Give pieces to the socket; leave what it does not take to the transport."""
        assert self._socket is not None
        try:
            sent = self._socket.send(pieces[0]) if len(pieces) == 1 else self._socket.sendmsg(pieces)
        except OSError as error:
            if error.errno not in _FULL:
                # Broken, which the reader will learn by itself; or closed by the reactor's thread this very moment.
                self.lose()
                return
            sent = 0
        if sent == len(pieces[0]) and len(pieces) == 1:
            return
        rest: list[_Piece] = []
        for piece in pieces:
            if sent < len(piece):
                rest.append(memoryview(piece)[sent:] if sent else piece)
            sent = max(0, sent - len(piece))
        if rest:
            self._frames.extendleft(reversed(rest))
            self._grown(sum(map(len, tuple(self._frames))))
            self._hand_over(self._drain)

    def _next_pieces(self) -> list[_Piece]:
        """Take pieces off the queue for one write: short ones, joined, and a long one behind them."""
        short: list[_Piece] = []
        size = 0
        while self._frames and len(self._frames[0]) < _LONG and size + len(self._frames[0]) <= _PIECE:
            piece = self._frames.popleft()
            short.append(piece)
            size += len(piece)
        pieces: list[_Piece] = [b"".join(short)] if short else []
        if self._frames and len(self._frames[0]) >= _LONG:
            pieces.append(self._frames.popleft())
        return pieces

    def _next_piece(self) -> bytes:
        """Take a piece off the queue for the transport, which keeps what it is given."""
        pieces = self._next_pieces()
        room = _PIECE - sum(map(len, pieces[:-1]))
        if len(pieces[-1]) > room:
            self._frames.appendleft(memoryview(pieces[-1])[room:])
            pieces[-1] = memoryview(pieces[-1])[:room]
        return b"".join(pieces)

    def _hand_over(self, function: Callable[[], None]) -> None:
        self.handed_over = True
        self._in_its_thread(function)

    def _in_its_thread(self, function: Callable[[], None]) -> None:
        if self._threaded:
            self._in_reactor(function)
        else:
            function()

    def _grown(self, backlog: int) -> None:
        self._backlog = backlog
        if backlog > self.high_water and not self.full and not self._lost:
            self.full = True
            if self.on_full is not None:
                self.on_full(True)

    def _shrunk(self, backlog: int) -> None:
        self._backlog = backlog
        if self.full and backlog <= self.high_water // 2:
            self.full = False
            if self.on_full is not None:
                self.on_full(False)

    # In the reactor's thread.

    def _write_all(self) -> None:
        """Leave all to a transport that keeps its own queue: TLS, a process's pipes, a test's."""
        while self._frames and self._transport is not None:
            self._transport.write(self._next_piece())
        self.handed_over = False
        if self._threaded:
            self.flush()

    def _drain(self) -> None:
        if self._transport is not None and not self._lost:
            self._transport.registerProducer(Rest(self.produce, self.lose), False)

    def produce(self) -> None:
        """Give the transport, which has sent all it had, the next piece; if there is none, end the hand-over."""
        if self._frames:
            piece = self._next_piece()
            self._transport.write(piece)
            self._shrunk(max(0, self._backlog - len(piece)))
            return
        self._transport.unregisterProducer()
        self.handed_over = False
        self._shrunk(0)
        self.flush()
