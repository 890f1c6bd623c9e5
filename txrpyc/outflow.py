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
4. After the connection is lost, frames are dropped.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet import tcp
from twisted.internet.interfaces import IPullProducer, ITransport
from zope.interface import implementer

__all__ = ["Outflow"]

_PIECE = 1 << 20
"""Bytes that are handed to the transport at once, and joined for one direct write."""


@implementer(IPullProducer)
class Outflow:
    """See the module.

    Args:
        in_reactor: runs a function soon in the reactor's thread; callable from any thread.
        threaded: whether `write` is called from other threads than the reactor's.

    Attributes:
        handed_over: whether the socket was full, so that the reactor must run for the rest to be sent.
    """

    def __init__(self, in_reactor: Callable[[Callable[[], None]], None], threaded: bool) -> None:
        self._in_reactor = in_reactor
        self._threaded = threaded
        self._frames: deque[bytes | memoryview] = deque()
        self._lock = threading.Lock()
        self._transport: Any = None
        self._direct: Callable[[Any], Any] | None = None
        self.handed_over = False
        self._lost = False

    # For the protocol.

    def attach(self, transport: ITransport) -> None:
        """Write to this transport from now on, beginning with what has collected."""
        self._transport = transport
        self.handed_over = False
        # By class, not by attribute: a TLS wrapper forwards unknown attributes to the socket below it.
        plain = isinstance(transport, tcp.Connection) and not getattr(transport, "TLS", False)
        self._direct = transport.writeSomeData if plain else None  # type: ignore[attr-defined]
        self.flush()

    def detach(self) -> None:
        """Forget the transport and what was not sent; collect until the next `attach`."""
        self._transport = None
        self.handed_over = False
        self._frames.clear()

    def lose(self) -> None:
        """Drop everything from now on: the connection is gone."""
        self._lost = True
        self._frames.clear()

    @contextmanager
    def corked(self) -> Iterator[None]:
        """Collect what is written inside, by any thread, and send it at the end."""
        mine = self._lock.acquire(blocking=False)
        try:
            yield
        finally:
            if mine:
                self._lock.release()
            self.flush()

    # For everybody.

    def write(self, frames: Iterable[bytes]) -> None:
        """Send frames behind all others. Any thread may call, also inside a garbage collection; never waits."""
        if not self._lost:
            self._frames.extend(frames)
            self.flush()

    def flush(self) -> None:
        """Send what has collected, as far as that is this thread's to do."""
        while self._frames and self._transport is not None and not self.handed_over:
            if not self._lock.acquire(blocking=False):
                return
            try:
                if not self.handed_over:
                    self._send()
            finally:
                self._lock.release()

    def _send(self) -> None:
        if self._direct is None:
            self._hand_over(self._write_all)
            return
        while self._frames:
            data = self._next_piece()
            sent = self._write_some(data)
            if sent < 0:
                self.lose()
            elif sent < len(data):
                self._frames.appendleft(memoryview(data)[sent:])
                if sent == 0:
                    self._hand_over(self._drain)
                    return

    def _write_some(self, data: bytes | memoryview) -> int:
        """Give how many bytes the socket took; -1 if it is broken, which the reader will learn by itself."""
        assert self._direct is not None
        try:
            sent = self._direct(data)
        except (OSError, AttributeError):
            # The reactor's thread closed the socket this very moment.
            return -1
        return sent if isinstance(sent, int) else -1

    def _next_piece(self) -> bytes | memoryview:
        first = self._frames.popleft()
        if not self._frames or len(first) >= _PIECE:
            return first
        pieces, size = [first], len(first)
        while self._frames and size + len(self._frames[0]) <= _PIECE:
            piece = self._frames.popleft()
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)

    def _hand_over(self, function: Callable[[], None]) -> None:
        self.handed_over = True
        if self._threaded:
            self._in_reactor(function)
        else:
            function()

    # In the reactor's thread.

    def _write_all(self) -> None:
        """Leave all to a transport that keeps its own queue: TLS, a process's pipes, a test's."""
        while self._frames and self._transport is not None:
            self._transport.write(bytes(self._next_piece()))
        self.handed_over = False
        if self._threaded:
            self.flush()

    def _drain(self) -> None:
        if self._transport is not None and not self._lost:
            self._transport.registerProducer(self, False)

    # For the transport (IPullProducer), whenever all it had is sent.

    def resumeProducing(self) -> None:
        """Give the transport its next piece, or, if there is none, end the hand-over."""
        if self._frames:
            piece = self._next_piece()
            if len(piece) > _PIECE:
                self._frames.appendleft(memoryview(piece)[_PIECE:])
                piece = memoryview(piece)[:_PIECE]
            self._transport.write(bytes(piece))
            return
        self._transport.unregisterProducer()
        self.handed_over = False
        self.flush()

    def stopProducing(self) -> None:
        """Take note that the transport is gone."""
        self._lost = True
        self._frames.clear()
