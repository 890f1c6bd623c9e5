"""A reactor of one's own for each blocking connection: made, never installed, and run by whoever leads the hub.

What interrupts it costs a system call only while somebody waits in a poll: who wants a step to return notes that
down, and then looks whether there is such a poll; the leader notes that it is about to poll, and then looks whether
somebody wants it to return. So at least one of them sees the other.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from txrpyc.blocking.busy_poll import BusyPoll
from txrpyc.blocking.little_reactor import LittleReactor

__all__ = ["PrivateReactor"]


class _Waker(Protocol):
    """Ends a poll: something to read, to which any thread may write."""

    def fileno(self) -> int: ...

    def wake(self) -> None: ...

    def doRead(self) -> None: ...

    def close(self) -> None: ...


class _EventWaker:
    """A waker that costs one descriptor and one system call."""

    def __init__(self) -> None:
        self._number = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def fileno(self) -> int:
        return self._number

    def wake(self) -> None:
        os.eventfd_write(self._number, 1)

    def doRead(self) -> None:
        with suppress(BlockingIOError):  # a forked process has it, too
            os.eventfd_read(self._number)

    def close(self) -> None:
        os.close(self._number)


class _SocketWaker:
    """A waker for systems without eventfd."""

    def __init__(self) -> None:
        self._ear, self._mouth = socket.socketpair()
        for end in (self._ear, self._mouth):
            end.setblocking(False)

    def fileno(self) -> int:
        return self._ear.fileno()

    def wake(self) -> None:
        with suppress(BlockingIOError):  # there is more than enough to read
            self._mouth.send(b"x")

    def doRead(self) -> None:
        with suppress(BlockingIOError):
            self._ear.recv(4096)

    def close(self) -> None:
        self._ear.close()
        self._mouth.close()


_make_waker: Callable[[], _Waker] = _EventWaker if hasattr(os, "eventfd") else _SocketWaker


class PrivateReactor:
    """What the leading thread does: `txrpyc.blocking.hub.Leadership` over a little reactor.

    Attributes:
        reactor: the reactor; to be touched by the leader only.
    """

    def __init__(self) -> None:
        self._waker = _make_waker()
        self.reactor = LittleReactor()
        self.reactor.addReader(self._waker)
        self._busy = BusyPoll()
        self._calls: deque[Callable[[], None]] = deque()
        self._interrupted = False
        self._polling = False
        self._disposed = False
        # Between waking and disposing: what is written to a descriptor that was just closed could land in another file.
        self._waking = threading.RLock()

    def call(self, function: Callable[[], None]) -> None:
        """Run a function at the beginning of the next step. Any thread may call, also inside a garbage collection.

        Unlike ``callFromThread`` this costs a system call only while somebody waits in a step.
        """
        self._calls.append(function)
        if self._polling:
            self._wake()

    # For the hub.

    def step(self, timeout: float | None) -> None:
        """Run the reactor until something has happened, at most so many seconds."""
        reactor = self.reactor
        while self._calls:
            self._calls.popleft()()
        timeout = reactor.call_due(timeout)
        self._polling = True
        try:
            if self._interrupted or self._calls:
                self._interrupted = False  # not after the poll: somebody may have asked since, for the next step
                timeout = 0.0
            # A timer that is due within that moment, which is rare, is called a moment late.
            ready = (self._busy.look(reactor.look) if timeout != 0 else None) or reactor.poll(timeout)
        finally:
            self._polling = False
        reactor.handle(ready)
        reactor.call_due(None)  # what was handled may have set a timer for at once: to close, say

    def interrupt(self) -> None:
        """Make a running step return."""
        self._interrupted = True
        if self._polling:
            self._wake()

    def _wake(self) -> None:
        if sys.is_finalizing():
            return  # the interpreter's end: all threads but this one are gone, perhaps with the lock
        with self._waking:
            if not self._disposed:
                self._waker.wake()

    def dispose(self) -> None:
        """Close what the reactor opened. It cannot be used again."""
        with self._waking:
            if self._disposed:
                return
            self._disposed = True
            self._calls.clear()
            self.reactor.close()
            self._waker.close()

    def disown(self) -> None:
        """Close what the reactor opened, in a child process."""
        self._waking = threading.RLock()
        self.dispose()

    def __del__(self) -> None:
        """Close the waker's descriptor, which is a plain number and would stay open."""
        if not getattr(self, "_disposed", True):
            self.dispose()
